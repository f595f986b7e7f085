package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

var outboxCases = []testCase{
	{"gives_messages_back_in_order_a_row_a_shard_and_transaction", func(t *testing.T, s store.Store) {
		var want []store.OutboxRow
		for n := range 3 {
			var ms []store.Message
			for _, shard := range []int{3, 0, 3} {
				m := message(newID(), 16, fmt.Sprint("topic-", n), 10)
				m.Shard = shard
				ms = append(ms, m)
			}
			publish(t, s, ms...)
			want = append(want, store.OutboxRow{Shard: 0, Messages: ms[1:2]}, store.OutboxRow{Shard: 3, Messages: []store.Message{ms[0], ms[2]}})
		}
		out := openOutbox(t, s)
		acquire(t, out, 0, 3)
		got := fetch(t, out, 1<<20, 0, 3)
		if !slices.IsSortedFunc(got, func(a, b store.OutboxRow) int { return int(a.ID - b.ID) }) {
			t.Errorf("ids are not in order: %v", idsOf(got))
		}
		if d := diff(want, withoutIDs(got)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if d := diff(withoutIDs(got), withoutIDs(fetch(t, out, 1<<20, 0, 3))); d != "" {
			t.Errorf("what is not deleted did not come again:\n%s", d)
		}
		if d := diff([]store.OutboxRow{want[0], want[2], want[4]}, withoutIDs(fetch(t, out, 1<<20, 0))); d != "" {
			t.Errorf("shard 0 alone (-want +got):\n%s", d)
		}
		must(t, out.Delete(testContext(t), idsOf(got)[:2]))
		if d := diff(want[2:], withoutIDs(fetch(t, out, 1<<20, 0, 3))); d != "" {
			t.Errorf("after deleting the first two (-want +got):\n%s", d)
		}
	}},
	{"keeps_nil_and_empty_apart", func(t *testing.T, s store.Store) {
		want := []store.Message{
			{Topic: "t", Key: []byte("k"), Value: nil}, // a tombstone
			{Topic: "t", Key: []byte{}, Value: []byte{}},
			{Topic: "t", Headers: []store.Header{{Key: "a", Value: nil}, {Key: "", Value: []byte{}}}},
		}
		publish(t, s, want...)
		got := fetch(t, openHeld(t, s, 0), 1, 0)[0].Messages
		for i := range want {
			if (got[i].Value == nil) != (want[i].Value == nil) || (got[i].Key == nil) != (want[i].Key == nil) {
				t.Errorf("message %d: got %#v", i, got[i])
			}
		}
		if got[2].Headers[0].Value != nil || got[2].Headers[1].Value == nil {
			t.Errorf("headers are %#v", got[2].Headers)
		}
	}},
	{"fetches_up_to_about_the_limit_but_at_least_one_row", func(t *testing.T, s store.Store) {
		for range 4 {
			publish(t, s, store.Message{Topic: "t", Value: make([]byte, 1000)})
		}
		out := openHeld(t, s, 0)
		for limit, want := range map[int]int{0: 1, 1: 1, 1500: 2, 2500: 3, 1 << 20: 4} {
			if got := fetch(t, out, limit, 0); len(got) != want {
				t.Errorf("limit %d: %d rows, want %d", limit, len(got), want)
			}
		}
	}},
	{"splits_what_is_large_and_keeps_its_order", func(t *testing.T, s store.Store) {
		var want []store.Message
		for i := range 30 {
			want = append(want, store.Message{Shard: 1, Topic: "t", Key: []byte(fmt.Sprint(i)), Value: make([]byte, 100<<10)})
		}
		want = append(want, store.Message{Shard: 1, Topic: "t", Value: make([]byte, 3<<20)})
		publish(t, s, want...)
		rows := fetch(t, openHeld(t, s, 1), 64<<20, 1)
		if len(rows) < 4 || len(rows) > 6 {
			t.Errorf("%d rows", len(rows))
		}
		var got []store.Message
		for _, row := range rows {
			got = append(got, row.Messages...)
		}
		if d := diff(want, got); d != "" {
			t.Error("messages differ")
		}
	}},
	{"a_shard_is_held_by_one_relay_until_its_connection_ends", func(t *testing.T, s store.Store) {
		first, second := openOutbox(t, s), openOutbox(t, s)
		acquire(t, first, 0, 1, 2)
		if got := tryAcquire(t, second, 0, 1, 2, 3); !slices.Equal(got, []int{3}) {
			t.Errorf("the second holds %v, want 3", got)
		}
		if got := tryAcquire(t, first, 2, 1, 0); !slices.Equal(got, []int{0, 1, 2}) {
			t.Errorf("asking again, the first holds %v", got)
		}
		if got := tryAcquire(t, first, 1); !slices.Equal(got, []int{1}) {
			t.Errorf("asking for less, the first holds %v", got)
		}
		if got := tryAcquire(t, second, 0, 1, 2, 3); !slices.Equal(got, []int{0, 2, 3}) {
			t.Errorf("the second holds %v, want what the first gave back", got)
		}
		must(t, first.Close())
		acquire(t, second, 0, 1, 2, 3) // it tries for a while: a server may take a moment to notice that a connection has ended
	}},
	{"after_close_everything_is_an_error", func(t *testing.T, s store.Store) {
		out := openOutbox(t, s)
		acquire(t, out, 0)
		must(t, out.Close())
		ctx := testContext(t)
		_, acquireErr := out.Acquire(ctx, []int{0})
		_, fetchErr := out.Fetch(ctx, []int{0}, 1)
		for name, err := range map[string]error{
			"acquire": acquireErr, "fetch": fetchErr, "delete": out.Delete(ctx, []int64{1}),
			"park": out.Park(ctx, store.Message{}, "oversize"), "wait": out.Wait(ctx, time.Millisecond),
		} {
			var gone *store.UnavailableError
			if !errors.As(err, &gone) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}},
	{"parks_a_message_once", func(t *testing.T, s store.Store) {
		out := openOutbox(t, s)
		m := message(newID(), 16, "completions", 5000)
		for range 2 {
			must(t, out.Park(testContext(t), m, "oversize"))
		}
		must(t, out.Park(testContext(t), message(newID(), 16, "completions", 1), "oversize"))
		if b, err := s.Backlog(testContext(t)); b.Parked != 2 || err != nil {
			t.Errorf("backlog is %+v, %v", b, err)
		}
	}},
	{"its_backlog_is_measured", func(t *testing.T, s store.Store) {
		publish(t, s, store.Message{Shard: 1, Topic: "t"}, store.Message{Shard: 2, Topic: "t"})
		b, err := s.Backlog(testContext(t))
		if b.Outbox != 2 || b.OutboxAge < 0 || b.OutboxAge > time.Minute || err != nil {
			t.Errorf("backlog is %+v, %v", b, err)
		}
		out := openHeld(t, s, 1, 2)
		must(t, out.Delete(testContext(t), idsOf(fetch(t, out, 1<<20, 1, 2))))
		if b, err := s.Backlog(testContext(t)); b != (store.Backlog{}) || err != nil {
			t.Errorf("backlog is %+v, %v", b, err)
		}
	}},
	{"waiting_ends_with_a_commit", func(t *testing.T, s store.Store) {
		out := openOutbox(t, s)
		done := make(chan error, 1)
		go func() { done <- out.Wait(testContext(t), limit) }()
		for {
			publish(t, s, store.Message{Topic: "t"})
			select {
			case err := <-done:
				must(t, err)
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}},
	{"a_commit_before_waiting_is_not_missed", func(t *testing.T, s store.Store) {
		out := openHeld(t, s, 0)
		publish(t, s, store.Message{Topic: "t"})
		if rows := fetch(t, out, 1, 0); len(rows) != 1 { // the notification may come in with this answer
			t.Fatalf("%d rows", len(rows))
		}
		start := time.Now()
		must(t, out.Wait(testContext(t), limit))
		if took := time.Since(start); took > limit/2 {
			t.Errorf("waited %v", took)
		}
	}},
	{"waiting_ends_after_its_time_and_with_its_context", func(t *testing.T, s store.Store) {
		out := openHeld(t, s, 0)
		must(t, out.Wait(testContext(t), time.Millisecond))
		ctx, cancel := context.WithCancel(testContext(t))
		cancel()
		if err := out.Wait(ctx, limit); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if rows := fetch(t, out, 1, 0); len(rows) != 0 { // it still works
			t.Errorf("%d rows", len(rows))
		}
	}},
}

func publish(t *testing.T, s store.Store, ms ...store.Message) {
	t.Helper()
	run(t, s, func(ctx context.Context, tx store.Tx) error { return tx.Save(ctx, store.Changes{Outbox: ms}) })
}

func openOutbox(t *testing.T, s store.Store) store.Outbox {
	t.Helper()
	out, err := s.Outbox(testContext(t))
	if err != nil {
		t.Fatalf("open outbox: %v", err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func openHeld(t *testing.T, s store.Store, shards ...int) store.Outbox {
	t.Helper()
	out := openOutbox(t, s)
	acquire(t, out, shards...)
	return out
}

func tryAcquire(t *testing.T, out store.Outbox, shards ...int) []int {
	t.Helper()
	held, err := out.Acquire(testContext(t), shards)
	if err != nil {
		t.Fatalf("acquire: %v", err)
	}
	return held
}

func acquire(t *testing.T, out store.Outbox, shards ...int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		held := tryAcquire(t, out, shards...)
		if slices.Equal(held, shards) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("holds %v, want %v", held, shards)
		}
		must(t, out.Wait(testContext(t), 20*time.Millisecond))
	}
}

func fetch(t *testing.T, out store.Outbox, maxBytes int, shards ...int) []store.OutboxRow {
	t.Helper()
	rows, err := out.Fetch(testContext(t), shards, maxBytes)
	if err != nil {
		t.Fatalf("fetch: %v", err)
	}
	return rows
}

func idsOf(rows []store.OutboxRow) []int64 {
	out := make([]int64, len(rows))
	for i, row := range rows {
		out[i] = row.ID
	}
	return out
}

func withoutIDs(rows []store.OutboxRow) []store.OutboxRow {
	out := slices.Clone(rows)
	for i := range out {
		out[i].ID = 0
	}
	return out
}
