package respondertest

import (
	"bytes"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

func crashAfterClaim(t *trial) {
	p, unknown := t.seeded(1, 2), t.person(2)
	a, b := t.Dispatch(t.T, p), t.Dispatch(t.T, unknown)
	t.crash(false, a, b)
	if t.left(p) == 0 {
		t.Fatal("the effect came before Erase")
	}
	r := t.Deliver(t.T, t.instance(), a, b)
	t.gone(p)
	t.counted(r, p, unknown, false)
}

func crashAfterEffect(t *trial) {
	p, unknown := t.seeded(1, 2), t.person(2)
	a, b := t.Dispatch(t.T, p), t.Dispatch(t.T, unknown)
	t.crash(true, a, b)
	r := t.Deliver(t.T, t.instance(), a, b)
	t.gone(p)
	t.counted(r, p, unknown, true)
}

// counted demands that the acknowledgement after a crash tells the truth: the exact counts where the ledger stands in the
// transaction; else lower bounds, and not_found of nobody.
func (t *trial) counted(r Result, p, unknown Person, afterEffect bool) {
	t.Helper()
	ack := t.answered(r, p)
	if t.Exact {
		twin := t.seeded(3, 2)
		want := t.answered(t.Deliver(t.T, t.instance(), t.Dispatch(t.T, twin)), twin).Found()
		if ack.Found() != want || ack.Resumed {
			t.Errorf("found %d (resumed %v) after the crash, want %d exactly", ack.Found(), ack.Resumed, want)
		}
		if o := t.answered(r, unknown).Outcome(); o != dsr.NotFound {
			t.Errorf("an unknown person is %s after the crash, want not_found: nothing was done", o)
		}
		return
	}
	if !afterEffect && ack.Found() == 0 {
		t.Error("nothing was found after a crash before the effect")
	}
	for _, a := range []dsr.Acknowledgement{ack, t.answered(r, unknown)} {
		if !a.Resumed {
			t.Error("the acknowledgement does not say that an earlier try may have acted")
		}
		for _, c := range a.Collections {
			if c.Outcome == dsr.NotFound || c.CountQuality == dsr.CountsExact {
				t.Errorf("%s is %s with %s counts after a crash, want no not_found and lower bounds", c.Name, c.Outcome, c.CountQuality)
			}
		}
	}
}

func crashBeforeAcknowledgement(t *trial) {
	p := t.seeded(1, 1)
	m := t.Dispatch(t.T, p)
	t.dies(func(die func()) {
		t.Bench.mu.Lock()
		t.onSend = die
		t.Bench.mu.Unlock()
		_, _ = t.instance().Handle(t.Context(), t.batch([]kafka.Message{m}))
	})
	t.Bench.mu.Lock()
	t.onSend = nil
	t.Bench.mu.Unlock()
	t.gone(p)
	ack := t.answered(t.Deliver(t.T, t.instance(), m), p)
	if ack.Found() == 0 || ack.Resumed {
		t.Errorf("found %d, resumed %v: the counts of the first try are lost", ack.Found(), ack.Resumed)
	}
}

func twoInstances(t *trial) {
	ps := []Person{t.seeded(1, 1), t.seeded(2, 2), t.seeded(3, 1)}
	var msgs []kafka.Message
	for _, p := range ps {
		msgs = append(msgs, t.Dispatch(t.T, p))
	}
	back := slices.Clone(msgs)
	slices.Reverse(back)
	results := map[dsr.RequestID][][]byte{}
	var g errgroup.Group
	for _, batch := range [][]kafka.Message{msgs, back} {
		r := t.instance()
		b := t.batch(batch)
		g.Go(func() error {
			for try := 0; len(b.Messages) > 0; try++ {
				n, err := r.Handle(t.Context(), b)
				if err != nil && try == 20 {
					return err
				}
				b.Messages = b.Messages[n:]
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	r := t.Published(t.T)
	for i, a := range r.Acknowledgements {
		results[a.RequestID] = append(results[a.RequestID], r.Bytes[i])
	}
	for _, p := range ps {
		t.gone(p)
		if ack := t.answered(r, p); ack.Found() == 0 {
			t.Error("one instance acknowledged what the other had left: 0 found")
		}
		if bs := results[p.Request]; len(bs) < 2 || slices.ContainsFunc(bs, func(b []byte) bool { return !bytes.Equal(b, bs[0]) }) {
			t.Errorf("%d acknowledgements of one step, want two with the same bytes", len(bs))
		}
	}
}
