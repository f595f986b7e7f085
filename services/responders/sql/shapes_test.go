package sql_test

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// Each file of testdata/shapes is one hard shape: a schema, rows, a map and what an erasure must leave. README.md there says how
// to write one. Every engine that can have the shape is asked to export, to erase, to look and to erase again.
func TestShapes(t *testing.T) {
	files, err := filepath.Glob("testdata/shapes/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d shapes: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			h := readHard(t, file)
			for _, d := range h.engines {
				t.Run(string(d), func(t *testing.T) {
					t.Parallel()
					h.play(t, d)
				})
			}
		})
	}
}

func (h hard) play(t *testing.T, d sql.Dialect) { h.playAt(t, newPlace(t, d)) }

func (h hard) playAt(t *testing.T, p place) {
	d := p.dialect
	w := h.filled(t, p)
	t.Cleanup(func() { h.clean(t, w) })
	m := p.parse(t, h.yaml(d))
	s, err := sql.New(t.Context(), w.config(m))
	if h.has("refused", d) {
		h.refuses(t, d, err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	h.warns(t, w, m)
	ds := h.dispatches(t, dsr.Act)
	before := h.contents(w)
	h.exports(t, s, d)

	answers := h.erases(t, s, d, ds)
	if answers == nil {
		if diff := cmp.Diff(before, h.contents(w)); diff != "" {
			t.Errorf("a failed erasure changed something (-before +after):\n%s", diff)
		}
		return
	}
	h.counted(t, d, answers)
	want := maps.Clone(before)
	maps.Copy(want, h.left(d))
	after := h.contents(w)
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("the database after the erasure (-want +got):\n%s", diff)
	}
	h.forgotten(t, d, after)

	again := erase(t, s, h.dispatches(t, dsr.Act)...)
	if diff := cmp.Diff(after, h.contents(w)); diff != "" {
		t.Errorf("a second erasure changed something (-before +after):\n%s", diff)
	}
	for _, a := range again {
		for _, c := range a.Collections {
			if c.Counts.Erased != 0 || c.Counts.Detached != 0 {
				t.Errorf("a second erasure counts %+v in %s", c.Counts, c.Name)
			}
		}
	}
	for i := range ds {
		ds[i].Keys = answers[i].Keys
	}
	settled(t, s, ds, answers)
}

// filled is a database with the shape's tables and rows.
func (h hard) filled(t *testing.T, p place) *world {
	t.Helper()
	w := p.world(t, h.ddl(p.dialect, p.schema))
	for q := range strings.SplitSeq(strings.ReplaceAll(h.text("rows", p.dialect), "SCHEMA", p.schema), ";\n") {
		w.exec(q)
	}
	return w
}

// refuses demands that the shape is refused at the start, by name.
func (h hard) refuses(t *testing.T, d sql.Dialect, err error) {
	t.Helper()
	var misfit *sql.MisfitError
	if !errors.As(err, &misfit) {
		t.Fatalf("it is not refused: %v", err)
	}
	for says := range strings.Lines(h.text("refused", d)) {
		if !strings.Contains(err.Error(), strings.TrimSpace(says)) {
			t.Errorf("refused: %v\nwant: %s", err, says)
		}
	}
}

// erases returns no answers for a shape that fails, as one does that a trigger vetoes.
func (h hard) erases(t *testing.T, s *sql.System, d sql.Dialect, ds []responder.Dispatch) []responder.Answer {
	t.Helper()
	as, err := s.Erase(t.Context(), ds)
	if !h.has("fails", d) {
		if err != nil {
			t.Fatal(err)
		}
		return as
	}
	class, says, _ := strings.Cut(strings.TrimSpace(h.text("fails", d)), ": ")
	if string(responder.Classify(err)) != class || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%v, class %q\nwant %s: %s", err, responder.Classify(err), class, says)
	}
	if strings.Contains(strings.ToLower(fmt.Sprint(err)), "anna") {
		t.Errorf("the error holds a value: %v", err)
	}
	return nil
}

