package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

var badRowCases = []testCase{
	{"are_named_and_fail_nothing_but_their_batch", func(t *testing.T, s store.Store) {
		for name, change := range map[string]func(*lifecycle.Request, *store.Changes){
			"nul_in_trace":    func(r *lifecycle.Request, _ *store.Changes) { r.Trace = "00-\x00" },
			"nul_in_state":    func(r *lifecycle.Request, _ *store.Changes) { r.State = "a\x00b" },
			"no_utf8_in_kind": func(r *lifecycle.Request, _ *store.Changes) { r.Kind = "\xff\xfe" },
			"nul_in_system": func(r *lifecycle.Request, _ *store.Changes) {
				acknowledge(r, "sh\x00op", dsr.Act, 1, 1, dsr.AckAnswered)
			},
			"no_utf8_in_phase": func(r *lifecycle.Request, _ *store.Changes) { acknowledge(r, "shop", "\xc3", 1, 1, dsr.AckAnswered) },
			"a_system_too_long": func(r *lifecycle.Request, _ *store.Changes) {
				acknowledge(r, strings.Repeat("x", 3000), dsr.Act, 1, 1, dsr.Delayed)
			},
			"a_pseudonym_empty": func(r *lifecycle.Request, _ *store.Changes) { r.Refs = append(r.Refs, "") },
			"a_pseudonym_huge": func(r *lifecycle.Request, _ *store.Changes) {
				r.Refs = append(r.Refs, lifecycle.Ref(strings.Repeat("x", 3000)))
			},
			"wake_at_far_beyond": func(r *lifecycle.Request, _ *store.Changes) { r.WakeAt = time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC) },
			"due_at_far_before": func(r *lifecycle.Request, _ *store.Changes) {
				r.Frozen.DueAt = time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC)
			},
			"a_date_in_progress": func(r *lifecycle.Request, _ *store.Changes) {
				r.Progress.Until = time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC)
			},
			"twice_in_one_batch": func(r *lifecycle.Request, ch *store.Changes) { ch.Requests = append(ch.Requests, r) },
			"steps_twice": func(r *lifecycle.Request, _ *store.Changes) {
				acknowledge(r, "shop", dsr.Act, 1, 1, dsr.AckAnswered)
				r.Steps = append(r.Steps, r.Steps[0])
			},
		} {
			t.Run(name, func(t *testing.T) {
				good, bad := newID(), newID()
				err := saveBoth(t, s, good, bad, change)
				var row *store.BadRowError
				if !errors.As(err, &row) || row.ID != bad {
					t.Fatalf("got %v, want a bad row of %s", err, bad.RequestID)
				}
				if strings.Contains(err.Error(), "xxx") {
					t.Errorf("the error quotes the value: %v", err)
				}
				if got := load(t, s, good, bad); len(got) != 0 {
					t.Errorf("the batch was stored in part: %v", got)
				}
				must(t, saveBoth(t, s, good, newID(), func(*lifecycle.Request, *store.Changes) {}))
				if got := load(t, s, good); len(got) != 1 {
					t.Errorf("the good request is not there: %v", got)
				}
			})
		}
	}},
	{"keys_that_cannot_be_are_refused_by_every_method", func(t *testing.T, s store.Store) {
		id := newID().RequestID
		for name, bad := range map[string]lifecycle.ID{
			"nul_in_tenant":     {Tenant: "a\x00", RequestID: id},
			"no_utf8_in_tenant": {Tenant: "\xff", RequestID: id},
			"no_uuid":           {RequestID: "7"},
			"upper_case":        {RequestID: dsr.RequestID(strings.ToUpper("a" + string(id[1:])))},
			"empty":             {},
		} {
			for method, call := range map[string]func(ctx context.Context, tx store.Tx) error{
				"refs": func(ctx context.Context, tx store.Tx) error { _, err := tx.Refs(ctx, []lifecycle.ID{bad}); return err },
				"keys": func(ctx context.Context, tx store.Tx) error {
					_, err := tx.Keys(ctx, []store.Key{keyOf(bad)})
					return err
				},
				"requests": func(ctx context.Context, tx store.Tx) error {
					_, err := tx.Requests(ctx, []lifecycle.ID{bad})
					return err
				},
				"archived": func(ctx context.Context, tx store.Tx) error {
					_, err := tx.Archived(ctx, []lifecycle.ID{bad})
					return err
				},
				"save": func(ctx context.Context, tx store.Tx) error {
					return tx.Save(ctx, store.Changes{Corrected: []lifecycle.ID{bad}})
				},
			} {
				var row *store.BadRowError
				if err := s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error { return call(ctx, tx) }); !errors.As(err, &row) {
					t.Errorf("%s of %s: got %v", method, name, err)
				}
			}
		}
		for name, bad := range map[string]store.Subject{"nul_in_tenant": {Tenant: "\x00", Ref: "x"}, "empty": {}} {
			for method, call := range map[string]func(ctx context.Context, tx store.Tx) error{
				"lock": func(ctx context.Context, tx store.Tx) error { return tx.LockSubjects(ctx, []store.Subject{bad}) },
				"neighbours": func(ctx context.Context, tx store.Tx) error {
					_, err := tx.Neighbours(ctx, []store.Subject{bad})
					return err
				},
				"wake": func(ctx context.Context, tx store.Tx) error {
					return tx.Save(ctx, store.Changes{Wake: []store.Subject{bad}})
				},
			} {
				var row *store.BadRowError
				if err := s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error { return call(ctx, tx) }); !errors.As(err, &row) {
					t.Errorf("%s of subject %s: got %v", method, name, err)
				}
			}
		}
	}},
	{"a_record_that_cannot_be_is_named", func(t *testing.T, s store.Store) {
		for name, change := range map[string]func(*store.Record){
			"nul_in_record_id":  func(r *store.Record) { r.RecordID = "\x00" },
			"no_utf8_in_result": func(r *store.Record) { r.Result = "\xff" },
			"no_time":           func(r *store.Record) { r.SealedAt = time.Time{} },
			"nanoseconds":       func(r *store.Record) { r.SealedAt = r.SealedAt.Add(time.Nanosecond) },
		} {
			id := newID()
			admit(t, s, []lifecycle.ID{id}, nil)
			err := s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
				open, err := tx.Requests(ctx, []lifecycle.ID{id})
				if err != nil {
					return err
				}
				rec := seal(open[id], tx.Now())
				change(&rec)
				return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{open[id]}, Records: []store.Record{rec}})
			})
			var row *store.BadRowError
			if !errors.As(err, &row) || row.ID != id {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}},
	{"a_message_with_a_topic_that_cannot_be_is_named_by_its_key", func(t *testing.T, s store.Store) {
		id := newID()
		m := message(id, 16, "t\x00", 1)
		err := s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
			return tx.Save(ctx, store.Changes{Outbox: []store.Message{m}})
		})
		var row *store.BadRowError
		if !errors.As(err, &row) || row.ID.RequestID != id.RequestID {
			t.Errorf("got %v", err)
		}
	}},
}

// saveBoth admits two requests in one batch, the second after change has seen it.
func saveBoth(t *testing.T, s store.Store, good, bad lifecycle.ID, change func(*lifecycle.Request, *store.Changes)) error {
	t.Helper()
	return s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
		a, b := fresh(good, tx.Now(), 1), fresh(bad, tx.Now(), 2)
		if _, err := tx.Keys(ctx, []store.Key{keyOf(good), keyOf(bad)}); err != nil {
			return err
		}
		ch := store.Changes{Requests: []*lifecycle.Request{a, b}}
		change(b, &ch)
		return tx.Save(ctx, ch)
	})
}
