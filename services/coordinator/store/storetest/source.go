package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

var sourceCases = []testCase{
	{"an_unknown_partition_starts_at_0_and_has_no_offset", func(t *testing.T, s store.Store) {
		from, ok, err := s.Offset(testContext(t), "requests", 3)
		if from.Next != 0 || from.Mark != "" || ok || err != nil {
			t.Errorf("got %+v, %v, %v", from, ok, err)
		}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			next, err := tx.Sources(ctx, "requests", []int{3})
			if next[3] != 0 {
				t.Errorf("starts at %d", next[3])
			}
			return err
		})
		if _, ok, err := s.Offset(testContext(t), "requests", 3); ok || err != nil {
			t.Errorf("looking at it made an offset: %v, %v", ok, err)
		}
	}},
	{"is_saved_with_the_batch_partition_by_partition", func(t *testing.T, s store.Store) {
		save := func(topic string, partition int, next int64) {
			run(t, s, func(ctx context.Context, tx store.Tx) error {
				if _, err := tx.Sources(ctx, topic, []int{partition}); err != nil {
					return err
				}
				return tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: topic, Partition: partition, Next: next}}})
			})
		}
		save("requests", 0, 500)
		save("requests", 0, 1<<40)
		save("requests", 1, 7)
		for partition, want := range []int64{1 << 40, 7} {
			from, ok, err := s.Offset(testContext(t), "requests", partition)
			if from.Next != want || !ok || err != nil {
				t.Errorf("partition %d: got %+v, %v, %v", partition, from, ok, err)
			}
			run(t, s, func(ctx context.Context, tx store.Tx) error {
				next, err := tx.Sources(ctx, "requests", []int{partition})
				if next[partition] != want {
					t.Errorf("partition %d: locked at %d", partition, next[partition])
				}
				return err
			})
		}
	}},
	{"several_partitions_are_locked_and_saved_together", func(t *testing.T, s store.Store) {
		for _, want := range []map[int]int64{{4: 0}, {0: 0, 2: 0, 4: 10}, {0: 10, 2: 10, 4: 20, 5: 0}} {
			run(t, s, func(ctx context.Context, tx store.Tx) error {
				asked := slices.Collect(maps.Keys(want)) // in any order
				next, err := tx.Sources(ctx, "acks", asked)
				if d := diff(want, next); d != "" || err != nil {
					t.Errorf("%v (-want +got):\n%s", err, d)
				}
				var ch store.Changes
				for _, p := range asked {
					ch.Sources = append(ch.Sources, store.Source{Topic: "acks", Partition: p, Next: next[p] + 10, Mark: fmt.Sprint("mark of ", p)})
				}
				return tx.Save(ctx, ch)
			})
		}
		if from, ok, err := s.Offset(testContext(t), "acks", 2); from.Next != 20 || from.Mark != "mark of 2" || !ok || err != nil {
			t.Errorf("got %+v, %v, %v", from, ok, err)
		}
	}},
	{"all_offsets_of_a_topic_come_with_the_clock", func(t *testing.T, s store.Store) {
		none, before, err := s.Offsets(testContext(t), "acks")
		if len(none) != 0 || err != nil {
			t.Errorf("got %v, %v", none, err)
		}
		for partition, next := range map[int]int64{0: 12, 5: 1 << 40} {
			run(t, s, func(ctx context.Context, tx store.Tx) error {
				return tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: "acks", Partition: partition, Next: next}}})
			})
		}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: "requests", Partition: 1, Next: 3}}})
		})
		next, now, err := s.Offsets(testContext(t), "acks")
		if d := diff(map[int]int64{0: 12, 5: 1 << 40}, next); d != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			if !now.After(before) || now.After(tx.Now()) || now.Location() != time.UTC {
				t.Errorf("the clock was %s, then %s, then %s", before, now, tx.Now())
			}
			return tx.Save(ctx, store.Changes{})
		})
	}},
	{"never_goes_back_and_its_mark_neither", func(t *testing.T, s store.Store) {
		for _, next := range []int64{300, 500, 200} {
			run(t, s, func(ctx context.Context, tx store.Tx) error {
				return tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: "requests", Next: next, Mark: fmt.Sprintf("mark of %d", next)}}})
			})
		}
		want := store.Source{Topic: "requests", Next: 500, Mark: "mark of 500"}
		if from, _, err := s.Offset(testContext(t), "requests", 0); from != want || err != nil {
			t.Errorf("got %+v, %v", from, err)
		}
	}},
	{"a_person_may_set_it_in_either_direction_from_where_it_is", func(t *testing.T, s store.Store) {
		for partition, next := range []int64{117, 5} {
			run(t, s, func(ctx context.Context, tx store.Tx) error {
				return tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: "requests", Partition: partition, Next: next, Mark: "a mark"}}})
			})
		}
		for _, c := range []struct {
			topic     string
			partition int
			from, to  int64
			ok        bool
		}{
			{"requests", 0, 117, 200, true},
			{"requests", 0, 117, 300, false}, // it moved meanwhile
			{"requests", 0, 200, 40, true},
			{"requests", 2, 0, 40, false}, // nothing is known of it
			{"others", 0, 40, 41, false},
		} {
			if ok, err := s.SetOffset(testContext(t), c.topic, c.partition, c.from, c.to); ok != c.ok || err != nil {
				t.Errorf("%s/%d from %d to %d: %t, %v", c.topic, c.partition, c.from, c.to, ok, err)
			}
		}
		for partition, want := range []store.Source{{Next: 40}, {Partition: 1, Next: 5, Mark: "a mark"}} {
			want.Topic = "requests"
			if from, ok, err := s.Offset(testContext(t), "requests", partition); from != want || !ok || err != nil {
				t.Errorf("got %+v, %t, %v, want %+v", from, ok, err, want)
			}
		}
		if ok, err := s.SetOffset(testContext(t), "requests", 0, 40, 0); !ok || err != nil {
			t.Errorf("to the first: %t, %v", ok, err)
		}
		if _, ok, err := s.Offset(testContext(t), "requests", 0); ok || err != nil {
			t.Errorf("set to the first, it is known: %v", err)
		}
	}},
	{"a_batch_that_comes_twice_is_seen_to", func(t *testing.T, s store.Store) {
		// Two instances hold the same partition during a rebalance: the second waits, then sees that all is done.
		start := make(chan struct{})
		results := make(chan int64, 2)
		for range 2 {
			go func() {
				<-start
				var from int64 = -1
				err := s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
					next, err := tx.Sources(ctx, "requests", []int{0})
					if from = next[0]; err != nil || from >= 500 {
						return err
					}
					return tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: "requests", Next: 500}}})
				})
				if err != nil {
					t.Errorf("transaction: %v", err)
				}
				results <- from
			}()
		}
		close(start)
		if a, b := <-results, <-results; a+b != 500 {
			t.Errorf("the two began at %d and %d, want 0 and 500", a, b)
		}
	}},
}