func (h hard) dispatches(t *testing.T, phase dsr.Phase) []responder.Dispatch {
	t.Helper()
	var out []responder.Dispatch
	for line := range strings.Lines(h.sections["ask"]) {
		var ids []dsr.Identifier
		for _, word := range strings.Fields(line) {
			kind, value, _ := strings.Cut(word, "=")
			id, err := dsr.Identifier{Kind: kind, Value: strings.ReplaceAll(value, "_SPACE_", " ")}.Normalise()
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		out = append(out, ask(phase, 1, ids...))
	}
	if len(out) == 0 {
		t.Fatal("nobody is asked about")
	}
	return append(out, ask(phase, 1, email("nobody@example.org")))
}

// exports demands a line for each row that counts names as found, and none for anybody else.
func (h hard) exports(t *testing.T, s *sql.System, d sql.Dialect) {
	t.Helper()
	if h.has("fails", d) {
		return
	}
	for i, ask := range h.dispatches(t, dsr.Act) {
		ask.Kind = dsr.Access
		got := map[string]int64{}
		parts, answer := export(t, s, ask)
		for _, c := range answer.Collections {
			if c.Counts.Exported > 0 {
				got[c.Name] = c.Counts.Exported
			}
		}
		want := map[string]int64{}
		for name, c := range h.counts(t, d, i) {
			want[name] = c.Found - c.Detached
			if want[name] == 0 {
				delete(want, name)
			}
		}
		if h.has("exported", d) {
			want = map[string]int64{}
			for name, c := range h.tally(t, "exported", d, i) {
				want[name] = c.Found
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("exported for person %d (-want +got):\n%s", i, diff)
		}
		for name, text := range parts {
			if strings.Contains(text, "bob@") {
				t.Errorf("the export of person %d holds somebody else's row in %s: %s", i, name, text)
			}
		}
	}
}

func (h hard) counted(t *testing.T, d sql.Dialect, as []responder.Answer) {
	t.Helper()
	for i, a := range as {
		got := map[string]dsr.Counts{}
		for _, c := range a.Collections {
			if (c.Counts != dsr.Counts{}) {
				got[c.Name] = c.Counts
			}
		}
		if diff := cmp.Diff(h.counts(t, d, i), got); diff != "" {
			t.Errorf("counted for person %d (-want +got):\n%s", i, diff)
		}
	}
}

// forgotten demands that nothing of Anna, to whom every shape gives some values with her name, is left where the shape does not say so.
func (h hard) forgotten(t *testing.T, d sql.Dialect, after map[string][]string) {
	t.Helper()
	if !strings.Contains(strings.ToLower(h.text("rows", d)), "anna") {
		t.Error("no row holds Anna's name: that it is gone says nothing")
	}
	for table, rows := range after {
		for _, r := range rows {
			if strings.Contains(strings.ToLower(r), "anna") && !slices.Contains(strings.Fields(h.text("keeps", d)), table) {
				t.Errorf("%s still holds %q", table, r)
			}
		}
	}
}

var (
	anyRandom = regexp.MustCompile(`^(erased-|~)[0-9a-f]+$`)
	anyHash   = regexp.MustCompile(`^hmac-[0-9a-f]+$`)
)

// contents is every row of every table of the shape, as text, in order.
func (h hard) contents(w *world) map[string][]string {
	w.Helper()
	out := map[string][]string{}
	for _, table := range h.tables(w) {
		out[table.name] = w.rowsOf(table.quoted)
	}
	return out
}

// rowsOf reads a table, masked values under what they are.
func (w *world) rowsOf(table string) []string {
	w.Helper()
	rows, err := w.db.QueryContext(context.WithoutCancel(w.Context()), "SELECT * FROM "+table)
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close() // rows.Err is looked at
	cols, err := rows.Columns()
	if err != nil {
		w.Fatal(err)
	}
	lines := []string{}
	for rows.Next() {
		values := make([]stdsql.NullString, len(cols))
		dest := make([]any, len(cols))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			w.Fatal(err)
		}
		words := make([]string, len(cols))
		for i, v := range values {
			switch {
			case !v.Valid:
				words[i] = "NULL"
			case anyRandom.MatchString(v.String):
				words[i] = "RANDOM"
			case anyHash.MatchString(v.String):
				words[i] = "HASH"
			default:
				words[i] = v.String
			}
		}
		lines = append(lines, strings.Join(words, "|"))
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

type hardTable struct{ name, quoted string }

// tables lists what there is, be it known to the map or not.
func (h hard) tables(w *world) []hardTable {
	w.Helper()
	query := map[sql.Dialect]string{
		sql.SQLite:   `SELECT name || char(9) || '"' || replace(name, '"', '""') || '"' FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
		sql.Postgres: `SELECT CASE nspname WHEN 'SCHEMA' THEN '' ELSE 'b.' END || relname || chr(9) || format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname IN ('SCHEMA', 'SCHEMA_b')`,
		sql.MySQL:    "SELECT concat(table_name, char(9), '`', table_schema, '`.`', replace(table_name, '`', '``'), '`') FROM information_schema.tables WHERE table_schema = 'SCHEMA' AND table_type = 'BASE TABLE'",
	}[w.dialect]
	var out []hardTable
	for _, line := range w.texts(strings.ReplaceAll(query, "SCHEMA", w.schema)) {
		name, quoted, _ := strings.Cut(line, "\t")
		out = append(out, hardTable{name, quoted})
	}
	return out
}

func (h hard) clean(t *testing.T, w *world) {
	if w.dialect != sql.Postgres || !strings.Contains(h.text("schema", w.dialect), "SCHEMA_b") {
		return
	}
	if _, err := w.db.ExecContext(context.Background(), "DROP SCHEMA "+w.schema+"_b CASCADE"); err != nil {
		t.Error(err)
	}
}

func TestEveryShapeSaysWhatItIs(t *testing.T) {
	files, err := filepath.Glob("testdata/shapes/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(string(b), "\n"); !strings.HasPrefix(first, "# ") {
			t.Errorf("%s does not begin with what it is about", file)
		}
	}
}
