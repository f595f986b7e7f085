package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// cells is a row of a store as the oracle knows it: its key, the customer it is of, the member of the staff it names, a text.
type cells struct{ key, of, names, text string }

// table is one collection of the company.
type table struct {
	system, name string
	create       string
	selects      string // key, customer, staff, text
	kept         bool   // by law, when its person is erased
}

func (t table) String() string { return t.system + "." + t.name }

// tables are what the databases hold, parents first. The conversations lie in files.
var tables = []table{
	{"shop", "customers", "id bigint primary key, email varchar(190) not null, name varchar(190) not null", "id, id, null, email", false},
	{"shop", "orders", "id bigint primary key, customer_id bigint not null references customers (id), ship_to varchar(190) not null", "id, customer_id, null, ship_to", false},
	{"shop", "invoices", "id bigint primary key, customer_id bigint not null, bill_to varchar(190) not null", "id, customer_id, null, bill_to", true},
	{"desk", "accounts", "customer_id bigint primary key, nickname varchar(190) not null", "customer_id, customer_id, null, nickname", false},
	{"desk", "staff", "id bigint primary key, email varchar(190) not null, name varchar(190) not null, head bigint references staff (id)", "id, null, head, email", false},
	{"desk", "tickets", "id bigint primary key, customer_id bigint not null references accounts (customer_id), staff_id bigint references staff (id), body varchar(190) not null", "id, customer_id, staff_id, body", false},
}

const chats = "chats.conversations"

// company is what the harness knows of the stores: it reads and writes them past every part of Lethe.
type company struct {
	seed  uint64
	store map[string]*sql.DB // by system
	files string             // directory of the conversations

	mu       sync.Mutex
	founded  int // crowds
	original map[string]map[string]cells
}

// prepare makes the tables.
func (c *company) prepare(ctx context.Context) error {
	c.original = map[string]map[string]cells{chats: {}}
	for _, t := range tables {
		c.original[t.String()] = map[string]cells{}
		if _, err := c.store[t.system].ExecContext(ctx, "create table "+t.name+" ("+t.create+")"); err != nil {
			return fmt.Errorf("make table %s: %w", t, err)
		}
	}
	for _, index := range []struct{ system, text string }{
		{"shop", "create index customers_email on customers (lower(email))"},
		{"shop", "create index orders_customer on orders (customer_id)"},
		{"shop", "create index invoices_customer on invoices (customer_id)"},
	} {
		if _, err := c.store[index.system].ExecContext(ctx, index.text); err != nil {
			return fmt.Errorf("make an index: %w", err)
		}
	}
	return os.MkdirAll(filepath.Join(c.files, "conversations"), 0o700)
}

// found adds a crowd of customers and a dozen of staff.
func (c *company) found(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	rows := map[string][]cells{}
	add := func(table, key, of, names, text string) {
		rows[table] = append(rows[table], cells{key, of, names, text})
	}
	var lines strings.Builder
	for n := c.founded * staffPerCrowd; n < (c.founded+1)*staffPerCrowd; n++ {
		p := employee(n)
		add("desk.staff", number(p.id), "", number(p.by), p.email)
	}
	for n := c.founded * crowd; n < (c.founded+1)*crowd; n++ {
		p := customer(c.seed, n)
		id := number(p.id)
		add("shop.customers", id, id, "", p.email)
		for i := range p.orders {
			add("shop.orders", number(p.id*10+i), id, "", p.home)
			add("shop.invoices", number(p.id*10+i), id, "", p.home)
		}
		if p.account {
			add("desk.accounts", id, id, "", p.nick)
		}
		for i := range p.tickets {
			add("desk.tickets", number(p.id*10+i), id, number(p.by), "Write to "+p.email+".")
		}
		for i := range p.chats {
			line := p.chat(i)
			lines.WriteString(line + "\n")
			add(chats, fmt.Sprintf("c-%d-%d", p.id, i), id, "", line)
		}
	}
	for _, t := range tables {
		for chunk := range slices.Chunk(rows[t.String()], 500) {
			values := make([]string, len(chunk))
			for i, r := range chunk {
				values[i] = t.values(r)
			}
			if err := persist(ctx, func() error {
				_, err := c.store[t.system].ExecContext(ctx, "insert into "+t.name+" values "+strings.Join(values, ", "))
				return err
			}); err != nil {
				return fmt.Errorf("fill %s: %w", t, err)
			}
		}
	}
	name := filepath.Join(c.files, "conversations", fmt.Sprintf("crowd-%03d.jsonl", c.founded))
	if err := os.WriteFile(name, []byte(lines.String()), 0o600); err != nil {
		return fmt.Errorf("write conversations: %w", err)
	}
	for table, rs := range rows {
		for _, r := range rs {
			c.original[table][r.key] = r
		}
	}
	c.founded++
	return nil
}

// values is the row as SQL. No value has a quote in it.
func (t table) values(r cells) string {
	null := func(s string) string {
		if s == "" {
			return "null"
		}
		return s
	}
	switch t.String() {
	case "shop.customers":
		return fmt.Sprintf("(%s, '%s', 'Wilma Quistgaard')", r.key, r.text)
	case "desk.accounts":
		return fmt.Sprintf("(%s, '%s')", r.key, r.text)
	case "desk.staff":
		return fmt.Sprintf("(%s, '%s', 'Balduin Overbeck', %s)", r.key, r.text, null(r.names))
	case "desk.tickets":
		return fmt.Sprintf("(%s, %s, %s, '%s')", r.key, r.of, null(r.names), r.text)
	}
	return fmt.Sprintf("(%s, %s, '%s')", r.key, r.of, r.text)
}

// read reads every row of every system, the ledgers excepted.
func (c *company) read(ctx context.Context) (map[string]map[string]cells, error) {
	out := map[string]map[string]cells{}
	for _, t := range tables {
		err := persist(ctx, func() error {
			rows, err := c.readTable(ctx, t)
			out[t.String()] = rows
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", t, err)
		}
	}
	var err error
	out[chats], err = c.readChats()
	return out, err
}

func (c *company) readTable(ctx context.Context, t table) (map[string]cells, error) {
	rows, err := c.store[t.system].QueryContext(ctx, "select "+t.selects+" from "+t.name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]cells{}
	for rows.Next() {
		var v [4]sql.NullString
		if err := rows.Scan(&v[0], &v[1], &v[2], &v[3]); err != nil {
			return nil, err
		}
		out[v[0].String] = cells{v[0].String, v[1].String, v[2].String, v[3].String}
	}
	return out, rows.Err()
}

func (c *company) readChats() (map[string]cells, error) {
	names, err := filepath.Glob(filepath.Join(c.files, "conversations", "*.jsonl"))
	if err != nil {
		return nil, err
	}
	out := map[string]cells{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read conversations: %w", err)
		}
		for line := range bytes.Lines(text) {
			var v struct {
				ID       string
				Customer struct{ ID int }
			}
			if err := json.Unmarshal(line, &v); err != nil {
				return nil, fmt.Errorf("read conversations: a line of %s is none: %w", filepath.Base(name), err)
			}
			if _, twice := out[v.ID]; twice {
				v.ID += " again"
			}
			out[v.ID] = cells{v.ID, number(v.Customer.ID), "", strings.TrimSpace(string(line))}
		}
	}
	return out, nil
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
