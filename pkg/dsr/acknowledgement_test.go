package dsr_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

func TestAckStateRank(t *testing.T) {
	order := []dsr.AckState{dsr.Delayed, dsr.AckFailed, dsr.AckAnswered}
	for i, s := range order {
		if int(s.Rank()) != i {
			t.Errorf("%s has rank %d, want %d", s, s.Rank(), i)
		}
	}
	if dsr.AckState("unheard_of").Rank() != 0 {
		t.Error("an unknown state outranks a known one")
	}
}

func TestCountsAdd(t *testing.T) {
	first := dsr.Counts{Found: 31, Erased: 27, Retained: 4, Cascaded: 2, Anonymised: 1, Pseudonymised: 3, Detached: 5, Exported: 6, Withheld: 7, Remaining: 1}
	second := dsr.Counts{Found: 1, Erased: 1, Retained: 4}
	want := dsr.Counts{Found: 32, Erased: 28, Retained: 4, Cascaded: 2, Anonymised: 1, Pseudonymised: 3, Detached: 5, Exported: 6, Withheld: 7, Remaining: 0}
	if d := cmp.Diff(want, first.Add(second)); d != "" {
		t.Error(d)
	}
}

func TestAcknowledgementSums(t *testing.T) {
	a := dsr.Acknowledgement{State: dsr.AckAnswered, Collections: []dsr.Collection{
		{Name: "customer", Outcome: dsr.Erased, Counts: dsr.Counts{Found: 1, Erased: 1}},
		{Name: "invoice", Outcome: dsr.Retained, Counts: dsr.Counts{Found: 4, Retained: 4, Remaining: 4}},
	}}
	if a.Found() != 5 || a.Remaining() != 4 || a.Outcome() != dsr.Retained {
		t.Errorf("found %d, remaining %d, %s", a.Found(), a.Remaining(), a.Outcome())
	}
	a.State = dsr.AckFailed
	if a.Outcome() != dsr.Failed {
		t.Errorf("a failed acknowledgement is %s", a.Outcome())
	}
	a.ErrorCode = dsr.CodeUnsupported
	if a.Outcome() != dsr.Unsupported {
		t.Errorf("a system that cannot do it is %s", a.Outcome())
	}
	if o := (dsr.Acknowledgement{State: dsr.AckAnswered}).Outcome(); o != dsr.NotSearched {
		t.Errorf("an acknowledgement without a line is %s", o)
	}
}

func TestDispatchExpires(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	d := dsr.Dispatch{RequestID: "r", Phase: dsr.Act, Round: 2, Systems: []string{"shop", "chats"}, NotAfter: at}
	if d.Expired(at) || !d.Expired(at.Add(time.Microsecond)) || (dsr.Dispatch{}).Expired(at) {
		t.Error("a dispatch expires right after not_after, and never without one")
	}
	if !d.Addresses("chats") || d.Addresses("chat") {
		t.Error("wrong addressees")
	}
	if d := cmp.Diff(dsr.Key{RequestID: "r", System: "shop", Phase: dsr.Act, Round: 2}, d.KeyFor("shop")); d != "" {
		t.Error(d)
	}
}
