package sql_test

import (
	"context"
	stdsql "database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// strict is a database of its own in which nobody may do anything that was not granted, and a role with nothing.
type strict struct {
	dsn  url.URL // of the owner
	role string
}

func newStrict(t *testing.T) strict {
	t.Helper()
	base := os.Getenv("LETHE_TEST_POSTGRES")
	if base == "" {
		t.Fatal("LETHE_TEST_POSTGRES is not set: start one with `go run ./scripts/servers postgres`")
	}
	admin, err := stdsql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	database, role := "db_"+id, "role_"+id
	run := func(ctx context.Context, qs ...string) {
		for _, q := range qs {
			if _, err := admin.ExecContext(ctx, q); err != nil {
				t.Errorf("%s: %v", q, err)
			}
		}
	}
	run(t.Context(), "CREATE DATABASE "+database, "CREATE ROLE "+role+" LOGIN", "REVOKE ALL ON DATABASE "+database+" FROM PUBLIC")
	t.Cleanup(func() {
		run(context.Background(), "DROP DATABASE "+database+" WITH (FORCE)", "DROP ROLE "+role)
		_ = admin.Close()
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	s := strict{*u, role}
	w := s.place("public", "").world(t, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
	_ = w.db.Close()
	return s
}

// place is a schema of the database, for the owner or for a role.
func (s strict) place(schema, role string) place {
	u := s.dsn
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	if role != "" {
		u.User = url.User(role)
	}
	return place{sql.Postgres, schema, u.String()}
}

// granted fills a shop and gives the role what `lethe datamap grants` prints, and no more.
func (s strict) granted(t *testing.T) (w *world, least place, m *datamap.Map) {
	schema := "shop_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	owner := s.place(schema, "")
	db := owner.open(t)
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	w = owner.shop(t)
	m = owner.loadMap(t, "shop.yml")
	w.exec(ledger.Schema(ledger.Postgres))
	for _, q := range append(w.grants(m, s.role), ledger.Grants(s.role)...) {
		w.exec(q)
	}
	return w, s.place(schema, s.role), m
}

func (w *world) grants(m *datamap.Map, role string) []string {
	w.Helper()
	out, err := w.system(m).Grants(w.Context(), role)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// TestConformanceWithTheLeastRights runs the whole suite with the rights of a role that has only those.
func TestConformanceWithTheLeastRights(t *testing.T) {
	for name, beside := range map[string]bool{"in_transaction": false, "beside": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStrict(t)
			respondertest.Run(t, respondertest.Harness{New: func(t *testing.T) respondertest.Fixture {
				w, least, m := s.granted(t)
				if beside {
					w.exec("REVOKE ALL ON lethe_ledger, lethe_ledger_version FROM " + s.role)
				}
				f := shopFixture(w, beside)
				file := filepath.Join(t.TempDir(), "ledger.db")
				f.Open = func(t *testing.T) (responder.System, responder.Ledger) {
					s := (&world{t, least, least.open(t)}).system(m)
					if beside {
						return s, besideLedger(t, file)
					}
					return s, s.Ledger()
				}
				return f
			}})
		})
	}
}

// TestEveryRightIsNeeded takes one right after the other away: each is missed, by name, and work goes on when it is back.
func TestEveryRightIsNeeded(t *testing.T) {
	database := newStrict(t)
	w, least, m := database.granted(t)
	w.people()
	role := database.role
	s := (&world{t, least, least.open(t)}).system(m)
	grants := w.grants(m, role)
	want := []string{
		"GRANT CONNECT ON DATABASE \"DATABASE\"", "GRANT TEMPORARY ON DATABASE \"DATABASE\"", "GRANT USAGE ON SCHEMA \"shop\"",
		"GRANT SELECT ON \"shop\".\"addresses\"", "GRANT SELECT ON \"shop\".\"customers\"", "GRANT SELECT ON \"shop\".\"employees\"", "GRANT SELECT ON \"shop\".\"invoice_lines\"",
		"GRANT SELECT ON \"shop\".\"invoices\"", "GRANT SELECT ON \"shop\".\"messages\"", "GRANT SELECT ON \"shop\".\"newsletter\"", "GRANT SELECT ON \"shop\".\"order_items\"", "GRANT SELECT ON \"shop\".\"orders\"",
		"GRANT UPDATE (\"account_manager_id\", \"address_id\", \"born\", \"email\", \"loyalty\", \"name\", \"phone\") ON \"shop\".\"customers\"", "GRANT UPDATE (\"manager_id\") ON \"shop\".\"employees\"",
		"GRANT DELETE ON \"shop\".\"addresses\"", "GRANT DELETE ON \"shop\".\"employees\"", "GRANT DELETE ON \"shop\".\"messages\"", "GRANT DELETE ON \"shop\".\"newsletter\"",
		"GRANT DELETE ON \"shop\".\"order_items\"", "GRANT DELETE ON \"shop\".\"orders\"",
	}
	var got []string
	for _, g := range grants {
		got = append(got, strings.NewReplacer(w.schema, "shop", strings.TrimPrefix(database.dsn.Path, "/"), "DATABASE", ` TO "`+role+`"`, "").Replace(g))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, g := range grants[1:] {
		w.exec(strings.NewReplacer("GRANT ", "REVOKE ", " TO ", " FROM ").Replace(g))
		_, err := s.Erase(t.Context(), []responder.Dispatch{ask(dsr.Act, 1, customer("1"))})
		var misfit *sql.MisfitError
		if !errors.As(s.Check(t.Context()), &misfit) || !errors.As(err, &misfit) || responder.Classify(err) != responder.ClassUnavailable {
			t.Errorf("without %s: %v, check: %v", g, err, s.Check(t.Context()))
		} else if verb := strings.Fields(g)[1]; !strings.Contains(misfit.Error(), "lacks the right "+verb) {
			t.Errorf("without %s: %v", g, misfit)
		}
		w.exec(g)
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("with %s again: %v", g, err)
		}
	}
	erase(t, s, ask(dsr.Act, 1, customer("1")))
}

// TestMasksAreTriedWithTheLeastRights: what the role may not look at refuses nothing.
func TestMasksAreTriedWithTheLeastRights(t *testing.T) {
	database := newStrict(t)
	owner, least := database.place("public", ""), database.place("public", database.role)
	w := owner.world(t, `CREATE TABLE countries (code varchar(60) PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, email varchar(60), phone varchar(20) CONSTRAINT digits CHECK (length(phone) > 4), home varchar(60) REFERENCES countries, born varchar(60) REFERENCES countries)`)
	w.exec("GRANT CONNECT, TEMPORARY ON DATABASE " + strings.TrimPrefix(database.dsn.Path, "/") + " TO " + database.role)
	w.exec("GRANT USAGE ON SCHEMA public TO " + database.role)
	w.exec("GRANT SELECT, UPDATE ON people TO " + database.role)
	h := hard{sections: map[string]string{"map": `subject people | id | email: email
lethe.erase: {customer: {people: anonymise}}
lethe.ground: {customer: {people: {article: "GDPR 17(3)(b)", law: a law, period: P1Y, restriction: nobody}}}
people: id pk | email random:30 | phone =0000 | home =XX | born random:30
`}}
	_, err := sql.New(t.Context(), (&world{t, least, least.open(t)}).config(least.parse(t, h.yaml(sql.Postgres))))
	var misfit *sql.MisfitError
	if !errors.As(err, &misfit) {
		t.Fatalf("it is not refused: %v", err)
	}
	want := []string{
		"people.born refers to code of table countries, where no row has a value of its random_string_rewrite",
		"people.phone: the check constraint digits refuses the value of its string_rewrite",
	}
	slices.Sort(misfit.Problems)
	if d := cmp.Diff(want, misfit.Problems); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
