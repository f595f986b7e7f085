package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/postgres"
)

// TestInstancesSeeEachOthersWrites lets two instances with a cache and one without change requests in turn, at random, and demands
// that all of them load the same after every step.
func TestInstancesSeeEachOthersWrites(t *testing.T) {
	schema := newSchema(t)
	stores := []store.Store{
		openConfig(t, postgres.Config{Schema: schema, CacheBytes: -1}),
		openConfig(t, postgres.Config{Schema: schema}),
		openConfig(t, postgres.Config{Schema: schema, CacheBytes: 20_000}), // holds two or three
	}
	ids := make([]lifecycle.ID, 6)
	for i := range ids {
		ids[i] = newID()
	}
	slices.SortFunc(ids, lifecycle.ID.Compare)
	admit(t, stores[1], ids...)
	sealed := map[lifecycle.ID]bool{}
	for step := range 150 {
		s := stores[rand.IntN(len(stores))]
		changed := pick(ids)
		if err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error { return changeAtRandom(ctx, tx, changed, sealed) }); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		var want map[lifecycle.ID]*lifecycle.Request
		for i, s := range stores {
			var got map[lifecycle.ID]*lifecycle.Request
			err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) (err error) {
				got, err = tx.Requests(ctx, ids)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want = got
			} else if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(lifecycle.Step{})); d != "" {
				t.Fatalf("step %d: instance %d (-database +cache):\n%s", step, i, d)
			}
		}
	}
}

func pick(ids []lifecycle.ID) []lifecycle.ID {
	out := slices.Clone(ids)
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:1+rand.IntN(len(out))]
}

// changeAtRandom changes open requests, seals some and opens sealed ones again. Now and then it does what a state machine should not:
// it changes without saying so, and goes back.
func changeAtRandom(ctx context.Context, tx store.Tx, ids []lifecycle.ID, sealed map[lifecycle.ID]bool) error {
	open, err := tx.Requests(ctx, ids)
	if err != nil {
		return err
	}
	old, err := tx.Archived(ctx, slices.DeleteFunc(slices.Clone(ids), func(id lifecycle.ID) bool { return open[id] != nil }))
	if err != nil {
		return err
	}
	var ch store.Changes
	for _, id := range ids {
		r := open[id]
		if r == nil {
			r = &old[id].Request
			r.Reopened = true
		}
		r.Version++
		r.Dirty = rand.IntN(8) > 0
		r.WakeAt = tx.Now().Add(time.Duration(rand.IntN(1000)) * time.Second)
		r.Progress.Notes = append(r.Progress.Notes, fmt.Sprint(r.Version))
		r.Progress.Expect = append(r.Progress.Expect, "x")
		if rand.IntN(3) == 0 {
			r.Identifiers, r.IdentDirty = []byte(fmt.Sprint(r.Version)), rand.IntN(2) == 0
		}
		if rand.IntN(3) == 0 {
			r.Refs, r.RefsDirty = append(r.Refs, lifecycle.Ref(fmt.Sprint("ref", r.Version, len(r.Refs)))), rand.IntN(2) == 0
		}
		switch rand.IntN(3) {
		case 0:
			st := &lifecycle.Step{System: fmt.Sprint("system-", len(r.Steps)%3), Phase: dsr.Act, Round: 1}
			at, ok := slices.BinarySearchFunc(r.Steps, st, (*lifecycle.Step).Compare)
			if !ok {
				r.Steps = slices.Insert(r.Steps, at, st)
			}
			st = r.Steps[at]
			st.Attempt, st.State, st.Body, st.Dirty = int32(rand.IntN(4)), dsr.AckAnswered, []byte(fmt.Sprint(r.Version)), rand.IntN(8) > 0 || !ok
		case 1:
			if rand.IntN(3) == 0 {
				r.Closed, r.Dirty, r.WakeAt = true, true, time.Time{}
				ch.Records = append(ch.Records, store.Record{
					ID: id, RecordID: "r", Number: r.Progress.Number, Result: dsr.Complete, SealedAt: tx.Now(), Envelope: []byte("{}"), SHA256: []byte{1},
				})
				r.Progress.Number++
			}
		}
		ch.Requests = append(ch.Requests, r)
	}
	return tx.Save(ctx, ch)
}

// TestRoundTrips counts what a batch of acknowledgements asks of the network, and holds that spans have no arguments.
func TestRoundTrips(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	schema := newSchema(t)
	s := openConfig(t, postgres.Config{Schema: schema, TracerProvider: tp, MaxConns: 1})
	cold := openConfig(t, postgres.Config{Schema: schema})
	ids := []lifecycle.ID{newID(), newID()}
	admit(t, s, ids...)
	subject := store.Subject{Ref: "person"}
	batch := func(s store.Store, gate bool) {
		ctx, root := tp.Tracer("test").Start(t.Context(), "batch") // without a span around it nothing is traced
		defer root.End()
		err := s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.Sources(ctx, "acknowledgements", []int{0}); err != nil {
				return err
			}
			if gate {
				if _, err := tx.Refs(ctx, ids); err != nil {
					return err
				}
				if err := tx.LockSubjects(ctx, []store.Subject{subject}); err != nil {
					return err
				}
			}
			open, err := tx.Requests(ctx, ids)
			if err != nil {
				return err
			}
			if gate {
				if _, err := tx.Neighbours(ctx, []store.Subject{subject}); err != nil {
					return err
				}
			}
			var ch store.Changes
			for _, id := range ids {
				open[id].Version++
				open[id].Dirty = true
				ch.Requests = append(ch.Requests, open[id])
			}
			ch.Sources = []store.Source{{Topic: "acknowledgements", Next: open[ids[0]].Version}}
			ch.Outbox = []store.Message{{Topic: "t"}}
			return tx.Save(ctx, ch)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	batch(s, true) // prepares the statements, which costs a round trip once a connection
	for _, c := range []struct {
		name        string
		gate, stale bool
		want        int
	}{
		{"acknowledgements", false, false, 3},
		{"acknowledgements_of_requests_that_another_instance_changed", false, true, 4},
		{"acknowledgements_that_may_reach_the_gate", true, false, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.stale {
				batch(s, false)
				batch(cold, false)
				batch(s, false) // prepares
				batch(cold, false)
			}
			spans.Reset()
			batch(s, c.gate)
			trips := 0
			roots := map[trace.SpanID]bool{}
			for _, span := range spans.GetSpans() {
				if span.Name == "batch" {
					roots[span.SpanContext.SpanID()] = true
				}
			}
			for _, span := range spans.GetSpans() {
				for _, a := range span.Attributes {
					if a.Key == "pgx.query.parameters" {
						t.Errorf("span %s has arguments", span.Name)
					}
				}
				if roots[span.Parent.SpanID()] && span.Name != "pool.acquire" {
					trips++
				}
			}
			if trips != c.want {
				t.Errorf("%d round trips, want %d: %v", trips, c.want, names(spans.GetSpans()))
			}
		})
	}
}

func names(spans tracetest.SpanStubs) (out []string) {
	for _, s := range spans {
		out = append(out, s.Name)
	}
	return out
}
