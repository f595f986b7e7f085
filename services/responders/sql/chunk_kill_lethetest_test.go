//go:build lethetest

package sql_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("LETHE_SQL_CHILD"); dir != "" {
		if err := eraseInChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// An erasure in chunks is killed again and again, at every point of a step and in every few chunks. In the end all counts are exact.
func TestKilledInAnyChunk(t *testing.T) {
	for _, d := range []sql.Dialect{sql.SQLite, sql.Postgres, sql.MySQL} {
		for _, beside := range []bool{false, true} {
			name := string(d) + "_in_transaction"
			if beside {
				name = string(d) + "_beside"
			}
			t.Run(name, func(t *testing.T) { killedInChunks(t, newPlace(t, d), beside) })
		}
	}
}

func killedInChunks(t *testing.T, p place, beside bool) {
	w := p.world(t, archive)
	fillArchive(w, 13)
	dir := t.TempDir()
	b := respondertest.NewBench(t, "shop")
	m, err := os.ReadFile("testdata/archive.yml")
	if err != nil {
		t.Fatal(err)
	}
	person := respondertest.Person{Request: "00000000-0000-4000-8000-000000000001", Capacity: "customer", Identifiers: []dsr.Identifier{email("c1@example.org")}}
	err = errors.Join(
		b.Keys.Save(filepath.Join(dir, "topics.json")),
		os.WriteFile(filepath.Join(dir, "map.yml"), []byte(strings.ReplaceAll(string(m), "SCHEMA", p.schema)), 0o600),
		os.WriteFile(filepath.Join(dir, "dispatch"), b.Dispatch(t, person).Value, 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	run := func(n int, crashAt string) *os.ProcessState {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "LETHE_SQL_CHILD="+dir, "LETHE_SQL_PLACE="+string(p.dialect)+" "+p.dsn, fmt.Sprintf("LETHE_SQL_BESIDE=%t", beside),
			fmt.Sprintf("LETHE_SQL_RUN=%d", n), "LETHE_CRASH_AT="+crashAt)
		cmd.Stderr = os.Stderr
		_ = cmd.Run() // it is to be killed, or to write an acknowledgement
		return cmd.ProcessState
	}
	kills := 0
	for ; ; kills++ {
		point := []string{"claimed", "effected", "committed"}[kills%3]
		if run(kills, fmt.Sprintf("responder.%s:%d", point, 2+kills%2)).Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			break
		}
		if kills > 200 {
			t.Fatal("killed 200 times, and no end")
		}
	}
	if kills < 6 {
		t.Errorf("killed %d times alone", kills)
	}
	t.Logf("killed %d times", kills)
	a, err := os.ReadFile(filepath.Join(dir, "answer"))
	if err != nil {
		t.Fatal(err)
	}
	ack, err := b.Codec.DecodeAcknowledgement(a)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"customers": 1, "orders": 13, "order_lines": 39, "shipments": 26, "visits": 13, "clicks": 39, "audits": 13, "reviews": 13, "tickets": 13}
	got := map[string]int64{}
	for _, c := range ack.Collections {
		name := c.Name
		got[name] = c.Counts.Found
		if beside { // what a killed process had committed was not written down
			if c.CountQuality != dsr.CountsLowerBound || c.Counts.Found > want[name] {
				t.Errorf("%s: %d found (%s)", c.Name, c.Counts.Found, c.CountQuality)
			}
			got[name] = want[name]
		} else if c.CountQuality != dsr.CountsExact {
			t.Errorf("%s: counts are %s", c.Name, c.CountQuality)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("found, after %d kills (-want +got):\n%s", kills, d)
	}
	for table, n := range map[string]int64{"visits": 3, "clicks": 9, "tickets WHERE agent = 1": 0, "reviews WHERE author = 1 AND body <> 'erased'": 0, "orders": 16} {
		if left := w.count(table); left != n {
			t.Errorf("%d rows of %s, want %d", left, table, n)
		}
	}
}

// answerFile is a broker of which only the answer to the one request is asked for.
type answerFile string

func (f answerFile) Send(_ context.Context, ms []kafka.Message) error {
	codec, err := event.NewCodec()
	if err != nil {
		return err
	}
	for _, m := range ms {
		a, err := codec.DecodeAcknowledgement(m.Value)
		if err != nil || a.State != dsr.AckAnswered {
			continue
		}
		if err := os.WriteFile(string(f), m.Value, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// eraseInChild is the process that is killed: it takes the request as often as it lives, and works what is due until it is answered.
func eraseInChild(dir string) error {
	ctx := context.Background()
	var d, dsn string
	var beside bool
	var n int
	_, err := fmt.Sscan(os.Getenv("LETHE_SQL_PLACE"), &d, &dsn)
	_, err2 := fmt.Sscan(os.Getenv("LETHE_SQL_BESIDE"), &beside)
	_, err3 := fmt.Sscan(os.Getenv("LETHE_SQL_RUN"), &n)
	if err := errors.Join(err, err2, err3); err != nil {
		return err
	}
	keys, err := sealing.LoadKeyset(filepath.Join(dir, "topics.json"))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "map.yml"))
	if err != nil {
		return err
	}
	m, err := parseMap(string(text))
	if err != nil {
		return err
	}
	db, err := place{dialect: sql.Dialect(d), dsn: dsn}.connect()
	if err != nil {
		return err
	}
	defer db.Close()
	sys, err := sql.New(ctx, sql.Config{DB: db, Dialect: sql.Dialect(d), Map: m, System: "shop", ChunkRows: 7, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	l := sys.Ledger()
	if beside {
		other, err := place{dialect: sql.SQLite, dsn: sqliteDSN(filepath.Join(dir, "ledger.db"))}.connect()
		if err != nil {
			return err
		}
		defer other.Close()
		l = ledger.Beside(other, ledger.SQLite)
	}
	answer := filepath.Join(dir, "answer")
	r, err := responder.New(responder.Config{
		System: "shop", Keys: keys, Sender: answerFile(answer), Logger: slog.New(slog.DiscardHandler),
		Clock: func() time.Time { return time.Now().Add(time.Duration(n) * 5 * time.Minute) }, // past the lease of a process that died
	}, sys, l)
	if err != nil {
		return err
	}
	value, err := os.ReadFile(filepath.Join(dir, "dispatch"))
	if err != nil {
		return err
	}
	batch := kafka.Batch{Topic: "lethe.subject-requests.erasure", Messages: []kafka.Message{{Topic: "lethe.subject-requests.erasure", Value: value}}, Next: 1}
	if _, err := r.Handle(ctx, batch); err != nil {
		return err
	}
	for range 1000 {
		if _, err := os.Stat(answer); err == nil {
			return nil
		}
		if _, err := r.WorkDue(ctx); err != nil {
			return err
		}
	}
	return errors.New("a thousand turns, and no answer")
}
