package responder

import (
	"context"
	"fmt"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Listed is a [System] of one collection whose things can be listed for one identifier and removed one by one: files, the
// entries of an API, keys of a cache. It serves a batch one dispatch after the other; a system that knows batches implements
// [System] itself. All fields are required.
type Listed struct {
	Collection string
	Kind       string // the kind of identifier by which a person is found, for example email
	// List returns the keys of what there is under a value of that kind. It only reads.
	List func(ctx context.Context, value string) ([]string, error)
	// Remove removes one thing. That it is gone already is no error.
	Remove func(ctx context.Context, key string) error
	// Ping says whether the system works at all.
	Ping func(ctx context.Context) error
}

// Erase implements [System].
func (l Listed) Erase(ctx context.Context, ds []Dispatch) ([]Answer, error) {
	return Each(ctx, ds, func(ctx context.Context, d Dispatch) (Answer, error) {
		keys, err := l.list(ctx, d)
		if err != nil {
			return Answer{}, err
		}
		for i, key := range keys {
			if err := l.Remove(ctx, key); err != nil {
				return Answer{}, fmt.Errorf("remove %d of %d things from %s: %w", i+1, len(keys), l.Collection, err)
			}
		}
		return l.answer(d, Erased(l.Collection, int64(len(keys)))), nil
	})
}

// Verify implements [System].
func (l Listed) Verify(ctx context.Context, ds []Dispatch) ([]Answer, error) {
	return Each(ctx, ds, func(ctx context.Context, d Dispatch) (Answer, error) {
		keys, err := l.list(ctx, d)
		if err != nil {
			return Answer{}, err
		}
		return l.answer(d, Remaining(l.Collection, int64(len(keys)))), nil
	})
}

// Check implements [System].
func (l Listed) Check(ctx context.Context) error { return l.Ping(ctx) }

// MaxBatch implements [Batcher].
func (l Listed) MaxBatch() int { return oneByOne }

func (l Listed) list(ctx context.Context, d Dispatch) ([]string, error) {
	var all []string
	for _, v := range d.Values(l.Kind) {
		keys, err := l.List(ctx, v)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", l.Collection, err)
		}
		all = append(all, keys...)
	}
	return all, nil
}

// answer says not_searched for a person of whom no identifier of the right kind is known.
func (l Listed) answer(d Dispatch, a Answer) Answer {
	a.IdentifierKinds = []string{l.Kind}
	if len(d.Values(l.Kind)) == 0 {
		a.Collections[0].Outcome, a.IdentifierKinds = dsr.NotSearched, []string{}
	}
	return a
}
