package responder_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

// BenchmarkHandle works batches of 500 dispatches for a system that costs nothing: what is left is the runtime and the ledger.
func BenchmarkHandle(b *testing.B) {
	for name, open := range map[string]func() (*sql.DB, ledger.Dialect){
		"sqlite": func() (*sql.DB, ledger.Dialect) {
			return openSQLite(b, filepath.Join(b.TempDir(), "ledger.db")), ledger.SQLite
		},
		"postgres": func() (*sql.DB, ledger.Dialect) {
			db, err := sql.Open("pgx", os.Getenv("LETHE_TEST_POSTGRES"))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			if _, err := db.ExecContext(b.Context(), "DROP TABLE IF EXISTS lethe_ledger, lethe_ledger_version"); err != nil {
				b.Fatal(err)
			}
			return db, ledger.Postgres
		},
	} {
		for _, inside := range []bool{true, false} {
			b.Run(map[bool]string{true: name + "_in_transaction", false: name + "_beside"}[inside], func(b *testing.B) {
				const size = 500
				bench := respondertest.NewBench(b, "shop")
				db, dialect := open()
				l := ledger.Beside(db, dialect)
				if inside {
					l = ledger.InTransaction(db, dialect)
				}
				r := bench.Responder(b, &scripted{}, l)
				n := 0
				for b.Loop() {
					b.StopTimer()
					ms := make([]kafka.Message, size)
					for i := range ms {
						ms[i] = bench.Dispatch(b, person(n))
						n++
					}
					batch := batchOf(ms...)
					b.StartTimer()
					if settled, err := r.Handle(b.Context(), batch); settled != size || err != nil {
						b.Fatal(settled, err)
					}
				}
				b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "dispatches/s")
			})
		}
	}
}
