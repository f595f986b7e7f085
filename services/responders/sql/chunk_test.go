package sql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// archive is a shop in which a person may have any number of rows of every policy, and rows that hang on rows of every policy.
const archive = `CREATE TABLE customers (id INTEGER PRIMARY KEY, email VARCHAR(100), name VARCHAR(100));
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers (id), total INTEGER);
CREATE TABLE order_lines (id INTEGER PRIMARY KEY, ordered INTEGER NOT NULL REFERENCES orders (id), sku VARCHAR(100));
CREATE TABLE shipments (id INTEGER PRIMARY KEY, ordered INTEGER NOT NULL REFERENCES orders (id), street VARCHAR(100));
CREATE TABLE visits (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers (id), page VARCHAR(100));
CREATE TABLE clicks (id INTEGER PRIMARY KEY, visit INTEGER NOT NULL REFERENCES visits (id), place VARCHAR(100));
CREATE TABLE audits (id INTEGER PRIMARY KEY, visit INTEGER, entry VARCHAR(100));
CREATE TABLE reviews (id INTEGER PRIMARY KEY, author INTEGER REFERENCES customers (id), body VARCHAR(100));
CREATE TABLE tickets (id INTEGER PRIMARY KEY, agent INTEGER REFERENCES customers (id), title VARCHAR(100));
CREATE INDEX orders_customer ON orders (customer);
CREATE INDEX lines_ordered ON order_lines (ordered);
CREATE INDEX visits_customer ON visits (customer);
CREATE INDEX clicks_visit ON clicks (visit);
`

var archiveTables = []string{"customers", "orders", "order_lines", "shipments", "visits", "clicks", "audits", "reviews", "tickets"}

// fillArchive gives customer 1 so many times the rows of everybody else.
func fillArchive(w *world, times int) {
	w.Helper()
	ids := map[string]int{}
	add := func(table, cols string, values ...any) int {
		ids[table]++
		id := ids[table]
		if table == "order_lines" || table == "shipments" { // later orders have lines with lower numbers
			id = 10_000 - id
		}
		w.exec(fmt.Sprintf("INSERT INTO %s (id, %s) VALUES (%d%s)", table, cols, id, strings.Repeat(", ?", len(values))), values...)
		return id
	}
	for n := 1; n <= 4; n++ {
		c := add("customers", "email, name", fmt.Sprintf("c%d@example.org", n), "A Name")
		most := times
		if n != 1 {
			most = 1
		}
		for range most {
			o := add("orders", "customer, total", c, 7)
			for range 3 {
				add("order_lines", "ordered, sku", o, "a thing")
			}
			for range 2 {
				add("shipments", "ordered, street", o, "Some Street 7")
			}
			v := add("visits", "customer, page", c, "/home")
			for range 3 {
				add("clicks", "visit, place", v, "left")
			}
			add("audits", "visit, entry", v, "seen")
			add("reviews", "author, body", c, "I like it")
			add("tickets", "agent, title", c, "it is broken")
		}
	}
}

func archiveMap(t testing.TB, p place) *datamap.Map {
	t.Helper()
	return p.loadMap(t, "archive.yml")
}

func TestALargePersonIsErasedInChunksAsIfAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		person := func() responder.Dispatch {
			d := ask(dsr.Act, 1, email("c1@example.org"))
			d.RequestID = "00000000-0000-4000-8000-000000000001"
			return d
		}
		other := newPlace(t, p.dialect)
		whole, chunked := other.world(t, archive), p.world(t, archive)
		fillArchive(whole, 13)
		fillArchive(chunked, 13)

		want := erase(t, whole.system(archiveMap(t, other)), person())
		cfg := chunked.config(archiveMap(t, p))
		cfg.ChunkRows = 5
		sys, err := sql.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		got, chunks, err := inChunks(t.Context(), sys, []responder.Dispatch{person()})
		if err != nil {
			t.Fatal(err)
		}
		if chunks < 20 { // 39 clicks alone take eight
			t.Errorf("erased in %d chunks", chunks)
		}
		byKey := cmpopts.SortSlices(func(a, b responder.RowKey) bool { return a.Collection+a.Value < b.Collection+b.Value })
		if d := cmp.Diff(want, got, byKey); d != "" {
			t.Errorf("the answer (-at once +in chunks):\n%s", d)
		}
		for _, table := range archiveTables {
			if d := cmp.Diff(whole.rows(table), chunked.rows(table)); d != "" {
				t.Errorf("%s (-at once +in chunks):\n%s", table, d)
			}
		}
		settled(t, sys, []responder.Dispatch{person()}, got)
	})
}

