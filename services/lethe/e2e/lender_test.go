package e2e_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// lender is the company of testdata/engines.yml: three systems in three engines, and two kinds of subject.
type lender struct {
	customers, staff []person
	store            map[string]*sql.DB // by system
	original         map[string][]cells
}

// cells is a row of a store: its first column is its key, the second the customer it is of, the third the employee it names, where
// there are such.
type cells [4]string

// lenderTables are the tables, and where a row stands what.
var lenderTables = []struct{ name, make, read string }{
	{"shop.customers", "id bigint primary key, email varchar(190) not null, name varchar(190) not null", "id, id, null, email"},
	{"shop.orders", "id bigint primary key, customer_id bigint not null references customers (id), ship_to varchar(190) not null", "id, customer_id, null, ship_to"},
	{"shop.invoices", "id bigint primary key, customer_id bigint not null, bill_to varchar(190) not null", "id, customer_id, null, bill_to"},
	{"desk.accounts", "customer_id bigint primary key, nickname varchar(190) not null", "customer_id, customer_id, null, nickname"},
	{"desk.staff", "id bigint primary key, email varchar(190) not null, name varchar(190) not null, head bigint references staff (id)", "id, null, head, email"},
	{
		"desk.tickets", "id bigint primary key, customer_id bigint not null references accounts (customer_id), staff_id bigint references staff (id), body text not null",
		"id, customer_id, staff_id, body",
	},
	{"post.addresses", "customer_id bigint primary key, home varchar(190) not null", "customer_id, customer_id, null, home"},
	{"post.packers", "staff_id bigint primary key, badge varchar(190) not null", "staff_id, null, null, badge"},
	{"post.parcels", "id bigint primary key, customer_id bigint not null references addresses (customer_id), packer bigint references packers (staff_id)", "id, customer_id, packer, null"},
}

// leaving is how many of the staff will ask for an erasure. No row of anybody who asks for one names them: else it would be a matter of
// who comes first how many rows still do.
const leaving = 20

// newLender founds the company over PostgreSQL, MariaDB and SQLite, with so many customers of whom the first `erased` will ask for an erasure.
func newLender(t *testing.T, customers, erased, staff int) (*lender, *pipeline) {
	t.Helper()
	pl := prepare(t, real())
	if err := os.Mkdir(filepath.Join(pl.dir, "system-post"), 0o700); err != nil {
		t.Fatal(err)
	}
	pl.dsn = map[string]string{"shop": newPostgres(t), "desk": newMariaDB(t), "post": "sqlite://" + filepath.Join(pl.dir, "system-post", "post.db")}
	c := foundLender(t, pl.dsn, customers, erased, staff)
	return c, pl.open(t, limits{silence: "300s", resolution: "300s"}, "testdata/engines.yml", lenderSystems(pl.dsn))
}

// lenderSystems is what the configuration says of the databases.
func lenderSystems(dsn map[string]string) string {
	systems := ""
	for name, at := range dsn {
		systems += fmt.Sprintf("\n  %s: {kind: sql, dsn: %q}", name, at)
	}
	return systems
}

// foundLender makes the tables and their rows in databases, by system.
func foundLender(t *testing.T, dsn map[string]string, customers, erased, staff int) *lender {
	t.Helper()
	all := invent(customers + staff)
	c := &lender{customers: all[:customers], staff: all[customers:], store: map[string]*sql.DB{}}
	for name, at := range dsn {
		c.store[name] = openURL(t, at)
	}
	rows := map[string][]string{}
	add := func(table, format string, values ...any) {
		rows[table] = append(rows[table], fmt.Sprintf("("+format+")", values...))
	}
	for i, s := range c.staff {
		head := "null" // of those who leave, and they head all others
		if i >= leaving {
			head = fmt.Sprint(c.staff[i%leaving].id)
		}
		add("desk.staff", "%d, '%s', '%s', %s", s.id, s.email, s.name, head)
		add("post.packers", "%d, '%s'", s.id, s.nick)
	}
	for i, p := range c.customers {
		by := c.staff[leaving+i%(staff-leaving)]
		if i >= erased {
			by = c.staff[i%leaving]
		}
		add("shop.customers", "%d, '%s', '%s'", p.id, p.email, p.name)
		add("desk.accounts", "%d, '%s'", p.id, p.nick)
		add("post.addresses", "%d, '%s'", p.id, p.home)
		for n := range p.orders {
			add("shop.orders", "%d, %d, '%s'", p.id*10+n, p.id, p.home)
			add("shop.invoices", "%d, %d, '%s'", p.id*10+n, p.id, p.home)
			add("post.parcels", "%d, %d, %d", p.id*10+n, p.id, by.id)
		}
		for n := range p.tickets {
			add("desk.tickets", "%d, %d, %d, 'Write to %s.'", p.id*10+n, p.id, by.id, p.email)
		}
	}
	for _, table := range lenderTables {
		system, name, _ := strings.Cut(table.name, ".")
		must(t, c.store[system], "create table "+name+" ("+table.make+")")
		for chunk := range slices.Chunk(rows[table.name], 500) {
			must(t, c.store[system], "insert into "+name+" values "+strings.Join(chunk, ", "))
		}
	}
	must(t, c.store["shop"], "create index customers_email on customers (lower(email))")
	c.original = c.read(t)
	return c
}

