package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// witness looks into the stores in the moment in which an erasure is acknowledged, and is the application that writes late.
type witness struct {
	company *company
	find    func(dsr.RequestID) *asked

	work    chan *dsr.Acknowledgement
	done    chan struct{}
	pending atomic.Int64

	mu     sync.Mutex
	errs   []string
	looked int
	late   map[dsr.RequestID][]lateRow
}

// lateRow is a row that the application wrote after an erasure.
type lateRow struct {
	table string
	row   cells
	at    time.Time // by when it was committed
}

func newWitness(ctx context.Context, c *company, find func(dsr.RequestID) *asked) *witness {
	w := &witness{company: c, find: find, work: make(chan *dsr.Acknowledgement, 100_000), done: make(chan struct{}), late: map[dsr.RequestID][]lateRow{}}
	go func() {
		defer close(w.done)
		for a := range w.work {
			w.see(ctx, a)
			w.pending.Add(-1)
		}
	}()
	return w
}

// take hands over an acknowledgement to be seen.
func (w *witness) take(a *dsr.Acknowledgement) {
	w.pending.Add(1)
	w.work <- a
}

// settled waits until everything that was acknowledged so far has been looked at.
func (w *witness) settled(ctx context.Context) {
	until(ctx, patience, 50*time.Millisecond, func() bool { return w.pending.Load() == 0 })
}

// close returns when everything that was acknowledged has been looked at.
func (w *witness) close() {
	close(w.work)
	<-w.done
}

func (w *witness) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, fmt.Sprintf(format, args...))
}

func (w *witness) wrong() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.errs) > 0
}

// see works one acknowledgement of an act: what it says must be so now.
func (w *witness) see(ctx context.Context, a *dsr.Acknowledgement) {
	q := w.find(a.RequestID)
	if q == nil || a.Kind != dsr.Erasure || q.nobody {
		return
	}
	if a.System != "chats" { // files are compared at the end
		if err := w.gone(ctx, a, q); err != nil {
			w.fail("request %s: %s acknowledged an erasure in round %d: %v", a.RequestID, a.System, a.Round, err)
		}
	}
	if a.Round != 1 || !slices.Contains(q.late, a.System) {
		return
	}
	if err := persist(ctx, func() error { return w.write(ctx, a.System, q) }); err != nil {
		w.fail("the application could not write late in %s: %v", a.System, err)
	}
}

// gone looks for rows of an erased person.
func (w *witness) gone(ctx context.Context, a *dsr.Acknowledgement, q *asked) error {
	for _, t := range tables {
		if t.system != a.System || t.kept || q.who.staff != (t.name == "staff") {
			continue
		}
		column := "customer_id"
		if t.name == "customers" || t.name == "staff" {
			column = "id"
		}
		n := 0
		if err := persist(ctx, func() error {
			return w.company.store[t.system].QueryRowContext(ctx, fmt.Sprintf("select count(*) from %s where %s = %d", t.name, column, q.who.id)).Scan(&n)
		}); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%d rows of the person are in %s", n, t)
		}
		w.mu.Lock()
		w.looked++
		w.mu.Unlock()
	}
	return nil
}

// write is what the application does of a person whom it does not know to be erased.
func (w *witness) write(ctx context.Context, system string, q *asked) error {
	p := q.who
	id, key := number(p.id), number(p.id*10+7)
	var rows []lateRow
	switch system {
	case "shop":
		rows = []lateRow{{table: "shop.customers", row: cells{id, id, "", p.email}}, {table: "shop.orders", row: cells{key, id, "", p.home}}}
	case "desk":
		rows = []lateRow{{table: "desk.accounts", row: cells{id, id, "", p.nick}}, {table: "desk.tickets", row: cells{key, id, "", "Write to " + p.email + "."}}}
	default:
		rows = []lateRow{{table: chats, row: cells{fmt.Sprintf("c-%d-7", p.id), id, "", p.chat(7)}}}
	}
	if system == "chats" {
		if err := w.append(p, rows[0].row.text); err != nil {
			return err
		}
	} else if err := w.insert(ctx, system, rows); err != nil {
		return err
	}
	for i := range rows {
		rows[i].at = time.Now()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late[q.RequestID] = append(w.late[q.RequestID], rows...)
	return nil
}

// insert writes rows that may be there already: the server may have died after the commit and before it could say so.
func (w *witness) insert(ctx context.Context, system string, rows []lateRow) error {
	tx, err := w.company.store[system].BeginTx(ctx, &sql.TxOptions{})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it has nothing to do; after an error that one is returned
	for _, r := range rows {
		for _, t := range tables {
			if t.String() != r.table {
				continue
			}
			q := "insert into " + t.name + " values " + t.values(r.row) + " on conflict do nothing"
			if system == "desk" {
				q = "insert ignore into " + t.name + " values " + t.values(r.row)
			}
			if _, err := tx.ExecContext(ctx, q); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

func (w *witness) append(p person, line string) error {
	name := filepath.Join(w.company.files, "conversations", fmt.Sprintf("crowd-%03d.jsonl", (p.id-firstCustomer)/crowd))
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.TrimSpace(line) + "\n")
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
