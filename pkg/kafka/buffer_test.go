package kafka

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func pageOf(first, n int, size int) page {
	p := page{next: int64(first + n)}
	for i := range n {
		p.messages = append(p.messages, Message{Offset: int64(first + i), Value: make([]byte, size)})
	}
	return p
}

func TestBuffer_hands_out_what_fits_and_says_where_to_go_on(t *testing.T) {
	b := newBuffer(1<<20, 10)
	b.put(pageOf(10, 5, 0))
	b.put(page{next: 20}) // five offsets without a message
	b.put(pageOf(20, 3, 1000))
	type taken struct {
		Count int
		Next  int64
	}
	var got []taken
	for _, limit := range []struct{ count, bytes int }{{3, 1 << 20}, {100, 800}, {100, 2500}, {100, 1}} {
		messages, next, ok := b.take(t.Context(), limit.count, limit.bytes, 0)
		if !ok {
			t.Fatal("nothing to take")
		}
		got = append(got, taken{len(messages), next})
	}
	want := []taken{{3, 13}, {2, 20}, {2, 22}, {1, 23}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	if b.bytes != 0 {
		t.Errorf("an empty buffer counts %d bytes", b.bytes)
	}
	b.put(page{next: 30})
	if messages, next, ok := b.take(t.Context(), 1, 1, time.Hour); len(messages) != 0 || next != 30 || !ok {
		t.Errorf("offsets without messages give %d messages, next %d, %t", len(messages), next, ok)
	}
}

func TestBuffer_holds_back_the_reader_at_its_limit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuffer(1000, 0)
		b.put(pageOf(0, 3, 400))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := b.room(ctx); err == nil {
			t.Fatal("there is room beyond the limit")
		}
		go b.take(t.Context(), 3, 1<<20, 0)
		if err := b.room(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBuffer_lingers_for_a_full_batch_and_no_longer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuffer(1<<20, 0)
		go func() {
			for i := range 4 {
				time.Sleep(10 * time.Millisecond)
				b.put(pageOf(i, 1, 1))
			}
		}()
		begun := time.Now()
		messages, _, _ := b.take(t.Context(), 2, 1<<20, time.Second)
		if took := time.Since(begun); len(messages) != 2 || took != 20*time.Millisecond {
			t.Errorf("a full batch: %d messages after %s, want 2 after 20ms", len(messages), took)
		}
		messages, _, _ = b.take(t.Context(), 9, 1<<20, 100*time.Millisecond)
		if took := time.Since(begun); len(messages) != 2 || took != 130*time.Millisecond {
			t.Errorf("a batch that does not fill: %d messages after %s, want 2 after 130ms", len(messages), took)
		}
	})
}

func TestBuffer_begins_no_batch_after_its_context_has_ended(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	b := newBuffer(1<<20, 0)
	b.put(pageOf(0, 1, 1))
	if _, _, ok := b.take(ended, 1, 1, 0); ok {
		t.Error("took a new batch after the context had ended")
	}
	if _, next, ok := b.take(t.Context(), 1, 1, 0); !ok || next != 1 {
		t.Errorf("what was there is lost: next %d, %t", next, ok)
	}
}