// read reads every row of every system.
func (c *lender) read(t testing.TB) map[string][]cells {
	t.Helper()
	out := map[string][]cells{}
	for _, table := range lenderTables {
		system, name, _ := strings.Cut(table.name, ".")
		out[table.name] = readCells(t, c.store[system], "select "+table.read+" from "+name+" order by 1")
	}
	return out
}

func readCells(t testing.TB, db *sql.DB, query string) (out []cells) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v [4]sql.NullString
		if err := rows.Scan(&v[0], &v[1], &v[2], &v[3]); err != nil {
			t.Fatal(err)
		}
		out = append(out, cells{v[0].String, v[1].String, v[2].String, v[3].String})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// without is what must stand in the stores when these people have been erased, row by row from what stood there first.
func (c *lender) without(erased map[string]bool) map[string][]cells {
	out := map[string][]cells{}
	for table, rows := range c.original {
		for _, r := range rows {
			self := table == "desk.staff" || table == "post.packers"
			if self && erased[r[0]] || erased[r[1]] && table != "shop.invoices" {
				continue
			}
			if erased[r[2]] {
				r[2] = ""
			}
			out[table] = append(out[table], r)
		}
	}
	return out
}

// tally is what a record says of a collection.
type tally struct {
	Outcome                                    dsr.Outcome
	Found, Erased, Detached, Retained, Exposed int64
	Quality                                    string
}

func tallies(r *completion.Record) map[string]tally {
	out := map[string]tally{}
	for _, s := range r.Systems {
		for _, c := range s.Collections {
			n := c.Counts
			out[s.Name+"."+c.Name] = tally{c.Outcome, int64(n.Found), int64(n.Erased), int64(n.Detached), int64(n.Retained), int64(n.Exported), c.CountQuality}
		}
	}
	return out
}

// counted is what the record must say of a person, from what the stores held at first.
func (c *lender) counted(kind dsr.Kind, p person, employee bool) map[string]tally {
	id, out := fmt.Sprint(p.id), map[string]tally{}
	for _, table := range lenderTables {
		own := table.name == "desk.staff" || table.name == "post.packers"
		var rows, named int64
		for _, r := range c.original[table.name] {
			if r[1] == id || own && r[0] == id {
				rows++
			}
			if r[2] == id {
				named++
			}
		}
		w := tally{Outcome: dsr.NotFound, Found: rows, Quality: dsr.CountsExact}
		switch {
		case own != employee && !(employee && (table.name == "desk.tickets" || table.name == "post.parcels")):
			continue // of the other kind of subject
		case kind == dsr.Access && employee && !own:
			continue // what merely names an employee is somebody else's
		case kind == dsr.Access && rows > 0:
			w.Outcome, w.Exposed = dsr.Exported, rows
		case employee && kind == dsr.Erasure:
			w.Found, w.Erased, w.Detached = rows+named, rows, named
			if named > 0 {
				w.Outcome = dsr.Detached
			} else if rows > 0 {
				w.Outcome = dsr.Erased
			}
		case table.name == "shop.invoices" && rows > 0:
			w.Outcome, w.Retained = dsr.Retained, rows
		case rows > 0:
			w.Outcome, w.Erased = dsr.Erased, rows
		}
		out[table.name] = w
	}
	return out
}

// tells compares a record with what was there.
func (c *lender) tells(t *testing.T, r *completion.Record, p person, employee bool) {
	t.Helper()
	want := dsr.Complete
	if r.Request.Kind == dsr.Erasure && p.orders > 0 && !employee {
		want = dsr.Partial
	}
	if d := cmp.Diff(c.counted(r.Request.Kind, p, employee), tallies(r)); d != "" || r.Result != want {
		t.Errorf("the %s %s is %s, want %s; reasons %v (-want +got):\n%s", r.Request.Kind, r.Request.ID, r.Result, want, codes(r), d)
	}
}
