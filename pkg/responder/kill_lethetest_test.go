//go:build lethetest

package responder_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

// child is the process that is killed: a responder over the directory that its environment names.
func child() bool {
	dir := os.Getenv("RESPONDER_CHILD")
	if dir == "" {
		return false
	}
	if err := serveChild(dir); err != nil {
		panic(err) // there is no test here that could fail; the exit code is what the parent sees
	}
	return true
}

func openChild(dir string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+filepath.Join(dir, "shop.db")+pragmas)
}

func serveChild(dir string) error {
	keys, err := sealing.LoadKeyset(filepath.Join(dir, "topics.json"))
	if err != nil {
		return err
	}
	db, err := openChild(dir)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	c := responder.Config{
		System: "shop", Brokers: []string{os.Getenv("RESPONDER_BROKER")}, Keys: keys, BatchSize: 7, PollEvery: 50 * time.Millisecond,
		SessionTimeout: 2 * time.Second, RebalanceTimeout: 30 * time.Second,
	}
	if os.Getenv("RESPONDER_BESIDE") != "" {
		return responder.Run(ctx, c, profiles(filepath.Join(dir, "profiles")), ledger.Beside(db, ledger.SQLite))
	}
	return responder.Run(ctx, c, notes{db: db}, ledger.InTransaction(db, ledger.SQLite))
}

// A responder is killed at every point between fetching and committing, restarted, and everything must have happened once.
func TestKilledAnywhereItGoesOnWhereItDied(t *testing.T) {
	for _, beside := range []string{"", "1"} {
		for _, point := range []string{"fetched", "claimed", "effected", "committed", "acknowledged"} {
			name := point + "_in_transaction"
			if beside != "" {
				name = point + "_beside"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				killed(t, point, beside)
			})
		}
	}
}

func killed(t *testing.T, point, beside string) {
	const people, things = 40, 3
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	client, err := kafka.New(kafka.Config{Brokers: fake.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	apply(t, client, dsr.DefaultTopicPrefix)

	dir := t.TempDir()
	b := respondertest.NewBench(t, "shop")
	if err := b.Keys.Save(filepath.Join(dir, "topics.json")); err != nil {
		t.Fatal(err)
	}
	left := seed(t, dir, beside, people, things)
	var ms []kafka.Message
	for n := range people {
		ms = append(ms, b.Dispatch(t, person(n)))
	}
	publish(t, client, dsr.DefaultTopicPrefix, ms...)

	start := func(crashAt string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "RESPONDER_CHILD="+dir, "RESPONDER_BROKER="+fake.ListenAddrs()[0], "RESPONDER_BESIDE="+beside, "LETHE_CRASH_AT="+crashAt)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	doomed := start("responder." + point + ":3")
	if err := doomed.Wait(); err == nil || doomed.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended with %v, it was to be killed", doomed.ProcessState)
	}
	again := start("")
	defer func() {
		_ = again.Process.Signal(syscall.SIGTERM)
		if err := again.Wait(); err != nil {
			t.Errorf("the child ended with %v", err)
		}
	}()
	acks := map[dsr.RequestID][]byte{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for m, err := range client.Tail(ctx, kafka.TailConfig{Topics: []string{dsr.DefaultTopicPrefix + dsr.TopicAcknowledgement}, Follow: true}) {
		if err != nil {
			t.Fatalf("%d of %d acknowledgements: %v", len(acks), people, err)
		}
		a, err := b.Codec.DecodeAcknowledgement(m.Value)
		if err != nil {
			t.Fatal(err)
		}
		if a.State == dsr.Delayed { // a busy machine may put a request off; its answer follows
			continue
		}
		if first, twice := acks[a.RequestID]; twice && !bytes.Equal(first, m.Value) {
			t.Errorf("request %s was acknowledged in two ways", a.RequestID)
		}
		acks[a.RequestID] = m.Value
		counted(t, a, beside != "", things)
		if len(acks) == people {
			break
		}
	}
	if n := left(); n != 0 {
		t.Errorf("%d things are left", n)
	}
}

// counted demands exact counts where the ledger is in the transaction, and elsewhere the truth.
func counted(t *testing.T, a dsr.Acknowledgement, beside bool, things int64) {
	t.Helper()
	if a.State != dsr.AckAnswered || len(a.Collections) != 1 {
		t.Fatalf("acknowledged %+v", a)
	}
	c := a.Collections[0]
	switch {
	case !a.Resumed && (c.Counts.Erased != things || c.CountQuality != dsr.CountsExact):
		t.Errorf("%d erased (%s), want %d exactly", c.Counts.Erased, c.CountQuality, things)
	case a.Resumed && !beside:
		t.Error("resumed, with the ledger in the transaction")
	case a.Resumed && (c.Outcome != dsr.Erased || c.CountQuality != dsr.CountsLowerBound || c.Counts.Erased > things):
		t.Errorf("resumed: %s, %d erased (%s)", c.Outcome, c.Counts.Erased, c.CountQuality)
	}
}

// seed writes so many things about each person and returns a function that counts what is left.
func seed(t *testing.T, dir, beside string, people, things int) (left func() int) {
	t.Helper()
	db, err := openChild(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE notes (author TEXT, text TEXT)"); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "profiles")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	for p := range people {
		email := person(p).Identifiers[0].Value
		for n := range things {
			if beside == "" {
				if _, err := db.ExecContext(t.Context(), "INSERT INTO notes VALUES (?, ?)", email, n); err != nil {
					t.Fatal(err)
				}
				continue
			}
			of := filepath.Join(root, url.PathEscape(email))
			if n == 0 { // the folder is a thing as well
				if err := os.Mkdir(of, 0o700); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := os.WriteFile(filepath.Join(of, fmt.Sprint(n)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return func() (n int) {
		if beside == "" {
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM notes").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if err := filepath.WalkDir(root, func(string, fs.DirEntry, error) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n - 1 // the directory of all
	}
}
