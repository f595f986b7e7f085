package coordinator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// Asked says how many requests asked a system again in a phase.
type Asked struct {
	System   string
	Phase    dsr.Phase
	Requests int
}

// Reconcile asks again, for every open request, whoever has not answered, because a topic may have lost messages: retention that was shorter
// than an outage, or a topic that was deleted. It reads the store and writes to its outbox, under the locks of every other
// transaction, so that coordinators may run or not: one that does publishes what was written. Running it twice asks twice and
// changes nothing more. See [lifecycle.Turn.Reconcile] for who is asked.
//
// Requests that cannot be asked for are passed over; the error names the first. What was written before an error stays.
func (c *Coordinator) Reconcile(ctx context.Context, delayed bool) ([]Asked, error) {
	all := map[Asked]int{}
	var errs []error
	var after lifecycle.ID
	for {
		ids, err := c.store.Open(ctx, after, c.cfg.Batch)
		if err != nil {
			errs = append(errs, err)
			break
		}
		if len(ids) == 0 {
			break
		}
		after = ids[len(ids)-1]
		if err := c.reconcileAll(ctx, sortedIDs(ids), delayed, all); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	out := make([]Asked, 0, len(all))
	for a, n := range maps.All(all) {
		a.Requests = n
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Asked) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Phase, b.Phase))
	})
	if len(errs) > 0 {
		return out, fmt.Errorf("reconcile: %w", errs[0])
	}
	return out, nil
}

// reconcileAll works some requests in one transaction, and halves them where one of them fails it.
func (c *Coordinator) reconcileAll(ctx context.Context, ids []lifecycle.ID, delayed bool, all map[Asked]int) error {
	asked := map[Asked]int{}
	err := c.transact(ctx, func(ctx context.Context, tx store.Tx, n *tally) error {
		clear(asked)
		return c.reconcileTx(ctx, tx, ids, delayed, asked, n)
	})
	switch {
	case err == nil:
		for a, n := range asked {
			all[a] += n
		}
		return nil
	case away(ctx, err):
		return err
	case len(ids) == 1:
		return fmt.Errorf("request %s: %w", ids[0].RequestID, err)
	}
	half := len(ids) / 2
	first := c.reconcileAll(ctx, ids[:half], delayed, all)
	return cmp.Or(first, c.reconcileAll(ctx, ids[half:], delayed, all))
}

func (c *Coordinator) reconcileTx(ctx context.Context, tx store.Tx, ids []lifecycle.ID, delayed bool, asked map[Asked]int, n *tally) error {
	now := tx.Now()
	open, err := tx.Requests(ctx, ids)
	if err != nil {
		return fmt.Errorf("load requests: %w", err)
	}
	turn, err := c.newTurn(ctx, tx, now, nil, nil)
	if err != nil {
		return err
	}
	for _, id := range ids {
		r := open[id]
		if r == nil { // sealed meanwhile
			continue
		}
		systems, err := turn.Reconcile(r, delayed)
		if err != nil {
			return err
		}
		for _, s := range systems {
			asked[Asked{System: s, Phase: r.Progress.Phase}]++
		}
	}
	return c.save(ctx, tx, turn, store.Changes{}, n)
}
