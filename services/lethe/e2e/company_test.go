package e2e_test

import (
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

//go:embed testdata/shop.sql
var shopSQL string

//go:embed testdata/crm.sql
var crmSQL string

// person is a customer of the company. Nobody of the name exists; the domain cannot.
type person struct {
	id                             int
	name, email, phone, nick, home string
	orders, tickets, chats         int // each order with two items and an invoice
}

// numbers of customers are long, and as hexadecimal digits no text: one that is found in a dump is no accident.
const firstCustomer = 9_876_540_000

// invent makes n people: of each three, two have ordered something; every fifth is not known to customer care, every fourth has
// never talked to the assistant.
func invent(n int) []person {
	out := make([]person, n)
	for i := range out {
		out[i] = person{
			id: firstCustomer + i, name: fmt.Sprintf("Wilma Quistgaard-%04d", i), email: fmt.Sprintf("Wilma.Quistgaard.%04d@Post.Example", i),
			phone: fmt.Sprintf("+49 30 7755%04d", i), nick: fmt.Sprintf("quisty-%04d", i), home: fmt.Sprintf("Hinterhofgasse %04d", i),
		}
		if i%3 != 0 {
			out[i].orders = 1 + i%2
		}
		if i%5 != 4 {
			out[i].tickets = 1 + i%3
		}
		if i%4 != 3 {
			out[i].chats = 1 + i%2
		}
	}
	return out
}

// buyer has invoices, which the law keeps; visitor has none.
func buyer(p person) bool   { return p.orders > 0 && p.tickets > 0 }
func visitor(p person) bool { return p.orders == 0 && p.tickets > 0 }

// byMail and byNumber are how a person is named in a request. The address is written as people write theirs: unlike the shop.
func (p person) byMail() []dsr.Identifier {
	return []dsr.Identifier{{Kind: dsr.Email, Value: strings.ToLower(p.email)}}
}

func (p person) byNumber() []dsr.Identifier {
	return []dsr.Identifier{{Kind: "customer_id", Value: strconv.Itoa(p.id)}}
}

// conversation is one line of the assistant's files.
type conversation struct {
	ID       string `json:"id"`
	Customer struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	} `json:"customer"`
	Messages []string `json:"messages"`
}

// chat is the line of a person's n-th conversation.
func (p person) chat(n int) []byte {
	v := conversation{ID: fmt.Sprintf("c-%d-%d", p.id, n), Messages: []string{"I live at " + p.home + ".", "We shall write to " + p.email + "."}}
	v.Customer.ID, v.Customer.Name = p.id, p.name
	line, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers and strings always marshal
	}
	return append(line, '\n')
}

// values are the texts by which a person would be recognised wherever they stood.
func (p person) values() []string {
	return []string{p.name, p.email, strings.ToLower(p.email), p.phone, p.nick, p.home, strconv.Itoa(p.id)}
}

// company is what the test knows of the stores: it reads and writes them past every part of Lethe.
type company struct {
	people   []person
	shop     *sql.DB
	crm      *sql.DB
	chats    string // directory
	used     map[int]bool
	original []row
}

