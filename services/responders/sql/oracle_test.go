package sql_test

import (
	"context"
	stdsql "database/sql"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// scenario is one case.
type scenario struct {
	shape shape
	data  data
	batch []responder.Dispatch
	chunk int // rows; 0: the default
}

func drawScenario(t *rapid.T) scenario {
	c := scenario{shape: drawShape(t)}
	c.data = drawData(t, c.shape)
	for range rapid.IntRange(1, 4).Draw(t, "batch") {
		ids := rapid.SliceOfNDistinct(rapid.SampledFrom([]dsr.Identifier{
			email("a@b.c"), email("d@e.f"), email("ü@b.c"), email("no@b.c"), customer("0"), customer("1"), customer("3"), customer("9"),
		}), 1, 3, rapid.ID).Draw(t, "ids")
		c.batch = append(c.batch, ask(dsr.Act, 1, ids...))
	}
	return c
}

// drawChunked is a case of one dispatch, erased a few rows at a time.
func drawChunked(t *rapid.T) scenario {
	c := drawScenario(t)
	c.batch, c.chunk = c.batch[:1], rapid.IntRange(1, 5).Draw(t, "chunk")
	return c
}

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Context() context.Context
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// serverCases is how many cases each server judges; -rapid.checks says how many SQLite does.
var serverCases = flag.Int("oracle.cases", 20, "cases that PostgreSQL and MariaDB each judge against the oracle")

func TestAgainstTheOracle(t *testing.T) { againstTheOracle(t, drawScenario) }

func TestInChunksAgainstTheOracle(t *testing.T) { againstTheOracle(t, drawChunked) }

func againstTheOracle(t *testing.T, draw func(*rapid.T) scenario) {
	t.Run("sqlite", func(t *testing.T) {
		judged, all := 0, 0
		rapid.Check(t, func(t *rapid.T) {
			all++
			db, err := stdsql.Open("sqlite", ":memory:?_pragma=foreign_keys(1)")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close() // it is memory
			db.SetMaxOpenConns(1)
			if judge(t, &world{place: place{dialect: sql.SQLite, schema: "main"}, db: db}, draw(t)) {
				judged++
			}
		})
		t.Logf("%d of %d cases were judged, the others refused", judged, all)
		if judged == 0 {
			t.Error("every schema was refused: nothing was judged")
		}
	})
	for _, server := range []sql.Dialect{sql.Postgres, sql.MySQL} {
		t.Run(string(server), func(t *testing.T) {
			cases := rapid.Custom(draw)
			judged := 0
			for seed := range *serverCases {
				t.Run(fmt.Sprint(seed), func(t *testing.T) { // a test of its own: its database goes when it ends
					w := newPlace(t, server).world(t, "")
					w.db.SetMaxOpenConns(1)
					if judge(t, w, cases.Example(seed)) {
						judged++
					}
				})
			}
			t.Logf("%d of %d cases were judged, the others refused", judged, *serverCases)
			if judged == 0 {
				t.Error("every schema was refused: nothing was judged")
			}
		})
	}
}

// judge lets both erase and compares; it returns false for a schema that the planner refuses.
func judge(t tester, w *world, c scenario) bool {
	s, d, batch := c.shape, c.data, c.batch
	ddl, yaml := s.sources()
	exec := func(q string, args ...any) {
		if _, err := w.db.ExecContext(t.Context(), w.numbered(q), args...); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	document := map[sql.Dialect]string{sql.Postgres: "jsonb", sql.MySQL: "json", sql.SQLite: "TEXT"}[w.dialect]
	for _, q := range ddl {
		exec(strings.ReplaceAll(q, "DOCUMENT", document))
	}
	off, on := "PRAGMA foreign_keys = 0", "PRAGMA foreign_keys = 1"
	if w.dialect == sql.Postgres {
		yaml = strings.Replace(yaml, "  meta:\n", "  fides_meta: {namespace: {schema: "+w.schema+"}}\n  meta:\n", 1)
		off, on = "SET session_replication_role = replica", "SET session_replication_role = origin"
	}
	if w.dialect == sql.MySQL {
		yaml = strings.Replace(yaml, "  meta:\n", "  fides_meta: {namespace: {schema: "+w.schema+"}}\n  meta:\n", 1)
		off, on = "SET foreign_key_checks = 0", "SET foreign_key_checks = 1"
	}
	m, err := parseMap(yaml)
	if err != nil {
		t.Fatalf("%s\n%v", yaml, err)
	}
	cfg := w.config(m)
	cfg.ChunkRows = c.chunk
	sys, err := sql.New(t.Context(), cfg)
	var misfit *sql.MisfitError
	if errors.As(err, &misfit) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	exec(off) // rows that refer to each other come in any order
	for table, rows := range d {
		for _, r := range rows {
			cols := slices.Sorted(maps.Keys(r))
			args := []any{}
			for _, c := range cols {
				args = append(args, r[c])
			}
			exec("INSERT INTO "+table+" ("+strings.Join(cols, ", ")+") VALUES ("+strings.TrimSuffix(strings.Repeat("?, ", len(cols)), ", ")+")", args...)
		}
	}
	exec(on)
	as, _, err := inChunks(t.Context(), sys, batch)
	if err != nil {
		t.Fatalf("%s\n%v", yaml, err)
	}
	want := s.naive(d, batch)
	for i, a := range as {
		got := map[string]dsr.Counts{}
		for _, c := range a.Collections {
			if (c.Counts != dsr.Counts{}) {
				got[c.Name] = c.Counts
			}
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Fatalf("%s\ndispatch %d of %v (-oracle +got):\n%s", yaml, i, batch, diff)
		}
	}
	if diff := cmp.Diff(d, readAll(t, w.db, s)); diff != "" {
		t.Fatalf("%s\nthe database (-oracle +got):\n%s", yaml, diff)
	}
	settled(t, sys, batch, as)
	return true
}

// inChunks erases until there is an answer, as the runtime does, and says in how many chunks.
func inChunks(ctx context.Context, sys *sql.System, batch []responder.Dispatch) ([]responder.Answer, int, error) {
	for n := 1; n < 1000; n++ {
		as, err := sys.Erase(ctx, batch)
		if err != nil || as[0].Defer == nil {
			batch[0].Progress = nil
			return as, n, err
		}
		batch[0].Progress = as[0].Defer.Progress
	}
	return nil, 0, errors.New("a thousand chunks, and no end")
}

// settled demands that a look finds nothing and that a second act changes nothing.
func settled(t tester, sys *sql.System, batch []responder.Dispatch, as []responder.Answer) {
	for i := range batch {
		batch[i].Keys, batch[i].Phase = as[i].Keys, dsr.Verify
	}
	looks, err := sys.Verify(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range looks {
		for _, c := range a.Collections {
			if c.Counts.Remaining != 0 {
				t.Fatalf("a look for dispatch %d finds %d in %s", i, c.Counts.Remaining, c.Name)
			}
		}
	}
	for i := range batch {
		batch[i].Phase, batch[i].Round = dsr.Act, 2
	}
	again, _, err := inChunks(t.Context(), sys, batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range again {
		for _, c := range a.Collections {
			if c.Counts.Found != 0 {
				t.Fatalf("a second act of dispatch %d finds %+v in %s", i, c.Counts, c.Name)
			}
		}
	}
}

func readAll(t tester, db *stdsql.DB, s shape) data {
	out := data{}
	read := func(table string, cols []string) {
		out[table] = map[int64]row{}
		rows, err := db.Query("SELECT " + strings.Join(cols, ", ") + " FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close() // rows.Err is looked at
		for rows.Next() {
			values := make([]any, len(cols))
			dest := make([]any, len(cols))
			for i := range values {
				dest[i] = &values[i]
			}
			if err := rows.Scan(dest...); err != nil {
				t.Fatal(err)
			}
			r := row{}
			for i, c := range cols {
				if b, ok := values[i].([]byte); ok { // as MariaDB's driver gives text
					values[i] = string(b)
				}
				if c == "doc" && values[i] != nil {
					values[i] = docText(docValue(values[i]))
				}
				r[c] = values[i]
			}
			out[table][values[0].(int64)] = r
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if s.up {
		read("places", []string{"id", "street"})
	}
	if s.below {
		read("visits", []string{"id", "place"})
	}
	for i := range s.tables {
		read(fmt.Sprintf("t%d", i), s.columns(i))
	}
	return out
}
