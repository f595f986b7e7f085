package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

var rejectionCases = []testCase{
	{"stay_open_until_corrected", func(t *testing.T, s store.Store) {
		id := newID()
		reject(t, s, rejection(1, id), rejection(2, lifecycle.ID{}), rejection(3, id))
		wantRejections(t, s, 3)
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.Save(ctx, store.Changes{Corrected: []lifecycle.ID{id, id, newID()}})
		})
		wantRejections(t, s, 1)
		must(t, s.Upkeep(testContext(t)))
		wantRejections(t, s, 1)
	}},
	{"of_another_tenant_are_not_corrected", func(t *testing.T, s store.Store) {
		id := newID()
		reject(t, s, rejection(1, id))
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.Save(ctx, store.Changes{Corrected: []lifecycle.ID{{Tenant: tenant, RequestID: id.RequestID}}})
		})
		wantRejections(t, s, 1)
	}},
	{"of_one_place_are_one", func(t *testing.T, s store.Store) {
		reject(t, s, rejection(1, newID()), rejection(1, newID()))
		reject(t, s, rejection(1, newID()))
		wantRejections(t, s, 1)
	}},
}

// rejection is one of the offset, with nothing optional where there is no request id.
func rejection(offset int64, id lifecycle.ID) store.Rejection {
	r := dsr.Rejection{Reason: dsr.ReasonUndecodable, Message: "not Avro", Topic: "lethe.subject-requests", Partition: 2, Offset: offset}
	if id.RequestID != "" {
		now := time.Now().UTC().Truncate(time.Microsecond)
		r.RequestID, r.Tenant, r.Kind, r.Reason, r.SHA256 = id.RequestID, id.Tenant, dsr.Erasure, dsr.ReasonScope, mac(id)
		r.ReceivedAt, r.DueAt, r.RejectedAt, r.Environment = now, now.AddDate(0, 1, 0), now, "dev"
	}
	return store.Rejection{Rejection: r}
}

func reject(t *testing.T, s store.Store, rs ...store.Rejection) {
	t.Helper()
	run(t, s, func(ctx context.Context, tx store.Tx) error { return tx.Save(ctx, store.Changes{Rejections: rs}) })
}

func wantRejections(t *testing.T, s store.Store, want int64) {
	t.Helper()
	b, err := s.Backlog(testContext(t))
	if b.Rejections != want || err != nil {
		t.Errorf("%d rejections are open, %v; want %d", b.Rejections, err, want)
	}
}
