package coordinator

import (
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// TestRepeatsInOneBatch: a message is an honest repeat of whoever has the request id, and of nothing that only stands before it.
func TestRepeatsInOneBatch(t *testing.T) {
	r := newRig(t, openSQLite(t), nil)
	by := dsr.Identifier{Kind: "customer_id", Value: "42"}
	id, honest := request(t, dsr.Erasure, by)
	as := func(q *dsr.SubjectRequest) { q.RequestID = id.RequestID }
	_, conflict := request(t, dsr.Access, by, as)
	_, again := request(t, dsr.Erasure, by, as)

	r.deliver(t, dsr.TopicRequests, honest)
	r.deliver(t, dsr.TopicRequests, conflict, again, conflict, honest)
	if n := rejections(t, r); n != 2 {
		t.Errorf("%d rejections, want one of each conflicting message alone", n)
	}
	other, first := request(t, dsr.Erasure, by)
	_, second := request(t, dsr.Access, by, func(q *dsr.SubjectRequest) { q.RequestID = other.RequestID })
	r.deliver(t, dsr.TopicRequests, first, second, first)
	if n := rejections(t, r); n != 3 {
		t.Errorf("%d rejections, want one more", n)
	}
	for _, id := range []lifecycle.ID{id, other} {
		if q := r.state(t, id); q == nil || q.Kind != dsr.Erasure {
			t.Errorf("the request is not the first that came under its id: %+v", q)
		}
	}
}

func rejections(t *testing.T, r *rig) int64 {
	t.Helper()
	b, err := r.store.Backlog(testContext(t))
	must(t, err)
	return b.Rejections
}
