package rowset

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

func id(n int) lifecycle.ID {
	return lifecycle.ID{RequestID: dsr.RequestID(fmt.Sprintf("00000000-0000-4000-8000-%012x", n))}
}

func TestRowsAreSortedAndWithoutDoubles(t *testing.T) {
	var c store.Changes
	known := Known{Open: map[lifecycle.ID]bool{}, Claimed: map[lifecycle.ID]bool{}}
	for _, n := range []int{3, 1, 2} {
		known.Claimed[id(n)], known.Open[id(n+10)] = true, true
		refs := []lifecycle.Ref{"b", "a"}
		c.Requests = append(c.Requests,
			&lifecycle.Request{ID: id(n), Refs: refs, Fresh: true, Steps: []*lifecycle.Step{{System: "a", Phase: "act"}, {System: "b", Phase: "act"}}},
			&lifecycle.Request{ID: id(n + 10), Refs: refs, Dirty: true, RefsDirty: true, IdentDirty: true})
		c.Corrected = append(c.Corrected, id(n), id(n))
		c.Wake = append(c.Wake, store.Subject{Ref: lifecycle.Ref(rune('z' - n))}, store.Subject{Ref: "z"})
		c.Rejections = append(c.Rejections,
			store.Rejection{Rejection: dsr.Rejection{Topic: "t", Offset: int64(n), Reason: "first"}},
			store.Rejection{Rejection: dsr.Rejection{Topic: "t", Offset: int64(n), Reason: "second"}})
	}
	s, err := Of(c, known)
	if err != nil {
		t.Fatal(err)
	}
	for name, ids := range map[string][]lifecycle.ID{
		"insert":      idsOf(s.Insert, func(r Request) lifecycle.ID { return r.ID }),
		"update":      idsOf(s.Update, func(r Request) lifecycle.ID { return r.ID }),
		"identifiers": idsOf(s.Identifier, func(r Identifiers) lifecycle.ID { return r.ID }),
		"refs":        idsOf(s.Refs, func(r Refs) lifecycle.ID { return r.ID }),
		"corrected":   s.Corrected,
		"steps":       slices.Compact(idsOf(s.Steps, func(r Step) lifecycle.ID { return r.ID })),
	} {
		if len(ids) != 3 || !slices.IsSortedFunc(ids, lifecycle.ID.Compare) {
			t.Errorf("%s: %v", name, ids)
		}
	}
	if len(s.AddRefs) != 12 || !slices.IsSortedFunc(s.AddRefs, Ref.compare) {
		t.Errorf("pseudonyms: %v", s.AddRefs)
	}
	if len(s.Wake) != 4 || !slices.IsSortedFunc(s.Wake, CompareSubjects) {
		t.Errorf("wake: %v", s.Wake)
	}
	if len(s.Rejections) != 3 || s.Rejections[0].Offset != 1 || s.Rejections[0].Reason != "first" {
		t.Errorf("rejections: %v", s.Rejections)
	}
	if s.Empty() || !(&Set{}).Empty() {
		t.Error("Empty is wrong")
	}
}

func idsOf[R any](rows []R, of func(R) lifecycle.ID) []lifecycle.ID {
	out := make([]lifecycle.ID, len(rows))
	for i, r := range rows {
		out[i] = of(r)
	}
	return out
}

