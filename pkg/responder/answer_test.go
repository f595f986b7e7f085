package responder

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
)

func TestJudge(t *testing.T) {
	known := []dsr.Identifier{{Kind: dsr.Email, Value: "a@example.org"}, {Kind: "customer_id", Value: "7"}, {Kind: dsr.Email, Value: "b@example.org"}}
	notFound := dsr.Collection{Name: "things", Outcome: dsr.NotFound}
	for name, test := range map[string]struct {
		d    Dispatch
		in   dsr.Collection
		want dsr.Collection
	}{
		"counts_are_exact_unless_said_otherwise": {
			Dispatch{Key: dsr.Key{Phase: dsr.Act}, Kind: dsr.Erasure, Identifiers: known},
			notFound,
			dsr.Collection{Name: "things", Outcome: dsr.NotFound, CountQuality: dsr.CountsExact},
		},
		"a_resumed_erasure_never_says_not_found": {
			Dispatch{Key: dsr.Key{Phase: dsr.Act}, Kind: dsr.Erasure, Identifiers: known, Resumed: true},
			notFound,
			dsr.Collection{
				Name: "things", Outcome: dsr.Erased, CountQuality: dsr.CountsLowerBound,
				Note: "nothing is left; an interrupted earlier try may have erased what there was.",
			},
		},
		"a_resumed_erasure_has_lower_bounds": {
			Dispatch{Key: dsr.Key{Phase: dsr.Act}, Kind: dsr.Erasure, Identifiers: known, Resumed: true},
			dsr.Collection{Name: "things", Outcome: dsr.Retained, Counts: dsr.Counts{Found: 2, Retained: 2}, CountQuality: dsr.CountsExact},
			dsr.Collection{Name: "things", Outcome: dsr.Retained, Counts: dsr.Counts{Found: 2, Retained: 2}, CountQuality: dsr.CountsLowerBound},
		},
		"unknown_counts_stay_unknown": {
			Dispatch{Key: dsr.Key{Phase: dsr.Act}, Kind: dsr.Erasure, Identifiers: known, Resumed: true},
			dsr.Collection{Name: "things", Outcome: dsr.Erased, CountQuality: dsr.CountsUnknown},
			dsr.Collection{Name: "things", Outcome: dsr.Erased, CountQuality: dsr.CountsUnknown},
		},
		"a_resumed_look_only_reads": {
			Dispatch{Key: dsr.Key{Phase: dsr.Verify}, Kind: dsr.Erasure, Identifiers: known, Resumed: true},
			notFound,
			dsr.Collection{Name: "things", Outcome: dsr.NotFound, CountQuality: dsr.CountsExact},
		},
		"a_resumed_export_only_reads": {
			Dispatch{Key: dsr.Key{Phase: dsr.Act}, Kind: dsr.Access, Identifiers: known, Resumed: true},
			notFound,
			dsr.Collection{Name: "things", Outcome: dsr.NotFound, CountQuality: dsr.CountsExact},
		},
		"who_had_nothing_to_look_with_has_not_searched": {
			Dispatch{Key: dsr.Key{Phase: dsr.Act}, Kind: dsr.Erasure},
			notFound,
			dsr.Collection{Name: "things", Outcome: dsr.NotSearched, CountQuality: dsr.CountsExact},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := judge(test.d, Answer{Collections: []dsr.Collection{test.in}})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]dsr.Collection{test.want}, got.Collections); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
	a, err := judge(Dispatch{Identifiers: known}, Answer{})
	if d := cmp.Diff([]string{"email", "customer_id"}, a.IdentifierKinds); err != nil || d != "" {
		t.Errorf("searched with (%v):\n%s", err, d)
	}
}

