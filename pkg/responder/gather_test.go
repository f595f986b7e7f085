package responder_test

import (
	"errors"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// TestPartitionsAreWorkedTogether: what the batches of several partitions share is the work, not the trouble.
func TestPartitionsAreWorkedTogether(t *testing.T) {
	batch := func(partition int, ms ...kafka.Message) kafka.Batch {
		b := batchOf(ms...)
		b.Partition = partition
		return b
	}
	t.Run("in_one_call_and_one_step_of_the_ledger", func(t *testing.T) {
		r := newRig(t, &scripted{})
		out := r.HandleAll(t.Context(), []kafka.Batch{batch(0, r.dispatches(t, 0, 3)...), batch(4, r.dispatches(t, 3, 5)...)})
		if len(out) != 2 || out[0] != (kafka.Outcome{Settled: 3}) || out[1] != (kafka.Outcome{Settled: 2}) {
			t.Errorf("got %+v", out)
		}
		if sizes := r.sizes(); len(sizes) != 1 || sizes[0] != 5 {
			t.Errorf("called with batches of %v, want one of 5", sizes)
		}
		if n := len(r.Published(t).Acknowledgements); n != 5 {
			t.Errorf("%d acknowledgements, want 5", n)
		}
	})
	t.Run("the_same_step_in_two_of_them_is_worked_once", func(t *testing.T) {
		r := newRig(t, &scripted{}) // a topic that got more partitions has a request's earlier attempt in another one
		first := r.Dispatch(t, person(1))
		later := r.Dispatch(t, person(1), func(d *dsr.Dispatch) { d.Attempt = 2 })
		out := r.HandleAll(t.Context(), []kafka.Batch{batch(0, first), batch(1, later)})
		if out[0] != (kafka.Outcome{Settled: 1}) || out[1] != (kafka.Outcome{Settled: 1}) {
			t.Errorf("got %+v", out)
		}
		got := r.Published(t)
		if a := ack(t, got, 1); len(got.Acknowledgements) != 1 || a.Attempt != 2 {
			t.Errorf("%d acknowledgements, the last of attempt %d, want one of attempt 2", len(got.Acknowledgements), a.Attempt)
		}
	})
	t.Run("one_that_is_halted_or_has_a_bad_message_holds_up_no_other", func(t *testing.T) {
		r := newRig(t, &scripted{})
		newer := r.dispatches(t, 0, 3)
		newer[1].Value = append([]byte{0xC3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8}, newer[1].Value[10:]...)
		bad := r.dispatches(t, 3, 5)
		bad[0].Value = []byte("garbage")
		out := r.HandleAll(t.Context(), []kafka.Batch{batch(0, newer...), batch(1, bad...), batch(2, r.dispatches(t, 5, 7)...)})
		var unknown *event.UnknownSchemaError
		if out[0].Settled != 1 || !errors.As(out[0].Err, &unknown) {
			t.Errorf("the halted one: %+v", out[0])
		}
		if out[1] != (kafka.Outcome{Settled: 2}) || out[2] != (kafka.Outcome{Settled: 2}) {
			t.Errorf("the others: %+v", out[1:])
		}
		if got := r.Published(t); len(got.Acknowledgements) != 4 || len(got.DeadLetters) != 1 {
			t.Errorf("%d acknowledgements and %d dead letters, want 4 and 1", len(got.Acknowledgements), len(got.DeadLetters))
		}
	})
}
