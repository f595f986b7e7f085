package responder_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// silent is a broker that takes messages and never answers.
type silent struct{}

func (silent) Send(ctx context.Context, _ []kafka.Message) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestACallComesToItsEndInTimeWhateverItWaitsFor: the consumer gives up a handler, and with it the process, that is not back two thirds of
// the rebalance timeout after its partitions were taken away. Neither a system that is slow then nor a broker that does not answer may lead
// there, nor both, one after the other.
func TestACallComesToItsEndInTimeWhateverItWaitsFor(t *testing.T) {
	const rebalance = 30 * time.Second
	for name, busy := range map[string]time.Duration{"at once": 0, "after work": 5 * time.Second, "after the limit of work": 12 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{}
				ended := make(chan struct{})
				s.erase = func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
					close(ended)
					time.Sleep(busy) // it knows no context
					return all(ds, responder.Erased("things", 1)), nil
				}
				r := newRig(t, s, func(c *responder.Config) { c.RebalanceTimeout, c.Sender = rebalance, silent{} })
				b := batchOf(r.dispatches(t, 0, 3)...)
				b.Ended = ended
				begun := time.Now()
				n, err := r.Handle(t.Context(), b)
				if took := time.Since(begun); took >= 2*rebalance/3 {
					t.Errorf("returned after %s, by when the consumer has given it up", took)
				}
				if n != 0 || !errors.Is(err, context.Canceled) {
					t.Errorf("%d settled, error %v, want none and the end of the context", n, err)
				}
			})
		})
	}
}