func TestAckIDIsPinned(t *testing.T) {
	k := dsr.Key{Tenant: "acme", RequestID: "7f3c0000-0000-4000-8000-000000000001", System: "shop", Phase: dsr.Act, Round: 1}
	if got, want := AckID(k, 1, dsr.AckAnswered), "714ecfd5-b1a1-8df4-9836-b891c9c3af49"; got != want {
		t.Errorf("id %s, want %s: a changed id makes an old acknowledgement a new one", got, want)
	}
	seen := map[string]bool{}
	for _, other := range []string{
		AckID(k, 1, dsr.AckAnswered), AckID(k, 2, dsr.AckAnswered), AckID(k, 1, dsr.AckFailed),
		AckID(dsr.Key{Tenant: "acmes", RequestID: k.RequestID, System: "hop", Phase: k.Phase, Round: 1}, 1, dsr.AckAnswered),
		AckID(dsr.Key{Tenant: "acme", RequestID: k.RequestID, System: "shop", Phase: k.Phase, Round: 2}, 1, dsr.AckAnswered),
		AckID(dsr.Key{Tenant: "acme", RequestID: k.RequestID, System: "shop", Phase: dsr.Verify, Round: 1}, 1, dsr.AckAnswered),
	} {
		if seen[other] {
			t.Errorf("id %s twice", other)
		}
		seen[other] = true
	}
}

// acknowledged is an acknowledgement whose evidence schemas/README.md shows.
func acknowledged() dsr.Acknowledgement {
	until := time.Date(2036, 12, 31, 0, 0, 0, 0, time.UTC)
	return dsr.Acknowledgement{
		Key:     dsr.Key{RequestID: "7f3c2b1a-0d9e-4c8f-8a7b-6c5d4e3f2aa1", System: "shop", Phase: dsr.Act, Round: 1},
		Kind:    dsr.Erasure,
		Attempt: 1, State: dsr.AckAnswered,
		Collections: []dsr.Collection{
			{Name: "orders", Outcome: dsr.Erased, Counts: dsr.Counts{Found: 3, Erased: 2, Cascaded: 1}, CountQuality: dsr.CountsExact, Method: "delete", MethodVersion: "sql/1"},
			{Name: "invoices", Outcome: dsr.Retained, Counts: dsr.Counts{Found: 4, Retained: 4}, CountQuality: dsr.CountsExact, Method: "keep", MethodVersion: "sql/1", Until: &until},
		},
	}
}

// TestEvidenceIsWhatTheSchemasSay: the text and the hash of the example are those that are made, and as another implementation
// would write them.
func TestEvidenceIsWhatTheSchemasSay(t *testing.T) {
	got, err := Evidence(acknowledged(), nil)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../schemas/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```\n"+string(got)+"\n```") {
		t.Errorf("schemas/README.md does not show the evidence\n%s", got)
	}
	if sum := sha256.Sum256(got); !strings.Contains(string(readme), hex.EncodeToString(sum[:])) {
		t.Errorf("schemas/README.md does not show its SHA-256 %x", sum)
	}
}

