package sql_test

import (
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob/memblob"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// TestExportsSeeAMigrationAMomentLater: an export may go by what was seen a moment ago, and no longer.
func TestExportsSeeAMigrationAMomentLater(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.watched("shop.yml")
		b := memblob.OpenBucket(nil)
		t.Cleanup(func() { _ = b.Close() }) // it is memory
		once := func() error {
			d := ask(dsr.Act, 1, email("anna@example.org"))
			d.Kind = dsr.Access
			_, err := s.Export(t.Context(), d, responder.NewSink(b, d))
			return err
		}
		if err := once(); err != nil {
			t.Fatal(err)
		}
		w.exec("CREATE TABLE visits (id int PRIMARY KEY, customer_id bigint, FOREIGN KEY (customer_id) REFERENCES customers (id))")
		for began := time.Now(); ; {
			err := once()
			if err != nil && strings.Contains(err.Error(), "does not know the foreign key") {
				break
			}
			if err != nil || time.Since(began) > 20*time.Second {
				t.Fatalf("after %s an export ends with %v", time.Since(began).Round(time.Millisecond), err)
			}
		}
		w.exec("DROP TABLE visits")
		if err := once(); err != nil { // what does not fit is looked at each time
			t.Errorf("the map fits again: %v", err)
		}
	})
}
