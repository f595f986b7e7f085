package responder

import (
	"context"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Each serves a batch one dispatch after the other, for a system that knows no batches. An error becomes that dispatch's own,
// and the others go on; only an [Unavailable] one ends the batch, which is then repeated. When ctx ends, what was not begun is
// left for later.
func Each(ctx context.Context, ds []Dispatch, do func(context.Context, Dispatch) (Answer, error)) ([]Answer, error) {
	as := make([]Answer, len(ds))
	for i, d := range ds {
		if err := ctx.Err(); err != nil {
			as[i].Err = errNotBegun
			continue
		}
		a, err := do(ctx, d)
		if Classify(err) == ClassUnavailable {
			return nil, err
		}
		if err != nil {
			a = Answer{Err: err}
		}
		as[i] = a
	}
	return as, nil
}

// Erased answers for one collection from which n things were removed; `not_found` for none.
func Erased(collection string, n int64) Answer {
	c := dsr.Collection{Name: collection, Outcome: dsr.Erased, Method: "delete", Counts: dsr.Counts{Found: n, Erased: n}}
	if n == 0 {
		c.Outcome = dsr.NotFound
	}
	return Answer{Collections: []dsr.Collection{c}}
}

// Remaining answers a look at one collection in which n things are left: `not_found` for none, else `failed`, for what is
// there has not been erased. A look is judged by its counts.
func Remaining(collection string, n int64) Answer {
	c := dsr.Collection{Name: collection, Outcome: dsr.NotFound, Method: "count", Counts: dsr.Counts{Found: n, Remaining: n}}
	if n > 0 {
		c.Outcome = dsr.Failed
	}
	return Answer{Collections: []dsr.Collection{c}}
}
