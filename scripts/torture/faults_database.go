package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// database does to a database what administrators, applications and full servers do.
func (f *faults) database(ctx context.Context, x fault, recent []int) error {
	server := "postgres"
	if x.target == "desk" {
		server = "mariadb"
	}
	lock := f.busy[server]
	lock.Lock()
	defer lock.Unlock()
	switch x.kind {
	case locked:
		f.counts.add("rows locked past the lock time-out", x.target, false)
		return f.hold(ctx, x, recent)
	case deadlocked:
		f.counts.add("locks in the opposite order (deadlocks)", x.target, false)
		return f.cross(ctx, x, recent)
	case crowded:
		f.counts.add("too many connections", x.target, false)
		return f.crowd(ctx, x)
	case timedOut:
		f.counts.add("statement time-outs", x.target, false)
		if x.target == "desk" {
			return f.during(ctx, x.last, f.root, "set global max_statement_time = 0.001", "set global max_statement_time = 0", f.evict(x.target))
		}
		role := "alter role lethe_" + x.target
		return f.during(ctx, x.last, f.admin, role+" set statement_timeout = 1", role+" reset statement_timeout", f.evict(x.target))
	case readOnly:
		f.counts.add("database read-only", x.target, false)
		if x.target == "desk" {
			return f.during(ctx, x.last, f.root, "set global read_only = 1", "set global read_only = 0")
		}
		role := "alter role lethe_" + x.target
		return f.during(ctx, x.last, f.admin, role+" set default_transaction_read_only = on", role+" reset default_transaction_read_only", f.evict(x.target))
	case expired:
		f.counts.add("credentials expired", x.target, false)
		if x.target == "desk" {
			user := "alter user lethe_desk@'%' identified by '"
			return f.during(ctx, x.last, f.root, user+"another'", user+password+"'", f.evict(x.target))
		}
		role := "alter role lethe_" + x.target + " valid until '"
		return f.during(ctx, x.last, f.admin, role+"2001-01-01'", role+"infinity'", f.evict(x.target))
	}
	return fmt.Errorf("no fault %s", x.kind)
}

// during does something, whatever makes it felt, and undoes it all: once so and once so.
func (f *faults) during(ctx context.Context, last time.Duration, db *sql.DB, do, undo string, felt ...func(context.Context) error) error {
	exec := func(ctx context.Context, q string) error {
		return persist(ctx, func() error {
			_, err := db.ExecContext(ctx, q)
			return err
		})
	}
	err := exec(ctx, do)
	for _, feel := range felt {
		err = errors.Join(err, persist(ctx, func() error { return feel(ctx) }))
	}
	pause(ctx, last)
	err = errors.Join(err, exec(context.WithoutCancel(ctx), undo))
	for _, feel := range felt { // a session keeps what it began with
		err = errors.Join(err, persist(ctx, func() error { return feel(ctx) }))
	}
	return err
}

// evict ends the sessions of Lethe's role.
func (f *faults) evict(target string) func(context.Context) error {
	if target != "desk" {
		return func(ctx context.Context) error {
			_, err := f.admin.ExecContext(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", "lethe_"+target)
			return err
		}
	}
	return func(ctx context.Context) error {
		rows, err := f.root.QueryContext(ctx, "select id from information_schema.processlist where user = 'lethe_desk'")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			id := 0
			if err := rows.Scan(&id); err != nil {
				return err
			}
			_, _ = f.root.ExecContext(ctx, fmt.Sprintf("kill %d", id)) // it may have gone by itself
		}
		return rows.Err()
	}
}

// crowd takes every connection that the server has, those of Lethe too.
func (f *faults) crowd(ctx context.Context, x fault) error {
	db, err := f.pg("postgres")
	if x.target == "desk" {
		db, err = f.maria("")
	}
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(0)
	var taken []*sql.Conn
	defer func() {
		for _, c := range taken {
			_ = c.Close() // what counts is that it goes
		}
	}()
	for end := time.Now().Add(x.last); time.Now().Before(end) && ctx.Err() == nil; {
		for len(taken) < 200 {
			c, err := db.Conn(ctx)
			if err != nil { // none is left
				break
			}
			taken = append(taken, c)
		}
		if err := f.evict(x.target)(ctx); err != nil && ctx.Err() == nil {
			return nil //nolint:nilerr // even the harness has no connection: that is what was wanted
		}
		pause(ctx, 20*time.Millisecond)
	}
	return nil
}

// hold locks rows of people of whom something was asked, longer than Lethe waits for a lock.
func (f *faults) hold(ctx context.Context, x fault, recent []int) error {
	if len(recent) == 0 {
		return nil
	}
	tx, err := f.of(x.target).BeginTx(ctx, nil)
	if err != nil {
		return nil //nolint:nilerr // the server was killed a moment ago
	}
	defer tx.Rollback() //nolint:errcheck // nothing was changed
	for _, q := range lockStatements(x.target, recent) {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return nil //nolint:nilerr // Lethe had them first, and a deadlock or the end of the server took them from us
		}
	}
	pause(ctx, x.last)
	return nil
}

// cross takes the same rows from both ends, one after the other, again and again: sooner or later everybody waits for everybody.
func (f *faults) cross(ctx context.Context, x fault, recent []int) error {
	var g sync.WaitGroup
	end := time.Now().Add(x.last)
	for _, backwards := range []bool{false, true} {
		g.Go(func() {
			for time.Now().Before(end) && ctx.Err() == nil {
				f.crossOnce(ctx, x.target, recent, backwards)
				pause(ctx, 10*time.Millisecond)
			}
		})
	}
	g.Wait()
	return nil
}

func (f *faults) crossOnce(ctx context.Context, target string, ids []int, backwards bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	tx, err := f.of(target).BeginTx(ctx, nil)
	if err != nil {
		return
	}
	defer tx.Rollback() //nolint:errcheck // nothing was changed
	var qs []string
	for chunk := range slices.Chunk(ids, 4) {
		qs = append(qs, lockStatements(target, chunk)...)
	}
	if backwards {
		slices.Reverse(qs)
	}
	for _, q := range qs {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return // the victim was this one
		}
		pause(ctx, 5*time.Millisecond)
	}
}

func lockStatements(target string, ids []int) []string {
	list := strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
	if target == "shop" {
		return []string{"select 1 from orders where customer_id in (" + list + ") for update", "select 1 from customers where id in (" + list + ") for update"}
	}
	return []string{"select 1 from tickets where customer_id in (" + list + ") for update", "select 1 from accounts where customer_id in (" + list + ") for update"}
}

func (f *faults) of(system string) *sql.DB {
	if system == "desk" {
		return f.desk
	}
	return f.shop
}