// rows are all rows of a table, as text.
func (w *world) rows(table string) []string {
	w.Helper()
	rows, err := w.db.QueryContext(w.Context(), "SELECT * FROM "+table+" ORDER BY id")
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close() // rows.Err is looked at
	cols, err := rows.Columns()
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values := make([]*string, len(cols))
		dest := make([]any, len(cols))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			w.Fatal(err)
		}
		text := ""
		for i, v := range values {
			if v != nil {
				text += cols[i] + "=" + *v + " "
			}
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	return out
}

func TestABatchOfSmallPeopleIsHalvedAndNotDeferred(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.world(t, archive)
		fillArchive(w, 2)
		cfg := w.config(archiveMap(t, p))
		cfg.ChunkRows = 7
		sys, err := sql.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		batch := []responder.Dispatch{ask(dsr.Act, 1, email("c1@example.org")), ask(dsr.Act, 1, email("c2@example.org")), ask(dsr.Act, 1, email("c3@example.org"))}
		if _, err := sys.Erase(t.Context(), batch); err != responder.ErrTooLarge { //nolint:errorlint // the runtime takes it as it is
			t.Fatalf("erased three people at once: %v", err)
		}
		if n := w.count("visits"); n != 5 {
			t.Errorf("%d of 5 visits are left by a batch that was too large", n)
		}
		for _, d := range batch {
			if as := erase(t, sys, d); as[0].Defer != nil {
				t.Errorf("a person with 6 rows of one table is erased in chunks of 7")
			}
		}
	})
}

// The map and the catalogue may change between two chunks; what was counted stays counted.
func TestAMigrationBetweenTwoChunks(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.world(t, archive)
		fillArchive(w, 13)
		cfg := w.config(archiveMap(t, p))
		cfg.ChunkRows = 20
		sys, err := sql.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		d := ask(dsr.Act, 1, email("c1@example.org"))
		first := erase(t, sys, d)
		if first[0].Defer == nil {
			t.Fatal("erased at once")
		}
		w.exec("ALTER TABLE clicks ADD COLUMN pressure INTEGER")
		d.Progress = first[0].Defer.Progress
		as, _, err := inChunks(t.Context(), sys, []responder.Dispatch{d})
		if err != nil {
			t.Fatal(err)
		}
		if n := lines(as[0])["clicks"].Counts.Erased; n != 39 {
			t.Errorf("%d of 39 clicks are counted", n)
		}
		if n := w.count("clicks"); n != 9 {
			t.Errorf("%d clicks are left, want the 9 of others", n)
		}
	})
}

func TestProgressThatCannotBeReadIsPermanent(t *testing.T) {
	p := newPlace(t, sql.SQLite)
	w := p.world(t, archive)
	d := ask(dsr.Act, 1, email("c1@example.org"))
	d.Progress = []byte("not what a chunk leaves")
	if _, err := w.system(archiveMap(t, p)).Erase(t.Context(), []responder.Dispatch{d}); responder.Classify(err) != responder.ClassPermanent {
		t.Errorf("error %v", err)
	}
}

// A row that is found for two reasons is found once, however many chunks lie between them.
func TestRowsThatAreFoundTwiceInChunks(t *testing.T) {
	h := readHard(t, "testdata/shapes/rows_that_are_found_twice.txt")
	everywhere(t, func(t *testing.T, p place) {
		w := h.filled(t, p)
		cfg := w.config(p.parse(t, h.yaml(p.dialect)))
		cfg.ChunkRows = 1
		s, err := sql.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		got, chunks, err := inChunks(t.Context(), s, []responder.Dispatch{ask(dsr.Act, 1, email("anna@example.org"))})
		if err != nil {
			t.Fatal(err)
		}
		if chunks < 8 {
			t.Errorf("erased in %d chunks", chunks)
		}
		h.counted(t, p.dialect, got)
	})
}