// found makes the tables and their rows.
func found(t *testing.T, shop, crm *sql.DB, chats string, people int) *company {
	t.Helper()
	c := &company{people: invent(people), shop: shop, crm: crm, chats: chats, used: map[int]bool{}}
	var customers, orders, items, invoices, contacts, tickets []string
	for _, p := range c.people {
		customers = append(customers, fmt.Sprintf("(%d, '%s', '%s', '%s')", p.id, p.email, p.name, p.phone))
		for n := range p.orders {
			order := p.id*10 + n
			orders = append(orders, fmt.Sprintf("(%d, %d, '%s')", order, p.id, p.home))
			for line := range 2 {
				items = append(items, fmt.Sprintf("(%d, %d, 'Sonatina No. %d')", order, line, (order+line)%50))
			}
			invoices = append(invoices, fmt.Sprintf("(%d, %d, '%s, %s', %d)", order, p.id, p.name, p.home, 900+n))
		}
		if p.tickets > 0 {
			contacts = append(contacts, fmt.Sprintf("(%d, '%s')", p.id, p.nick))
		}
		for n := range p.tickets {
			tickets = append(tickets, fmt.Sprintf("(%d, %d, 'This is %s; write to %s.')", p.id*10+n, p.id, p.name, p.email))
		}
	}
	must(t, shop, shopSQL)
	must(t, crm, crmSQL)
	for _, fill := range []struct {
		db    *sql.DB
		table string
		rows  []string
	}{
		{shop, "customers", customers},
		{shop, "orders", orders},
		{shop, "order_items", items},
		{shop, "invoices", invoices},
		{crm, "contacts", contacts},
		{crm, "tickets", tickets},
	} {
		for chunk := range slices.Chunk(fill.rows, 500) {
			must(t, fill.db, "insert into "+fill.table+" values "+strings.Join(chunk, ", "))
		}
	}
	files := map[string][]byte{}
	for _, p := range c.people {
		for n := range p.chats {
			name := fmt.Sprintf("2026-%02d.jsonl", 1+p.id%3)
			files[name] = append(files[name], p.chat(n)...)
		}
	}
	if err := os.MkdirAll(filepath.Join(chats, "conversations"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(chats, "conversations", name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.original = c.read(t)
	return c
}

func must(t testing.TB, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// cast takes a person of whom nothing was asked before.
func (c *company) cast(t testing.TB, fits func(person) bool) person {
	t.Helper()
	for _, p := range c.people {
		if !c.used[p.id] && fits(p) {
			c.used[p.id] = true
			return p
		}
	}
	t.Fatal("the company has too few people for this suite")
	return person{}
}

// row is one row of a store, and whose it is.
type row struct {
	table string
	of    int
	text  string
}

// read reads everything that the stores hold, the ledgers excepted.
func (c *company) read(t testing.TB) []row {
	t.Helper()
	var out []row
	for _, q := range []struct {
		db           *sql.DB
		table, query string
	}{
		{c.shop, "shop.customers", `select id, id, email, name, phone from customers`},
		{c.shop, "shop.orders", `select customer_id, id, ship_to from orders`},
		{c.shop, "shop.order_items", `select coalesce(o.customer_id, 0), i.order_id, i.line, i.title from order_items i left join orders o on o.id = i.order_id`},
		{c.shop, "shop.invoices", `select customer_id, id, bill_to, total_cents from invoices`},
		{c.crm, "crm.contacts", `select customer_id, nickname from contacts`},
		{c.crm, "crm.tickets", `select customer_id, id, body from tickets`},
	} {
		out = append(out, table(t, q.db, q.table, q.query)...)
	}
	return append(out, c.readChats(t)...)
}

func (c *company) readChats(t testing.TB) []row {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.chats, "conversations", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of conversations: %v", err)
	}
	var out []row
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var v conversation
			if err := json.Unmarshal(line, &v); err != nil {
				t.Fatalf("%s: %v", filepath.Base(name), err)
			}
			out = append(out, row{"chats.conversations", v.Customer.ID, filepath.Base(name) + " " + string(line)})
		}
	}
	return out
}

func table(t testing.TB, db *sql.DB, name, query string) []row {
	t.Helper()
	rows, err := db.QueryContext(context.WithoutCancel(t.Context()), query)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []row
	for rows.Next() {
		cells, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		of, err := strconv.Atoi(fmt.Sprint(cells[0]))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, row{name, of, fmt.Sprint(cells[1:]...)})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// of counts the rows of a person by table.
func of(rows []row, p person) map[string]int64 {
	out := map[string]int64{}
	for _, r := range rows {
		if r.of == p.id {
			out[r.table]++
		}
	}
	return out
}

// left is what an erasure leaves of a person: the invoices, which the law keeps.
func (p person) left() map[string]int64 {
	if p.orders == 0 {
		return map[string]int64{}
	}
	return map[string]int64{"shop.invoices": int64(p.orders)}
}

// had is what the company held of a person at first.
func (p person) had() map[string]int64 {
	out := map[string]int64{"shop.customers": 1}
	if p.orders > 0 {
		out["shop.orders"], out["shop.order_items"], out["shop.invoices"] = int64(p.orders), int64(2*p.orders), int64(p.orders)
	}
	if p.tickets > 0 {
		out["crm.contacts"], out["crm.tickets"] = 1, int64(p.tickets)
	}
	if p.chats > 0 {
		out["chats.conversations"] = int64(p.chats)
	}
	return out
}

// othersUnchanged compares every row of everybody but those named with what it was, and what is kept of those as well.
func (c *company) othersUnchanged(t testing.TB, except ...person) {
	t.Helper()
	gone := map[int]bool{}
	for _, p := range except {
		gone[p.id] = true
	}
	lines := func(rows []row) []string {
		var out []string
		for _, r := range rows {
			if !gone[r.of] || r.table == "shop.invoices" {
				out = append(out, fmt.Sprintf("%s %d %s", r.table, r.of, r.text))
			}
		}
		slices.Sort(out)
		return out
	}
	if d := cmp.Diff(lines(c.original), lines(c.read(t))); d != "" {
		t.Errorf("rows of people who did not ask for it, or rows that the law keeps, have changed (-before +now):\n%s", d)
	}
}
