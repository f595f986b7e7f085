package sql_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gocloud.dev/blob/fileblob"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// series makes so many rows with the ids from 1 on.
var series = map[sql.Dialect]string{
	sql.SQLite:   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO visits SELECT i, 1, '/page/' || i FROM n",
	sql.Postgres: "INSERT INTO visits SELECT i, 1, '/page/' || i FROM generate_series(1, %d) AS i",
	sql.MySQL:    "INSERT INTO visits SELECT seq, 1, concat('/page/', seq) FROM seq_1_to_%d",
}

// crowd gives one person so many visits.
func crowd(w *world, rows int) {
	w.Helper()
	w.exec("INSERT INTO customers (id, email, name) VALUES (1, 'c1@example.org', 'A Name'), (2, 'c2@example.org', 'Another')")
	w.exec(fmt.Sprintf(series[w.dialect], rows))
	w.exec(fmt.Sprintf("INSERT INTO visits VALUES (%d, 2, '/other')", rows+1))
	switch w.dialect {
	case sql.Postgres:
		w.exec("ANALYZE visits")
	case sql.MySQL:
		w.exec("ANALYZE TABLE visits")
	}
}

// peak is the most memory that the process had in use while do ran, above what it had before.
func peak(do func()) uint64 {
	use := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	runtime.GC()
	before := use()
	var most atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				most.Store(max(most.Load(), use()))
			}
		}
	}()
	do()
	close(stop)
	<-stopped
	return max(most.Load(), before) - before
}

// eraseThroughTheRuntime erases one person, chunk by chunk, with the ledger in the database, and returns the acknowledgement.
func eraseThroughTheRuntime(tb testing.TB, w *world, sys *sql.System) dsr.Acknowledgement {
	tb.Helper()
	b := respondertest.NewBench(tb, "shop")
	r := b.Responder(tb, sys, sys.Ledger())
	person := respondertest.Person{Request: "00000000-0000-4000-8000-000000000001", Capacity: "customer", Identifiers: []dsr.Identifier{email("c1@example.org")}}
	result := b.Deliver(tb, r, b.Dispatch(tb, person))
	for {
		if ack, ok := result.Of(person.Request); ok && ack.State != dsr.Delayed {
			return ack
		}
		result = b.Due(tb, r)
	}
}

func visitsIn(tb testing.TB, ack dsr.Acknowledgement) dsr.Collection {
	tb.Helper()
	for _, c := range ack.Collections {
		if c.Name == "visits" {
			return c
		}
	}
	tb.Fatal("no line for the visits")
	return dsr.Collection{}
}

// Ten times the rows take the same memory, erased as well as exported.
func TestMemoryDoesNotGrowWithAPersonsRows(t *testing.T) {
	for _, d := range []sql.Dialect{sql.SQLite, sql.Postgres, sql.MySQL} {
		t.Run(string(d), func(t *testing.T) { // one at a time: the memory is the process's
			used := map[string]map[int]uint64{"erase": {}, "export": {}}
			const few, many = 8_000, 80_000
			for _, rows := range []int{few, many} {
				w := newPlace(t, d).world(t, archive)
				crowd(w, rows)
				cfg := w.config(archiveMap(t, w.place))
				cfg.ChunkRows = 1_000
				sys, err := sql.New(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				used["export"][rows] = peak(func() { exportLarge(t, sys, rows) })
				used["erase"][rows] = peak(func() {
					if c := visitsIn(t, eraseThroughTheRuntime(t, w, sys)); c.Counts.Erased != int64(rows) || c.CountQuality != dsr.CountsExact {
						t.Errorf("%d of %d visits erased (%s)", c.Counts.Erased, rows, c.CountQuality)
					}
				})
				if n := w.count("visits"); n != 1 {
					t.Errorf("%d visits are left, want another person's one", n)
				}
			}
			for what, of := range used {
				t.Logf("%s: %.1f MiB for %d rows, %.1f MiB for %d", what, mib(of[few]), few, mib(of[many]), many)
				if of[many] > 3*of[few]+16<<20 {
					t.Errorf("%s: %.1f MiB for %d rows, %.1f MiB for %d", what, mib(of[few]), few, mib(of[many]), many)
				}
			}
		})
	}
}

func mib(n uint64) float64 { return float64(n) / (1 << 20) }

func exportLarge(tb testing.TB, sys *sql.System, rows int) {
	tb.Helper()
	store, err := fileblob.OpenBucket(tb.TempDir(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer store.Close()
	d := ask(dsr.Act, 1, email("c1@example.org"))
	d.Kind = dsr.Access
	sink := responder.NewSink(store, d)
	if _, err := sys.Export(tb.Context(), d, sink); err != nil {
		tb.Fatal(err)
	}
	for _, p := range sink.Parts() {
		if p.Collection == "visits" && p.Records != int64(rows) {
			tb.Errorf("%d of %d visits exported", p.Records, rows)
		}
	}
}

// BenchmarkLargePerson erases and exports one person with LETHE_LARGE_ROWS rows of one table (default 500,000), beside the one DELETE
// that one would write by hand, on a copy of the rows.
func BenchmarkLargePerson(b *testing.B) {
	rows := 500_000
	if s := os.Getenv("LETHE_LARGE_ROWS"); s != "" {
		var err error
		if rows, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	for _, d := range []sql.Dialect{sql.Postgres, sql.MySQL, sql.SQLite} {
		b.Run(string(d), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w := newPlace(b, d).world(b, archive)
				crowd(w, rows)
				for _, q := range []string{
					"CREATE TABLE visits_copy (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, page VARCHAR(100))",
					"CREATE INDEX visits_copy_customer ON visits_copy (customer)",
					"CREATE TABLE clicks_copy (id INTEGER PRIMARY KEY, visit INTEGER NOT NULL REFERENCES visits_copy (id))",
					"CREATE INDEX clicks_copy_visit ON clicks_copy (visit)",
					strings.ReplaceAll(fmt.Sprintf(series[d], rows), "visits", "visits_copy"),
				} {
					w.exec(q)
				}
				sys := w.system(archiveMap(b, w.place))
				b.StartTimer()
				start := time.Now()
				used := peak(func() { exportLarge(b, sys, rows) })
				b.ReportMetric(time.Since(start).Seconds(), "export_s")
				b.ReportMetric(mib(used), "export_MiB")
				start = time.Now()
				used = peak(func() {
					if c := visitsIn(b, eraseThroughTheRuntime(b, w, sys)); c.Counts.Erased != int64(rows) {
						b.Errorf("%d of %d visits erased", c.Counts.Erased, rows)
					}
				})
				took := time.Since(start)
				b.ReportMetric(took.Seconds(), "erase_s")
				b.ReportMetric(mib(used), "erase_MiB")
				start = time.Now()
				w.exec("DELETE FROM visits_copy WHERE customer = 1")
				b.ReportMetric(time.Since(start).Seconds(), "by_hand_s")
				b.ReportMetric(took.Seconds()/time.Since(start).Seconds(), "x_by_hand")
			}
		})
	}
}
