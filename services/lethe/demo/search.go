package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// row is one row, line or object of the company's stores, read from the stores themselves.
type row struct {
	store  string // shop.customers, conversations, embeddings
	person int    // whose it is
	text   string // everything in it
}

// read reads everything that the three systems hold, past every part of Lethe.
func (c *Company) read(ctx context.Context) ([]row, error) {
	rows, err := c.readShop(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the shop: %w", err)
	}
	talks, err := c.readConversations()
	if err != nil {
		return nil, fmt.Errorf("read the conversations: %w", err)
	}
	vectors, err := c.readEmbeddings()
	if err != nil {
		return nil, fmt.Errorf("read the embeddings: %w", err)
	}
	return slices.Concat(rows, talks, vectors), nil
}

func (c *Company) readShop(ctx context.Context) ([]row, error) {
	db, err := c.openShop()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var out []row
	for _, q := range []struct{ store, query string }{
		{"shop.customers", `select id, * from customers`},
		{"shop.orders", `select customer_id, * from orders`},
		{"shop.order_items", `select o.customer_id, i.* from order_items i join orders o on o.id = i.order_id`},
		{"shop.order_items", `select 0, i.* from order_items i where i.order_id not in (select id from orders)`}, // an orphan is nobody's, and a fault
		{"shop.invoices", `select customer_id, * from invoices`},
	} {
		rows, err := readTable(ctx, db, q.store, q.query)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

func readTable(ctx context.Context, db *sql.DB, store, query string) ([]row, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []row
	for rows.Next() {
		cells := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		person, err := strconv.Atoi(fmt.Sprint(cells[0]))
		if err != nil {
			return nil, err
		}
		out = append(out, row{store, person, fmt.Sprint(cells[1:]...)})
	}
	return out, rows.Err()
}

func (c *Company) readConversations() ([]row, error) {
	files, err := filepath.Glob(filepath.Join(c.conversationsDir(), "conversations", "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var out []row
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			var talk conversation
			if err := json.Unmarshal(line, &talk); err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Base(f), err)
			}
			out = append(out, row{"conversations", talk.Customer.ID, string(line)})
		}
	}
	return out, nil
}

func (c *Company) readEmbeddings() ([]row, error) {
	var out []row
	root := filepath.Join(c.embeddingsDir(), "embeddings")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		person, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return fmt.Errorf("an object that is nobody's: %w", err)
		}
		out = append(out, row{"embeddings", person, string(text)})
		return nil
	})
	return out, err
}

// finding is what a search of the stores says.
type finding struct {
	values int // searched for
	left   int // found where they must not be
	where  []string
	others bool // every row of everybody else is as it was
}

// search looks for every value of the erased people in every store. What the law keeps may hold them: the invoices of those
// people, and nothing else. before is what the stores held at the beginning.
func search(before, now []row, erased []Person) finding {
	gone := map[int]bool{}
	f := finding{}
	for _, p := range erased {
		gone[p.ID] = true
		f.values += len(p.values())
		for _, v := range p.values() {
			for _, r := range now {
				if kept := r.store == "shop.invoices" && r.person == p.ID; !kept && strings.Contains(r.text, v) {
					f.left++
					f.where = append(f.where, r.store)
				}
			}
		}
		for _, r := range now {
			if r.person == p.ID && r.store != "shop.invoices" {
				f.left++
				f.where = append(f.where, r.store)
			}
		}
	}
	f.others = fingerprint(before, gone) == fingerprint(now, gone)
	return f
}

// fingerprint covers every row of everybody who did not ask for erasure, and what is kept of those who did.
func fingerprint(rows []row, gone map[int]bool) string {
	var lines []string
	for _, r := range rows {
		if !gone[r.person] || r.store == "shop.invoices" {
			lines = append(lines, r.store+"\x00"+strconv.Itoa(r.person)+"\x00"+r.text)
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\x01")))
	return hex.EncodeToString(sum[:])
}
