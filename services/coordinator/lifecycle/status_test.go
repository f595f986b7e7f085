package lifecycle_test

import (
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestStatusDelay: the answers of several systems go in one status, and none waits longer than it may.
func TestStatusDelay(t *testing.T) {
	w := newWorld(t)
	w.m.Policy.StatusDelay = time.Second
	r := w.admit("a", dsr.Erasure, "7", []string{"customer_id"}, "chats", "crm2", "shop")
	statuses := func() (out []dsr.Status) {
		for _, o := range w.out {
			if o.Status != nil {
				out = append(out, *o.Status)
			}
		}
		return out
	}
	told := func(what string, n int) {
		t.Helper()
		if got := statuses(); len(got) != n || got[n-1].Version != int64(n) {
			t.Errorf("%s: %d statuses, the last of version %d, want %d", what, len(got), got[len(got)-1].Version, n)
		}
	}
	told("admitted", 1)
	w.ack("a", "chats", dsr.Act, 1)
	told("one has answered", 1)
	if at := w.now.Add(time.Second); !r.WakeAt.Equal(at) {
		t.Errorf("wakes at %s, the news has to be told at %s", r.WakeAt, at)
	}
	w.tickAt(500 * time.Millisecond)
	told("before its time", 1)
	w.tickAt(time.Second)
	told("at its time", 2)
	last := statuses()[1]
	if state := last.Systems[0].State; state != string(dsr.AckAnswered) {
		t.Errorf("chats is %q", state)
	}
	if !r.WakeAt.Equal(r.Progress.Until) || !last.NextAt.Equal(r.WakeAt) {
		t.Errorf("wakes at %s, and the status says %s; nothing is due before %s", r.WakeAt, last.NextAt, r.Progress.Until)
	}
	w.tickAt(time.Hour)
	told("nothing is new", 2)

	w.ack("a", "crm2", dsr.Act, 1)
	told("another has answered", 2)
	w.ack("a", "shop", dsr.Act, 1)
	told("all have answered: the state has changed", 3)
	if s := statuses()[2]; s.State != dsr.Settling {
		t.Errorf("in state %s", s.State)
	}
	if !r.Progress.TellAt.IsZero() {
		t.Error("what was told is still to be told")
	}
}
