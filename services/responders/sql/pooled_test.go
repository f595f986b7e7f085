package sql_test

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
	"github.com/lethe-dsr/lethe/scripts/servers/servers"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// pooled makes a database of its own and returns it as it is reached directly and through a pooler.
func pooled(t *testing.T, pooler *servers.Server, parameters string) (direct, through place) {
	t.Helper()
	base := os.Getenv("LETHE_TEST_POSTGRES")
	admin, err := stdsql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	name := "pooled_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	at := func(base string) string {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + name
		return u.String()
	}
	return place{sql.Postgres, "public", at(base)}, place{sql.Postgres, "public", at(pooler.URL) + parameters}
}

// Thirty people are erased by six instances at once over two connections of a PgBouncer in transaction mode, each with a ledger in the transaction.
func TestThroughPgBouncer(t *testing.T) {
	pooler, err := servers.StartPgBouncer(t.Context(), servers.Options{}, os.Getenv("LETHE_TEST_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pooler.Stop)

	t.Run("works_without_prepared_statements", func(t *testing.T) {
		direct, through := pooled(t, pooler, "&default_query_exec_mode=exec")
		w := direct.shop(t)
		w.people()
		for i := 10; i < 40; i++ {
			w.exec("INSERT INTO customers (id, email, name) VALUES (?, ?, 'x')", i, fmt.Sprintf("c%d@example.org", i))
			w.exec("INSERT INTO orders (id, customer_id, total, placed_at) VALUES (?, ?, 1, now())", 1000+i, i)
		}
		var instances []*contest
		var results []<-chan respondertest.Result
		for n := range 6 {
			k := (&world{t, through, through.open(t)}).contest(t, nil)
			instances = append(instances, k)
			for j := range 5 {
				results = append(results, k.deliver(t, k.ask(t, fmt.Sprint(10+5*n+j))))
			}
		}
		answered := 0
		for _, r := range results {
			for _, a := range (<-r).Acknowledgements {
				if a.State == dsr.AckAnswered {
					answered++
				}
			}
		}
		if n := w.count("orders WHERE id > 1000"); n != 0 || answered != 30 {
			t.Errorf("%d orders are left, %d of 30 requests are answered", n, answered)
		}
		k := instances[0]
		for _, k := range instances {
			if len(k.sys.errors) > 0 {
				t.Errorf("an erasure failed: %v", k.sys.errors)
			}
		}
		d := ask(dsr.Act, 1, customer("1"))
		d.Kind = dsr.Access
		if parts, a := export(t, k.sys.System, d); len(parts) != 7 || lines(a)["orders"].Counts.Exported != 2 {
			t.Errorf("an export: %v", lines(a))
		}
		d = ask(dsr.Act, 1, customer("1"))
		d.Keys = erase(t, k.sys.System, d)[0].Keys
		if got := seen(t, k.sys.System, d); len(got) != 0 {
			t.Errorf("a look finds %v", got)
		}
		fresh, err := stdsql.Open("pgx", direct.dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer fresh.Close() // it only read
		settings := "SELECT name || '=' || setting FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout', 'row_security', 'plan_cache_mode', 'bytea_output', 'IntervalStyle', 'TimeZone', 'DateStyle') ORDER BY 1"
		if diff := cmp.Diff((&world{t, direct, fresh}).texts(settings), k.texts(settings)); diff != "" {
			t.Errorf("the pooler's session (-fresh +after):\n%s", diff)
		}
		left := w.texts("SELECT relname FROM pg_class WHERE relpersistence = 't' UNION ALL SELECT 'a lock' FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE l.locktype = 'advisory' AND d.datname = current_database()")
		if len(left) != 0 {
			t.Errorf("left in the pooler's sessions: %v", left)
		}
	})
	t.Run("says_so_where_statements_are_prepared", func(t *testing.T) {
		direct, through := pooled(t, pooler, "")
		direct.shop(t)
		var err error
		for range 4 { // another client has prepared the same in the same session
			_, err = sql.New(t.Context(), (&world{t, through, through.open(t)}).config(direct.loadMap(t, "shop.yml")))
			if err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), "default_query_exec_mode=exec") {
			t.Errorf("%v, want an error that says what the URL lacks", err)
		}
	})
}
