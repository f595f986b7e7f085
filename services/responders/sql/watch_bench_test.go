package sql_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// BenchmarkWatch measures what watching the catalogue costs of a batch of 500: the fingerprint is asked for at its
// beginning and at its end, where the plan of the statement is made anew each time.
func BenchmarkWatch(b *testing.B) {
	for _, d := range []sql.Dialect{sql.Postgres, sql.MySQL} {
		b.Run(string(d), func(b *testing.B) { watching(b, d) })
	}
}

// benchShop reads a file of the shop that scripts/bench erases from.
func benchShop(b *testing.B, name string) string {
	b.Helper()
	text, err := os.ReadFile("../../../scripts/bench/shop/" + name)
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

func watching(b *testing.B, d sql.Dialect) {
	const subjects, prints = 500, 200
	for b.Loop() {
		b.StopTimer()
		p := newPlace(b, d)
		w := p.world(b, benchShop(b, string(d)+".sql"))
		m := p.parse(b, benchShop(b, "map.yml"))
		s := w.system(m)
		custom := p
		if d == sql.Postgres {
			custom.dsn += "&plan_cache_mode=force_custom_plan"
		}
		planned := (&world{b, custom, custom.open(b)}).system(m)
		batch := time.Hour // the least of several counts: the machine has other work, too
		for n := range 6 {
			var ds []responder.Dispatch
			for i := range subjects {
				ds = append(ds, ask(dsr.Act, 1, email(fmt.Sprintf("c%d@shop.example", 1+n*subjects+i))))
			}
			start := time.Now()
			erase(b, s, ds...)
			batch = min(batch, time.Since(start))
		}
		least := func(s *sql.System) time.Duration {
			d := time.Hour
			for range prints {
				start := time.Now()
				if err := s.Check(b.Context()); err != nil {
					b.Fatal(err)
				}
				d = min(d, time.Since(start))
			}
			return d
		}
		b.StartTimer()
		first, last := least(s), least(planned)
		b.ReportMetric(float64(batch.Microseconds()), "batch_us")
		b.ReportMetric(float64(first.Microseconds()), "first_us")
		b.ReportMetric(float64(last.Microseconds()), "last_us")
		b.ReportMetric(100*float64(first+last)/float64(batch), "%_of_a_batch")
	}
}