var keyCases = []testCase{
	{"new_ids_are_claimed_and_taken_ones_told", func(t *testing.T, s store.Store) {
		ids := newIDs(3)
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			taken, err := tx.Keys(ctx, []store.Key{keyOf(ids[1]), keyOf(ids[0])})
			if len(taken) != 0 {
				t.Errorf("taken: %v", taken)
			}
			if err != nil {
				return err
			}
			return tx.Save(ctx, store.Changes{})
		})
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			other := keyOf(ids[0])
			other.MAC = []byte("other content")
			taken, err := tx.Keys(ctx, []store.Key{other, keyOf(ids[2])})
			if d := diff(map[lifecycle.ID]store.Key{ids[0]: keyOf(ids[0])}, taken); d != "" {
				t.Errorf("taken (-want +got):\n%s", d)
			}
			return err
		})
	}},
	{"the_same_id_of_another_tenant_is_another_key", func(t *testing.T, s store.Store) {
		id := newID()
		other := lifecycle.ID{Tenant: tenant, RequestID: id.RequestID}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			taken, err := tx.Keys(ctx, []store.Key{keyOf(id), keyOf(other)})
			if len(taken) != 0 {
				t.Errorf("taken: %v", taken)
			}
			return err
		})
	}},
	{"a_sealed_one_says_when", func(t *testing.T, s store.Store) {
		id := newID()
		admit(t, s, []lifecycle.ID{id}, nil)
		want := keyOf(id)
		update(t, s, id, func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
			want.SealedAt = now
			ch.Records = append(ch.Records, seal(r, now))
		})
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			taken, err := tx.Keys(ctx, []store.Key{keyOf(id)})
			if d := diff(map[lifecycle.ID]store.Key{id: want}, taken); d != "" {
				t.Errorf("taken (-want +got):\n%s", d)
			}
			return err
		})
	}},
	{"admission_numbers_grow_and_are_consecutive_within_a_batch", func(t *testing.T, s store.Store) {
		var last int64
		for _, n := range []int{1, 500, 1, store.MaxSeq, 2} {
			run(t, s, func(ctx context.Context, tx store.Tx) error {
				first, err := tx.Seq(ctx, n)
				if first <= last {
					t.Errorf("%d numbers from %d, the last was %d", n, first, last)
				}
				last = first + int64(n) - 1
				return err
			})
		}
		err := s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Seq(ctx, store.MaxSeq+1)
			return err
		})
		if err == nil {
			t.Error("more than MaxSeq were allotted")
		}
	}},
}