// TestEvidenceIsMadeAgainFromTheAcknowledgement: as schemas/README.md says it, with another library, from the bytes on the topic.
func TestEvidenceIsMadeAgainFromTheAcknowledgement(t *testing.T) {
	codec, err := event.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	a := acknowledged()
	a.Tenant, a.FirstAt, a.DoneAt, a.AckID = "acme \u2028\u2029 & \\u2028 <co>", time.Now(), time.Now(), AckID(a.Key, 1, a.State)
	made, err := Evidence(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := codec.EncodeAcknowledgement(a)
	if err != nil {
		t.Fatal(err)
	}
	read, err := codec.DecodeAcknowledgement(b)
	if err != nil {
		t.Fatal(err)
	}
	collections := []any{}
	for _, c := range read.Collections {
		n := c.Counts
		line := map[string]any{
			"name": c.Name, "outcome": c.Outcome, "count_quality": c.CountQuality, "method": c.Method, "method_version": c.MethodVersion, "until": nil,
			"counts": map[string]any{
				"found": n.Found, "erased": n.Erased, "anonymised": n.Anonymised, "pseudonymised": n.Pseudonymised, "detached": n.Detached,
				"retained": n.Retained, "exported": n.Exported, "withheld": n.Withheld, "cascaded": n.Cascaded, "remaining": n.Remaining,
			},
		}
		if c.Until != nil {
			line["until"] = c.Until.UnixMicro()
		}
		collections = append(collections, line)
	}
	loose, err := json.Marshal(map[string]any{
		"request_id": read.RequestID, "tenant": read.Tenant, "system": read.System, "phase": read.Phase, "round": read.Round, "attempt": read.Attempt,
		"collections": collections, "own_sha256": "",
	})
	if err != nil {
		t.Fatal(err)
	}
	again, err := jcs.Transform(loose)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(made) {
		t.Errorf("made again it is\n%s\nand was\n%s", again, made)
	}
}

// TestNoTwoAnswersShareTheirEvidence: the hash of one person's answer cannot stand for another's.
func TestNoTwoAnswersShareTheirEvidence(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*dsr.Acknowledgement) []byte{
		"itself":           func(*dsr.Acknowledgement) []byte { return nil },
		"another_request":  func(a *dsr.Acknowledgement) []byte { a.RequestID = "00000000-0000-4000-8000-000000000001"; return nil },
		"another_tenant":   func(a *dsr.Acknowledgement) []byte { a.Tenant = "other"; return nil },
		"another_system":   func(a *dsr.Acknowledgement) []byte { a.System = "crm"; return nil },
		"another_phase":    func(a *dsr.Acknowledgement) []byte { a.Phase = dsr.Verify; return nil },
		"another_round":    func(a *dsr.Acknowledgement) []byte { a.Round = 2; return nil },
		"another_attempt":  func(a *dsr.Acknowledgement) []byte { a.Attempt = 2; return nil },
		"another_count":    func(a *dsr.Acknowledgement) []byte { a.Collections[0].Counts.Found++; return nil },
		"evidence_its_own": func(*dsr.Acknowledgement) []byte { return []byte("receipt 7") },
		"another_receipt":  func(*dsr.Acknowledgement) []byte { return []byte("receipt 8") },
		"an_empty_receipt": func(*dsr.Acknowledgement) []byte { return []byte{} },
	} {
		a := acknowledged()
		own := change(&a)
		b, err := Evidence(a, own)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[string(b)]; ok {
			t.Errorf("%s and %s share %s", name, other, b)
		}
		seen[string(b)] = name
	}
}

func TestClassify(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for name, test := range map[string]struct {
		err  error
		want Class
	}{
		"nothing":                   {nil, ""},
		"an_unknown_error":          {errors.New("x"), ClassTransient},
		"a_refused_connection":      {fmt.Errorf("ask: %w", dial), ClassUnavailable},
		"a_reset_connection":        {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, ClassUnavailable},
		"a_connection_cut_off":      {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), ClassUnavailable},
		"a_mark_wins":               {Permanent(dial), ClassPermanent},
		"a_mark_under_a_wrap":       {fmt.Errorf("erase: %w", Unavailable(errors.New("x"))), ClassUnavailable},
		"the_outermost_mark_counts": {Transient(Permanent(errors.New("x"))), ClassTransient},
		"a_mark_of_nothing":         {Permanent(nil), ""},
		"unsupported":               {ErrUnsupported, ClassPermanent},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Classify(test.err); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestTokenNamesTheStep(t *testing.T) {
	d := Dispatch{Key: dsr.Key{Tenant: "acme", RequestID: "7f3c0000-0000-4000-8000-000000000001", System: "shop", Phase: dsr.Act, Round: 2}, Attempt: 3}
	k, attempt, err := parseToken(d.Token())
	if err != nil || k != d.Key || attempt != 3 {
		t.Errorf("token came back as %+v, attempt %d (%v)", k, attempt, err)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("")
	f.Add(Dispatch{Key: dsr.Key{RequestID: "r", System: "s"}}.Token())
	f.Fuzz(func(t *testing.T, s string) {
		k, attempt, err := parseToken(s)
		if err != nil {
			return
		}
		again, n, err := parseToken(Dispatch{Key: k, Attempt: attempt}.Token())
		if err != nil || again != k || n != attempt {
			t.Errorf("%q: %+v %d became %+v %d (%v)", s, k, attempt, again, n, err)
		}
	})
}

func TestSourceKeepsTheMessage(t *testing.T) {
	it := &item{}
	it.msg.Topic, it.msg.Partition, it.msg.Offset, it.msg.Key, it.msg.Value = "t", 3, 9, []byte{0xff}, []byte{0, 1, 0xfe}
	it.msg.Time = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	var s source
	if err := json.Unmarshal(it.source(), &s); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(source{"t", 3, 9, []byte{0xff}, []byte{0, 1, 0xfe}, nil, it.msg.Time}, s); d != "" {
		t.Error(d)
	}
}
