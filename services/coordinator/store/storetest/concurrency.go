package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

var concurrencyCases = []testCase{
	{"of_two_last_acknowledgements_one_sees_both_and_seals", func(t *testing.T, s store.Store) {
		for range 30 {
			id := newID()
			admit(t, s, []lifecycle.ID{id}, nil)
			var mu sync.Mutex
			sealedBy := 0
			together(t, []string{"chats", "shop"}, func(ctx context.Context, system string) error {
				return s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
					open, err := tx.Requests(ctx, []lifecycle.ID{id})
					if err != nil {
						return err
					}
					r := open[id]
					acknowledge(r, system, dsr.Act, 1, 1, dsr.AckAnswered)
					ch := store.Changes{Requests: []*lifecycle.Request{r}}
					if len(r.Steps) == 2 {
						ch.Records = append(ch.Records, seal(r, tx.Now()))
						mu.Lock()
						sealedBy++
						mu.Unlock()
					}
					return tx.Save(ctx, ch)
				})
			})
			if old := archived(t, s, id)[id]; sealedBy != 1 || old == nil || len(old.Steps) != 2 {
				t.Fatalf("sealed by %d, archived as %+v", sealedBy, old)
			}
		}
	}},
	{"an_erasure_and_an_access_of_one_person_admitted_together_see_each_other", func(t *testing.T, s store.Store) {
		for n := range 30 {
			type view struct {
				seq  int64
				seen []lifecycle.Neighbour
			}
			if n%2 == 1 { // a person who was known before
				run(t, s, func(ctx context.Context, tx store.Tx) error {
					if err := tx.LockSubjects(ctx, []store.Subject{{Ref: ref("person", fmt.Sprint(n))}}); err != nil {
						return err
					}
					return tx.Save(ctx, store.Changes{})
				})
			}
			var mu sync.Mutex
			var views []view
			together(t, []dsr.Kind{dsr.Erasure, dsr.Access}, func(ctx context.Context, kind dsr.Kind) error {
				id := newID()
				var v view
				err := s.Tx(ctx, func(ctx context.Context, tx store.Tx) (err error) {
					r := fresh(id, tx.Now(), 0, ref("person", fmt.Sprint(n)), ref("own", string(id.RequestID)))
					r.Kind = kind
					if err := tx.LockSubjects(ctx, subjectsOf(r)); err != nil {
						return err
					}
					if _, err := tx.Keys(ctx, []store.Key{keyOf(id)}); err != nil {
						return err
					}
					if r.Seq, err = tx.Seq(ctx, 1); err != nil {
						return err
					}
					v.seq = r.Seq
					if v.seen, err = tx.Neighbours(ctx, subjectsOf(r)); err != nil {
						return err
					}
					return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{r}})
				})
				mu.Lock()
				defer mu.Unlock()
				views = append(views, v)
				return err
			})
			slices.SortFunc(views, func(a, b view) int { return int(a.seq - b.seq) })
			if len(views[0].seen) != 0 || len(views[1].seen) != 1 || views[1].seen[0].Seq != views[0].seq {
				t.Fatalf("the earlier saw %v, the later %v", views[0], views[1])
			}
		}
	}},
	{"an_id_that_is_claimed_twice_at_once_is_claimed_once", func(t *testing.T, s store.Store) {
		for range 20 {
			shared := newIDs(5)
			var mu sync.Mutex
			claimed := map[lifecycle.ID]int{}
			together(t, []int{0, 1, 2}, func(ctx context.Context, _ int) error {
				mine := append(newIDs(5), shared...)
				rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				var free []lifecycle.ID
				err := s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
					keys := make([]store.Key, len(mine))
					for i, id := range mine {
						keys[i] = keyOf(id)
					}
					taken, err := tx.Keys(ctx, keys)
					if err != nil {
						return err
					}
					free = nil
					var ch store.Changes
					for _, id := range mine {
						if _, ok := taken[id]; !ok {
							free = append(free, id)
							ch.Requests = append(ch.Requests, fresh(id, tx.Now(), 1))
						}
					}
					return tx.Save(ctx, ch)
				})
				mu.Lock()
				defer mu.Unlock()
				for _, id := range free {
					claimed[id]++
				}
				return err
			})
			if len(claimed) != 3*5+5 {
				t.Errorf("%d ids were claimed", len(claimed))
			}
			for id, n := range claimed {
				if n != 1 {
					t.Errorf("%s was claimed %d times", id.RequestID, n)
				}
			}
		}
	}},
	{"batches_that_overlap_in_any_order_all_get_through", func(t *testing.T, s store.Store) {
		all := newIDs(60)
		admit(t, s, all, func(r *lifecycle.Request) { r.Refs = []lifecycle.Ref{ref("person", string(r.RequestID[:1]))} })
		const rounds, workers, each = 8, 6, 30
		together(t, make([]int, workers), func(ctx context.Context, _ int) error {
			for range rounds {
				mine := slices.Clone(all)
				rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				mine = mine[:each]
				err := s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
					subjects, err := tx.Refs(ctx, mine)
					if err != nil {
						return err
					}
					rand.Shuffle(len(subjects), func(i, j int) { subjects[i], subjects[j] = subjects[j], subjects[i] })
					if err := tx.LockSubjects(ctx, subjects); err != nil {
						return err
					}
					open, err := tx.Requests(ctx, mine)
					if err != nil {
						return err
					}
					var ch store.Changes
					for _, id := range mine {
						open[id].Version++
						open[id].Dirty = true
						ch.Requests = append(ch.Requests, open[id])
					}
					return tx.Save(ctx, ch)
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		var sum int64
		for _, r := range load(t, s, all...) {
			sum += r.Version - 1
		}
		if want := int64(rounds * workers * each); sum != want {
			t.Errorf("%d changes are there, want %d", sum, want)
		}
	}},
	{"of_two_late_acknowledgements_one_reopens_and_the_other_finds_it_open", func(t *testing.T, s store.Store) {
		for range 30 {
			id := newID()
			sealOne(t, s, id)
			var mu sync.Mutex
			reopened, found := 0, 0
			together(t, []string{"chats", "vectors"}, func(ctx context.Context, system string) error {
				var again bool
				err := s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
					open, err := tx.Requests(ctx, []lifecycle.ID{id})
					if err != nil {
						return err
					}
					r := open[id]
					if again = r == nil; again {
						old, err := tx.Archived(ctx, []lifecycle.ID{id})
						if err != nil {
							return err
						}
						if old[id] == nil {
							return fmt.Errorf("request %s is neither open nor sealed", id.RequestID)
						}
						r = &old[id].Request
						r.Reopened, r.State = true, dsr.Reopened
					}
					acknowledge(r, system, dsr.Act, 1, 1, dsr.AckAnswered)
					return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{r}})
				})
				mu.Lock()
				defer mu.Unlock()
				if again {
					reopened++
				} else {
					found++
				}
				return err
			})
			if got := load(t, s, id)[id]; reopened != 1 || found != 1 || got == nil || len(got.Steps) != 3 {
				t.Fatalf("reopened by %d, found open by %d: %+v", reopened, found, got)
			}
		}
	}},
	{"an_acknowledgement_that_waits_for_the_seal_finds_the_archive", func(t *testing.T, s store.Store) {
		for range 30 {
			id := newID()
			admit(t, s, []lifecycle.ID{id}, nil)
			together(t, []bool{true, false}, func(ctx context.Context, sealing bool) error {
				return s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
					open, err := tx.Requests(ctx, []lifecycle.ID{id})
					if err != nil {
						return err
					}
					if r := open[id]; r != nil {
						if !sealing {
							return nil // it came first
						}
						return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{r}, Records: []store.Record{seal(r, tx.Now())}})
					}
					old, err := tx.Archived(ctx, []lifecycle.ID{id})
					if err == nil && old[id] == nil {
						err = fmt.Errorf("request %s is neither open nor sealed", id.RequestID)
					}
					return err
				})
			})
		}
	}},
	{"what_many_publish_at_once_arrives_once_and_in_order_for_each_request", func(t *testing.T, s store.Store) {
		const requests, versions = 12, 15
		ids := newIDs(requests)
		admit(t, s, ids, nil)
		want := requests * versions
		seen := map[string][]byte{}
		got := 0
		var group errgroup.Group
		ctx := testContext(t)
		for _, id := range ids {
			group.Go(func() error {
				for v := range versions {
					err := s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
						open, err := tx.Requests(ctx, []lifecycle.ID{id})
						if err != nil {
							return err
						}
						open[id].Dirty = true
						m := message(id, 4, "request-status", 10)
						m.Value = []byte{byte(v)}
						return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{open[id]}, Outbox: []store.Message{m}})
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		out := openHeld(t, s, 0, 1, 2, 3)
		for got < want && ctx.Err() == nil {
			rows := fetch(t, out, 1<<20, 0, 1, 2, 3)
			for _, row := range rows {
				for _, m := range row.Messages {
					if last, ok := seen[string(m.Key)]; ok && m.Value[0] <= last[0] {
						t.Errorf("version %d of %s comes after %d", m.Value[0], m.Key, last[0])
					}
					seen[string(m.Key)] = m.Value
					got++
				}
			}
			if len(rows) > 0 {
				must(t, out.Delete(ctx, idsOf(rows)))
			} else {
				must(t, out.Wait(ctx, 100*time.Millisecond))
			}
		}
		must(t, group.Wait())
		if rest := fetch(t, out, 1<<20, 0, 1, 2, 3); got != want || len(rest) != 0 {
			t.Errorf("%d messages arrived, want %d; %d rows are left", got, want, len(rest))
		}
	}},
	{"upkeep_disturbs_nobody", func(t *testing.T, s store.Store) {
		stop := make(chan struct{})
		var group errgroup.Group
		group.Go(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if err := s.Upkeep(testContext(t)); err != nil {
					return err
				}
			}
		})
		person := ref("person")
		together(t, []int{0, 1, 2}, func(ctx context.Context, _ int) error {
			for range 10 {
				id := newID()
				if err := s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
					return admitTx(ctx, tx, []lifecycle.ID{id}, func(r *lifecycle.Request) { r.Refs = []lifecycle.Ref{person} })
				}); err != nil {
					return err
				}
				err := s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
					open, err := tx.Requests(ctx, []lifecycle.ID{id})
					if err != nil {
						return err
					}
					return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{open[id]}, Records: []store.Record{seal(open[id], tx.Now())}})
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		close(stop)
		must(t, group.Wait())
	}},
	{"a_full_batch_goes_from_admission_to_the_seal_and_back", func(t *testing.T, s store.Store) {
		ids := newIDs(500)
		admit(t, s, ids, nil)
		for _, system := range []string{"chats", "shop", "vectors"} {
			eachOf(t, s, ids, func(r *lifecycle.Request, _ time.Time, _ *store.Changes) {
				acknowledge(r, system, dsr.Act, 1, 1, dsr.AckAnswered)
			})
		}
		want := map[lifecycle.ID]*lifecycle.Request{}
		eachOf(t, s, ids, func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
			ch.Records = append(ch.Records, seal(r, now))
			ch.Outbox = append(ch.Outbox, message(r.ID, 16, "completions", 3000))
			want[r.ID] = r
		})
		if open, _, err := s.Counts(testContext(t)); open != 0 || err != nil {
			t.Errorf("%d are open, %v", open, err)
		}
		got := map[lifecycle.ID]*lifecycle.Request{}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.Requests(ctx, ids); err != nil {
				return err
			}
			old, err := tx.Archived(ctx, ids)
			if err != nil {
				return err
			}
			var ch store.Changes
			for id, a := range old {
				got[id] = &a.Request
				a.Reopened = true
				ch.Requests = append(ch.Requests, &a.Request)
			}
			return tx.Save(ctx, ch)
		})
		if d := diff(want, got); d != "" {
			t.Errorf("archived (-want +got):\n%s", d)
		}
		if d := diff(want, load(t, s, ids...)); d != "" {
			t.Errorf("reopened (-want +got):\n%s", d)
		}
	}},
}

// together runs do for each of the inputs at once.
func together[T any](t *testing.T, inputs []T, do func(context.Context, T) error) {
	t.Helper()
	start := make(chan struct{})
	group, ctx := errgroup.WithContext(testContext(t))
	for _, input := range inputs {
		group.Go(func() error {
			<-start
			return do(ctx, input)
		})
	}
	close(start)
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// eachOf changes open requests in one batch.
func eachOf(t *testing.T, s store.Store, ids []lifecycle.ID, change func(*lifecycle.Request, time.Time, *store.Changes)) {
	t.Helper()
	run(t, s, func(ctx context.Context, tx store.Tx) error {
		open, err := tx.Requests(ctx, ids)
		if err != nil {
			return err
		}
		var ch store.Changes
		for _, id := range ids {
			change(open[id], tx.Now(), &ch)
			ch.Requests = append(ch.Requests, open[id])
		}
		return tx.Save(ctx, ch)
	})
}