func TestUUIDIsItsLowerCaseText(t *testing.T) {
	for range 100 {
		want := dsr.RequestID(uuid.NewString())
		u, err := UUID(want)
		if err != nil || RequestID(u) != want || u != uuid.MustParse(string(want)) {
			t.Fatalf("%s became %s, %v", want, RequestID(u), err)
		}
	}
	good := uuid.NewString()
	for _, bad := range []string{"", "7", strings.ToUpper("A" + good[1:]), strings.ReplaceAll(good, "-", ""), "{" + good[2:] + "}", good[:35] + "g", good[:8] + "0" + good[9:], good[:9] + "-" + good[10:]} {
		if _, err := UUID(dsr.RequestID(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func messages() []store.Message {
	return []store.Message{
		{Topic: "lethe.request-status", Key: []byte("k"), Value: bytes.Repeat([]byte{0, 1, 255}, 500), Headers: []store.Header{{Key: "ce_id", Value: []byte("x")}, {Key: "", Value: nil}}},
		{Topic: "", Key: nil, Value: nil},
		{Topic: "t", Key: []byte{}, Value: []byte{}},
	}
}

func TestFrameComesBackAsItWas(t *testing.T) {
	want := messages()
	got, err := DecodeFrame(0, EncodeFrame(want))
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", d, err)
	}
}

func TestDamagedFrameIsRefused(t *testing.T) {
	whole := EncodeFrame(messages()[:1])
	if _, err := DecodeFrame(0, nil); err == nil {
		t.Error("an empty one was taken")
	}
	for n := 2; n < len(whole); n++ {
		if _, err := DecodeFrame(0, whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were taken", n, len(whole))
		}
	}
	whole[0] = 9
	if _, err := DecodeFrame(0, whole); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a later version: %v", err)
	}
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add(EncodeFrame(messages()))
	f.Add([]byte{frameVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		ms, err := DecodeFrame(3, b)
		if err != nil {
			return
		}
		again, err := DecodeFrame(3, EncodeFrame(ms))
		if d := cmp.Diff(ms, again, cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Errorf("(-first +second):\n%s%v", d, err)
		}
	})
}

func TestMessagesOfAShardAreSplitWhereTheyAreLarge(t *testing.T) {
	var ms []store.Message
	for i := range 10 {
		ms = append(ms, store.Message{Shard: i % 2, Topic: "t", Key: []byte{byte(i)}, Value: make([]byte, maxFrame/3)})
	}
	ms = append(ms, store.Message{Shard: 1, Topic: "t", Key: []byte{99}, Value: make([]byte, 2*maxFrame)})
	rows, err := frame(ms)
	if err != nil {
		t.Fatal(err)
	}
	var keys [2][]byte
	for _, row := range rows {
		got, err := DecodeFrame(row.Shard, row.Body)
		if err != nil {
			t.Fatal(err)
		}
		if len(row.Body) > maxFrame && len(got) > 1 {
			t.Errorf("a row of %d messages has %d bytes", len(got), len(row.Body))
		}
		for _, m := range got {
			keys[m.Shard] = append(keys[m.Shard], m.Key[0])
		}
	}
	if d := cmp.Diff([2][]byte{{0, 2, 4, 6, 8}, {1, 3, 5, 7, 9, 99}}, keys); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestAShardOutOfRangeIsAMistake(t *testing.T) {
	for _, shard := range []int{-1, 1 << 15} {
		if _, err := frame([]store.Message{{Shard: shard}}); err == nil {
			t.Errorf("shard %d was taken", shard)
		}
	}
}

func sealedRequest() *lifecycle.Request {
	now := time.Date(2026, 11, 24, 9, 14, 3, 123456000, time.UTC)
	return &lifecycle.Request{
		ID: id(1), Seq: 7, Version: 9, State: dsr.Sealed, Kind: dsr.Erasure, Trace: "00-…-01",
		Frozen: lifecycle.Frozen{
			Request: dsr.SubjectRequest{RequestID: id(1).RequestID, Kind: dsr.Erasure, ReceivedAt: now, Scope: &dsr.Scope{Systems: []string{"shop"}}},
			Systems: []string{"shop"}, MapSHA256: []byte{1, 2}, DueAt: now.AddDate(0, 1, 0),
		},
		Progress:    lifecycle.Progress{Number: 1, Previous: &lifecycle.Previous{RecordID: "r", SHA256: []byte{3}}, Inferred: map[string]string{"a": "not_found"}},
		Identifiers: []byte{0xff, 0}, Refs: []lifecycle.Ref{"\x00\xff", "x"},
		Steps: []*lifecycle.Step{{System: "shop", Phase: dsr.Act, Round: 1, Attempt: 2, State: dsr.AckAnswered, Body: []byte{0, 0xff}}, {System: "shop", Phase: dsr.Verify, Round: 1, State: dsr.Delayed}},
	}
}

func TestArchiveComesBackAsItWas(t *testing.T) {
	want := sealedRequest()
	b, err := EncodeArchive(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeArchive(want.ID, b)
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(lifecycle.Step{})); d != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", d, err)
	}
	for n := range len(b) {
		if _, err := DecodeArchive(want.ID, b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were taken", n, len(b))
		}
	}
	if _, err := DecodeArchive(want.ID, append(b, 0)); err == nil {
		t.Error("a trailing byte was taken")
	}
}

func FuzzDecodeArchive(f *testing.F) {
	b, err := EncodeArchive(sealedRequest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeArchive(id(1), b)
		if err != nil {
			return
		}
		if _, err := EncodeArchive(r); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}

func TestRefsComeBackAsTheyWere(t *testing.T) {
	for _, want := range [][]lifecycle.Ref{nil, {"a"}, {"", "\x00\xff", lifecycle.Ref(strings.Repeat("x", 300))}} {
		b := EncodeRefs(want)
		got, err := DecodeRefs(b)
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Errorf("(-want +got):\n%s%v", d, err)
		}
		if len(want) > 0 {
			if _, err := DecodeRefs(b[:len(b)-1]); err == nil && len(want[len(want)-1]) > 0 {
				t.Error("damaged ones were taken")
			}
		}
	}
}

func FuzzDecodeRefs(f *testing.F) {
	f.Add(EncodeRefs([]lifecycle.Ref{"a", "bc"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		refs, err := DecodeRefs(b)
		if err != nil {
			return
		}
		again, err := DecodeRefs(EncodeRefs(refs))
		if d := cmp.Diff(refs, again, cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Errorf("(-first +second):\n%s%v", d, err)
		}
	})
}

func TestAMistakeOfTheProgramIsNoBadRow(t *testing.T) {
	for name, c := range map[string]store.Changes{
		"not_loaded":          {Requests: []*lifecycle.Request{{ID: id(1), Dirty: true}}},
		"not_claimed":         {Requests: []*lifecycle.Request{{ID: id(1), Fresh: true}}},
		"not_from_archive":    {Requests: []*lifecycle.Request{{ID: id(1), Reopened: true}}},
		"record_of_no_one":    {Records: []store.Record{{ID: id(1), SealedAt: time.Now()}}},
		"shard_out_of_bounds": {Outbox: []store.Message{{Shard: -1}}},
	} {
		_, err := Of(c, Known{})
		var row *store.BadRowError
		if err == nil || errors.As(err, &row) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
