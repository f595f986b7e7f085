package completion

import (
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// chainOf is a record with two addenda: the silent system answers late, then the person is told.
func chainOf(t *testing.T) []*Verified {
	t.Helper()
	s := testSigner(1)
	var chain []*Verified
	add := func(r *Record) {
		t.Helper()
		if n := len(chain); n > 0 {
			before := chain[n-1]
			r.Type, r.Number = TypeAddendum, int32(n)
			r.RecordID = strings.Replace(r.RecordID, "0b0c3a5", "0b0c3a"+string(rune('5'+n)), 1)
			r.Previous = &Previous{RecordID: before.Record.RecordID, SHA256: before.SHA256[:]}
			r.AsOf = before.Record.AsOf.AddDate(0, 0, 1)
		}
		sealed, err := Seal(r, s)
		if err != nil {
			t.Fatal(err)
		}
		v, err := Verify(sealed.Envelope, s.Verifier())
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, v)
	}
	silent := erasure()
	silent.Systems[1] = System{Name: "chats", Relation: Unknown, Collections: []Collection{{Name: AllCollections, Outcome: dsr.NoAnswer, CountQuality: dsr.CountsUnknown}}, Physical: Physical{State: Unknown}}
	add(silent)
	add(erasure())
	told := erasure()
	told.Clock.Answer = &Answer{InformedAt: at("2026-11-29T10:00:00Z"), Channel: "e-mail"}
	add(told)
	return chain
}

func TestVerifyChain(t *testing.T) {
	chain := chainOf(t)
	results := []dsr.Result{dsr.Incomplete, dsr.Complete, dsr.Complete}
	for i, v := range chain {
		if v.Record.Result != results[i] {
			t.Errorf("number %d is %s", i, v.Record.Result)
		}
	}
	if chain[2].Record.Clock.OnTime != OnTime {
		t.Errorf("told on time: %s", chain[2].Record.Clock.OnTime)
	}
	if err := VerifyChain(chain); err != nil {
		t.Error(err)
	}
	if err := VerifyChain(chain[:2]); err != nil {
		t.Error(err)
	}
	changed := func(i int, f func(*Verified)) []*Verified {
		out := chainOf(t)
		f(out[i])
		return out
	}
	for _, tc := range []struct {
		name  string
		chain []*Verified
		want  string
	}{
		{"nothing", nil, "no record"},
		{"the_record_is_missing", chain[1:], "has number 1 where number 0 belongs"},
		{"an_addendum_is_missing", []*Verified{chain[0], chain[2]}, "has number 2"},
		{"out_of_order", []*Verified{chain[0], chain[2], chain[1]}, "has number 2"},
		{"another_version_of_the_record", changed(0, func(v *Verified) { v.SHA256[0] ^= 1 }), "another version"},
		{"another_record", changed(0, func(v *Verified) { v.Record.RecordID = "1b0c3a52-5d0e-5c6b-9d0b-3f5e9a3c7a10" }), "does not follow"},
		{"another_request", changed(1, func(v *Verified) { v.Record.Request.ID = "8f3c1e52-9a4b-4c8d-8e2f-0123456789a1" }), "another request"},
		{"another_tenant", changed(2, func(v *Verified) { v.Record.Tenant = "other" }), "another request"},
		{"another_person", changed(1, func(v *Verified) { v.Record.Subject.Ref = "x" }), "another person"},
		{"an_addendum_that_is_older", changed(2, func(v *Verified) { v.Record.AsOf = at("2026-11-01T00:00:00Z") }), "older"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := VerifyChain(tc.chain); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
