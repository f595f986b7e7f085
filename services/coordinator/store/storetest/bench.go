package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

const (
	benchBatch  = 500
	benchShards = 16
)

// Load is what [Bench] puts on a store.
type Load struct {
	Workers int // side by side, as partitions are
	// Together: a batch of acknowledgements holds all three of a request, as where the systems keep pace with each other. Apart,
	// each system answers for all requests in transactions of its own, and every row is written three times as often.
	Together bool
}

// Bench takes b.N batches of 500 erasures each from admission to the seal, as a coordinator does it: admission, three
// acknowledgements of the act, the clock's look, three acknowledgements of the look, the seal with the last of them, in
// transactions of 500 messages. A relay takes what is to be published.
func Bench(b *testing.B, open func(testing.TB) store.Store, load Load) {
	s := open(b)
	ctx := b.Context()
	relayCtx, stop := context.WithCancel(ctx)
	var relay errgroup.Group
	relay.Go(func() error { return drain(relayCtx, s) })

	var next atomic.Int64
	var group errgroup.Group
	b.ResetTimer()
	for w := range load.Workers {
		group.Go(func() error {
			p := &bencher{s: s, worker: w, together: load.Together}
			for next.Add(1) <= int64(b.N) {
				if err := p.life(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	stop()
	if err := relay.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "requests/s")
}

type bencher struct {
	s        store.Store
	worker   int
	together bool
	offsets  [2]int64
}

// life is one batch of requests from admission to the seal.
func (p *bencher) life(ctx context.Context) error {
	ids := newIDs(benchBatch)
	if err := p.admit(ctx, ids); err != nil {
		return fmt.Errorf("admit: %w", err)
	}
	if err := p.answers(ctx, ids, dsr.Act); err != nil {
		return fmt.Errorf("act: %w", err)
	}
	if err := p.tick(ctx, ids); err != nil {
		return fmt.Errorf("tick: %w", err)
	}
	if err := p.answers(ctx, ids, dsr.Verify); err != nil {
		return fmt.Errorf("look: %w", err)
	}
	return nil
}

// answers takes in three acknowledgements for each request, in three transactions.
func (p *bencher) answers(ctx context.Context, ids []lifecycle.ID, phase dsr.Phase) error {
	systems := []string{"chats", "shop", "vectors"}
	for i, system := range systems {
		part, from := ids, []string{system}
		if p.together {
			part, from = ids[i*len(ids)/3:(i+1)*len(ids)/3], systems
		}
		if err := p.acknowledge(ctx, part, from, phase, p.together || i == 2); err != nil {
			return err
		}
	}
	return nil
}

func (p *bencher) source(kind int) *store.Source {
	p.offsets[kind] += benchBatch
	return &store.Source{Topic: []string{"subject-requests", "acknowledgements"}[kind], Partition: p.worker, Next: p.offsets[kind]}
}

func (p *bencher) admit(ctx context.Context, ids []lifecycle.ID) error {
	source := p.source(0)
	return p.s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Sources(ctx, source.Topic, []int{source.Partition}); err != nil {
			return err
		}
		rs := make([]*lifecycle.Request, len(ids))
		keys := make([]store.Key, len(ids))
		for i, id := range ids {
			rs[i], keys[i] = fresh(id, tx.Now(), 0), keyOf(id)
		}
		if err := tx.LockSubjects(ctx, subjectsOf(rs...)); err != nil {
			return err
		}
		if _, err := tx.Keys(ctx, keys); err != nil {
			return err
		}
		if _, err := tx.Neighbours(ctx, subjectsOf(rs...)); err != nil {
			return err
		}
		first, err := tx.Seq(ctx, len(ids))
		if err != nil {
			return err
		}
		ch := store.Changes{Sources: []store.Source{*source}, Requests: rs}
		for i, r := range rs {
			r.Seq = first + int64(i)
			ch.Outbox = append(ch.Outbox, message(r.ID, benchShards, "erasure", 400), message(r.ID, benchShards, "request-status", 150))
		}
		return tx.Save(ctx, ch)
	})
}

func (p *bencher) acknowledge(ctx context.Context, ids []lifecycle.ID, systems []string, phase dsr.Phase, last bool) error {
	source := p.source(1)
	return p.s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Sources(ctx, source.Topic, []int{source.Partition}); err != nil {
			return err
		}
		open, err := tx.Requests(ctx, ids)
		if err != nil {
			return err
		}
		ch := store.Changes{Sources: []store.Source{*source}}
		for _, id := range ids {
			r := open[id]
			if r == nil {
				return fmt.Errorf("request %s is not open", id.RequestID)
			}
			for _, system := range systems {
				acknowledge(r, system, phase, 1, 1, dsr.AckAnswered)
			}
			switch {
			case last && phase == dsr.Act:
				r.State, r.Progress.SettleAt, r.WakeAt = dsr.Settling, tx.Now(), tx.Now()
			case last:
				ch.Records = append(ch.Records, seal(r, tx.Now()))
				ch.Wake = append(ch.Wake, subjectsOf(r)...)
				ch.Outbox = append(ch.Outbox, message(id, benchShards, "completions", 3000))
			}
			ch.Requests = append(ch.Requests, r)
			ch.Outbox = append(ch.Outbox, message(id, benchShards, "request-status", 150))
		}
		return tx.Save(ctx, ch)
	})
}

func (p *bencher) tick(ctx context.Context, ids []lifecycle.ID) error {
	return p.s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
		subjects, err := tx.Refs(ctx, ids)
		if err != nil {
			return err
		}
		if err := tx.LockSubjects(ctx, subjects); err != nil {
			return err
		}
		open, err := tx.Requests(ctx, ids)
		if err != nil {
			return err
		}
		if _, err := tx.Neighbours(ctx, subjects); err != nil {
			return err
		}
		var ch store.Changes
		for _, id := range ids {
			r := open[id]
			r.State, r.Progress.Phase, r.Progress.LookRound, r.Dirty = dsr.Verifying, dsr.Verify, 1, true
			r.Progress.Expect, r.WakeAt = r.Frozen.Systems, tx.Now().Add(7*24*time.Hour)
			r.Version++
			ch.Requests = append(ch.Requests, r)
			ch.Outbox = append(ch.Outbox, message(id, benchShards, "verification", 400), message(id, benchShards, "request-status", 150))
		}
		return tx.Save(ctx, ch)
	})
}

// drain is a relay that publishes to nowhere.
func drain(ctx context.Context, s store.Store) error {
	out, err := s.Outbox(ctx)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // nothing is lost with it
	shards := make([]int, benchShards)
	for i := range shards {
		shards[i] = i
	}
	if _, err := out.Acquire(ctx, shards); err != nil {
		return err
	}
	for ctx.Err() == nil {
		rows, err := out.Fetch(ctx, shards, 4<<20)
		if err == nil && len(rows) > 0 {
			ids := make([]int64, len(rows))
			for i, row := range rows {
				ids[i] = row.ID
			}
			err = out.Delete(ctx, ids)
		} else if err == nil {
			err = out.Wait(ctx, time.Second)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}
