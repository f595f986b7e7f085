package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/postgres"
)

// side is a second client of the store's schema, which does what the store does not.
type side struct {
	*pgx.Conn
	t testing.TB
}

func openSide(t testing.TB, schema string) side {
	t.Helper()
	conn := connect(t)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	s := side{conn, t}
	s.exec("SET search_path = " + schema)
	return s
}

func (s side) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

func (s side) number(sql string, args ...any) (n int64) {
	s.t.Helper()
	if err := s.QueryRow(s.t.Context(), sql, args...).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// killAll ends every connection of the store, as a restart of the server does.
func (s side) killAll(schema string) {
	s.t.Helper()
	s.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = $1`, "kill-"+schema)
}

// openNamed opens a store whose connections can be told from those of other tests.
func openNamed(t testing.TB, c postgres.Config) (*postgres.Store, side) {
	t.Helper()
	c.Schema = newSchema(t)
	c.URL = serverURL(t) + "&application_name=kill-" + c.Schema
	s := openConfig(t, c)
	return s, openSide(t, c.Schema)
}

func schemaOf(s side) (name string) {
	s.t.Helper()
	if err := s.QueryRow(s.t.Context(), "SELECT current_schema()").Scan(&name); err != nil {
		s.t.Fatal(err)
	}
	return name
}

func admit(t testing.TB, s store.Store, ids ...lifecycle.ID) {
	t.Helper()
	err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
		keys := make([]store.Key, len(ids))
		var ch store.Changes
		for i, id := range ids {
			keys[i] = store.Key{ID: id, MAC: []byte("mac")}
			ch.Requests = append(ch.Requests, &lifecycle.Request{
				ID: id, Version: 1, State: dsr.Acting, Kind: dsr.Erasure, Refs: []lifecycle.Ref{lifecycle.Ref(id.RequestID)}, Fresh: true, Dirty: true,
			})
		}
		if _, err := tx.Keys(ctx, keys); err != nil {
			return err
		}
		return tx.Save(ctx, ch)
	})
	if err != nil {
		t.Fatalf("admit: %v", err)
	}
}

// bump raises the version of an open request.
func bump(ctx context.Context, s store.Store, id lifecycle.ID) error {
	return s.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
		open, err := tx.Requests(ctx, []lifecycle.ID{id})
		if err != nil {
			return err
		}
		r := open[id]
		if r == nil {
			return fmt.Errorf("request %s is not open", id.RequestID)
		}
		r.Version++
		r.Dirty = true
		return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{r}})
	})
}

func TestAShardMovesOnWhenItsConnectionDies(t *testing.T) {
	s, side := openNamed(t, postgres.Config{})
	first, err := s.Outbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if held, err := first.Acquire(t.Context(), []int{0, 1}); len(held) != 2 || err != nil {
		t.Fatalf("holds %v, %v", held, err)
	}
	side.killAll(schemaOf(side))

	second, err := s.Outbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	deadline := time.Now().Add(10 * time.Second)
	for { // the server needs a moment to see that the session is over
		held, err := second.Acquire(t.Context(), []int{0, 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(held) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the second relay holds %v", held)
		}
		if err := second.Wait(t.Context(), 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	var gone *store.UnavailableError
	if _, err := first.Acquire(t.Context(), []int{0, 1}); !errors.As(err, &gone) {
		t.Errorf("the first relay was told %v", err)
	}
	if _, err := first.Fetch(t.Context(), []int{0}, 1); !errors.As(err, &gone) {
		t.Errorf("and then %v", err)
	}
}

func TestALostConnectionIsUnavailableAndTheNextTransactionWorks(t *testing.T) {
	s, side := openNamed(t, postgres.Config{})
	id := newID()
	admit(t, s, id)
	err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
		open, err := tx.Requests(ctx, []lifecycle.ID{id})
		if err != nil {
			return err
		}
		side.killAll(schemaOf(side))
		open[id].Version, open[id].Dirty = 7, true
		return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{open[id]}})
	})
	var gone *store.UnavailableError
	if !errors.As(err, &gone) {
		t.Fatalf("got %v", err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for err = bump(t.Context(), s, id); err != nil; err = bump(t.Context(), s, id) { // other pooled connections are dead too
		if !errors.As(err, &gone) || time.Now().After(deadline) {
			t.Fatalf("got %v", err)
		}
	}
	if v := side.number("SELECT version FROM request"); v != 2 {
		t.Errorf("version %d, want 2: the cut transaction must have left nothing", v)
	}
}

func TestADeadlockBeginsAgain(t *testing.T) {
	s, side := openNamed(t, postgres.Config{})
	ids := []lifecycle.ID{newID(), newID()}
	admit(t, s, ids...)
	subject := store.Subject{Ref: "person"}
	side.exec("INSERT INTO subject VALUES ('', 'person')")
	tries := 0
	locked, held := make(chan struct{}), make(chan struct{})
	var group errgroup.Group
	// The store's transaction has the subject and wants the request, the rival has the request and wants the subject.
	group.Go(func() error {
		return s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
			tries++
			if err := tx.LockSubjects(ctx, []store.Subject{subject}); err != nil {
				return err
			}
			if _, err := tx.Neighbours(ctx, []store.Subject{subject}); err != nil { // sends it
				return err
			}
			if tries == 1 {
				close(locked)
				<-held
			}
			open, err := tx.Requests(ctx, ids)
			if err != nil {
				return err
			}
			for _, r := range open {
				r.Version++
				r.Dirty = true
			}
			return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{open[ids[0]], open[ids[1]]}})
		})
	})
	side.exec("BEGIN")
	side.exec("SET LOCAL deadlock_timeout = '1h'") // so that the store's side is the victim
	side.exec("SELECT FROM request WHERE request_id = $1 FOR UPDATE", string(ids[1].RequestID))
	close(held)
	<-locked
	side.exec("SELECT FROM subject FOR UPDATE")
	side.exec("COMMIT")
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if tries != 2 {
		t.Errorf("it was run %d times", tries)
	}
	if n := side.number("SELECT sum(version) FROM request"); n != 4 {
		t.Errorf("versions sum up to %d, want 4", n)
	}
}

func TestALockThatNeverComesEndsTheTransaction(t *testing.T) {
	s, side := openNamed(t, postgres.Config{LockTimeout: 10 * time.Millisecond})
	id := newID()
	admit(t, s, id)
	side.exec("BEGIN")
	side.exec("SELECT FROM request FOR UPDATE")
	tries := 0
	err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
		tries++
		_, err := tx.Requests(ctx, []lifecycle.ID{id})
		return err
	})
	if err == nil || tries != 10 || !strings.Contains(err.Error(), "55P03") {
		t.Errorf("after %d tries: %v", tries, err)
	}
	side.exec("COMMIT")
	if err := bump(t.Context(), s, id); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestWakingPassesOverLockedRequests(t *testing.T) {
	s, side := openNamed(t, postgres.Config{LockTimeout: 50 * time.Millisecond})
	free, busy, sealed := newID(), newID(), newID()
	admit(t, s, free, busy, sealed)
	side.exec("UPDATE request SET state = 'waiting', wake_at = now() + interval '1 hour' WHERE request_id <> $1", string(sealed.RequestID))
	side.exec("BEGIN")
	side.exec("SELECT FROM request WHERE request_id = $1 FOR UPDATE", string(busy.RequestID))
	err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.Save(ctx, store.Changes{Wake: []store.Subject{
			{Ref: lifecycle.Ref(free.RequestID)}, {Ref: lifecycle.Ref(busy.RequestID)}, {Ref: lifecycle.Ref(sealed.RequestID)},
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	side.exec("COMMIT")
	due, err := s.Due(t.Context(), 10)
	if len(due) != 1 || due[0] != free || err != nil {
		t.Errorf("due are %v, %v", due, err)
	}
}

func TestOutboxRowsThatBecomeVisibleOutOfOrderAreNotLost(t *testing.T) {
	s, side := openNamed(t, postgres.Config{})
	frame := []byte{1, 1, 't', 0, 0, 0} // one message of topic t
	side.exec("BEGIN")
	side.exec("INSERT INTO outbox (shard, size, body) VALUES (0, 6, $1)", frame) // the lower id, committed later
	publish := func() {
		err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
			return tx.Save(ctx, store.Changes{Outbox: []store.Message{{Topic: "t"}}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	publish()
	out, err := s.Outbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	fetch := func() []store.OutboxRow {
		rows, err := out.Fetch(t.Context(), []int{0}, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	later := fetch()
	if len(later) != 1 {
		t.Fatalf("%d rows are visible", len(later))
	}
	if err := out.Delete(t.Context(), []int64{later[0].ID}); err != nil {
		t.Fatal(err)
	}
	side.exec("COMMIT")
	if rows := fetch(); len(rows) != 1 || rows[0].ID >= later[0].ID || rows[0].Messages[0].Topic != "t" {
		t.Errorf("got %v after row %d was published", rows, later[0].ID)
	}
}

func TestARowThatTheDatabaseRefusesIsABadRowAndItsErrorHasNoValues(t *testing.T) {
	s, side := openNamed(t, postgres.Config{})
	id := newID()
	admit(t, s, id)
	// Behind the store's back: it does not expect the step.
	side.exec("INSERT INTO step VALUES ($1, 1, 1, 2, '', 'secret-system', 'act', 'answered', '')", string(id.RequestID))
	err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
		open, err := tx.Requests(ctx, []lifecycle.ID{id})
		if err != nil {
			return err
		}
		open[id].Dirty = true
		open[id].Steps = []*lifecycle.Step{{System: "secret-system", Phase: dsr.Act, Round: 1, Attempt: 1, State: dsr.AckAnswered, Dirty: true}}
		return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{open[id]}})
	})
	var row *store.BadRowError
	if !errors.As(err, &row) || !strings.Contains(err.Error(), "SQLSTATE 23505") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestOpenTellsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		config      postgres.Config
		unavailable bool
	}{
		"nobody_listens":   {postgres.Config{URL: "postgres://postgres:hunter2@127.0.0.1:1/postgres?connect_timeout=5"}, true},
		"no_such_database": {postgres.Config{URL: strings.Replace(serverURL(t), "/postgres?", "/no_such?", 1)}, false},
		"no_url":           {postgres.Config{}, false},
		"schema_with_sql":  {postgres.Config{URL: serverURL(t), Schema: `x"; DROP`}, false},
		"url_is_nonsense":  {postgres.Config{URL: "postgres://u:hunter2@host:port/"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := postgres.Open(t.Context(), c.config)
			var gone *store.UnavailableError
			if err == nil || errors.As(err, &gone) != c.unavailable || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestARefusedLoginIsWaitedFor: credentials are changed in two places, one after the other.
func TestARefusedLoginIsWaitedFor(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	s := openSide(t, "public")
	s.exec("CREATE ROLE " + schema + " NOLOGIN")
	t.Cleanup(func() {
		if _, err := s.Exec(context.Background(), "DROP ROLE "+schema); err != nil {
			t.Error(err)
		}
	})
	_, err := postgres.Open(t.Context(), postgres.Config{URL: serverURL(t) + "&user=" + schema, Schema: schema})
	var away *store.UnavailableError
	if !errors.As(err, &away) {
		t.Errorf("error %v, want an UnavailableError", err)
	}
}
