package sql_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// TestAMigrationDuringABatch changes the catalogue after the batch has looked at it and before it commits.
func TestAMigrationDuringABatch(t *testing.T) {
	p := newPlace(t, sql.Postgres)
	w := p.shop(t)
	w.people()
	s := w.watched("shop.yml")
	// The application holds a row that the batch wants; the migration commits while the batch waits for it.
	holds, err := p.open(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holds.ExecContext(t.Context(), "SELECT 1 FROM orders WHERE id = 100 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Erase(context.WithoutCancel(t.Context()), []responder.Dispatch{ask(dsr.Act, 1, customer("1"))})
		done <- err
	}()
	for w.count("pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE query LIKE ? AND query LIKE '%DELETE%')", "%"+p.schema+"%") == 0 {
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
	}
	w.exec("CREATE TABLE visits (id int PRIMARY KEY, invoice_id bigint REFERENCES invoices (id))") // customers and orders are locked already
	if err := holds.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; responder.Classify(err) != responder.ClassUnavailable || !strings.Contains(err.Error(), "the catalogue changed during the erasure") {
		t.Errorf("%v", err)
	}
	if n := w.count("orders WHERE customer_id = 1"); n != 2 {
		t.Errorf("%d orders are left", n)
	}
	var misfit *sql.MisfitError
	if err := s.Check(t.Context()); !errors.As(err, &misfit) {
		t.Errorf("check: %v", err)
	}
}

// mending mends the catalogue once Check has failed a few times.
type mending struct {
	*sql.System
	mend   func()
	failed int
}

func (m *mending) Check(ctx context.Context) error {
	err := m.System.Check(ctx)
	if err != nil {
		if m.failed++; m.failed == 3 {
			m.mend()
		}
	}
	return err
}

// TestRequestsWaitForTheCatalogue runs the runtime over the system: requests that meet a migration are neither deferred nor failed.
func TestRequestsWaitForTheCatalogue(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.watched("shop.yml")
		bench := respondertest.NewBench(t, "shop")
		waits := &mending{System: s.System, mend: func() { w.exec("DROP TABLE visits") }}
		r := bench.Responder(t, waits, s.Ledger())
		step := func(id string) (kafka.Message, dsr.RequestID) {
			p := respondertest.Person{Request: dsr.RequestID(uuid.NewString()), Identifiers: []dsr.Identifier{customer(id)}, Capacity: "customer"}
			return bench.Dispatch(t, p), p.Request
		}
		first, _ := step("2")
		bench.Deliver(t, r, first)
		if said := s.said(t); said != "" {
			t.Errorf("the ledger's own tables: %s", said)
		}
		w.exec("CREATE TABLE visits (id int PRIMARY KEY, customer_id bigint REFERENCES customers (id))")
		one, a := step("1")
		two, b := step("3")
		out := bench.Deliver(t, r, one, two)
		for _, id := range []dsr.RequestID{a, b} {
			if ack, ok := out.Of(id); !ok || ack.State != dsr.AckAnswered {
				t.Errorf("acknowledged: %v as %q", ok, ack.State)
			}
		}
		if waits.failed != 3 {
			t.Errorf("Check failed %d times", waits.failed)
		}
		if n := w.count("orders"); n != 0 {
			t.Errorf("%d orders are left", n)
		}
	})
}
