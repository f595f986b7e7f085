package sqlite

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func setOffset(t *testing.T, s *Store, next int64) {
	t.Helper()
	err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: "t", Next: next}}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func wantOffset(t *testing.T, s *Store, want int64) {
	t.Helper()
	if from, _, err := s.Offset(t.Context(), "t", 0); from.Next != want || err != nil {
		t.Errorf("offset %d, %v; want %d", from.Next, err, want)
	}
}

func TestTheFileKeepsWhatWasCommitted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with space, % and ?.db")
	s := open(t, path)
	setOffset(t, s, 7)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	defer s.Close()
	wantOffset(t, s, 7)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file has another name: %v", err)
	}
}

func TestWhatWasCommittedSurvivesACrash(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "a.db"))
	defer s.Close()
	setOffset(t, s, 7)
	for _, suffix := range []string{"", "-wal"} { // as a crash leaves them: the WAL not yet in the file
		copyFile(t, filepath.Join(dir, "a.db"+suffix), filepath.Join(dir, "b.db"+suffix))
	}
	crashed := open(t, filepath.Join(dir, "b.db"))
	defer crashed.Close()
	wantOffset(t, crashed, 7)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheFileBelongsToOneStoreAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	first := open(t, path)
	_, err := Open(t.Context(), Config{Path: path, BusyTimeout: 10 * time.Millisecond})
	var gone *store.UnavailableError
	if !errors.As(err, &gone) || !errors.Is(err, errInUse) {
		t.Fatalf("got %v", err)
	}
	waiting := make(chan error, 1)
	go func() {
		s, err := Open(t.Context(), Config{Path: path})
		if err == nil {
			err = s.Close()
		}
		waiting <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err != nil {
		t.Errorf("the one that waited: %v", err)
	}
}

func TestThoseThatStartTogetherMakeTheTablesOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			s, err := Open(t.Context(), Config{Path: path})
			if err != nil {
				return err
			}
			return s.Close()
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAPathThatCannotBeIsTold(t *testing.T) {
	for name, path := range map[string]string{"empty": "", "no_directory": filepath.Join(t.TempDir(), "no", "a.db")} {
		if _, err := Open(t.Context(), Config{Path: path}); err == nil {
			t.Errorf("%s: was opened", name)
		}
	}
}

func TestEveryCommitWaitsForTheDisk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	defer s.Close()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000"} {
		var got string
		if err := s.db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); got != want || err != nil {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
}

func TestUpkeepRemovesRejectionsCorrectedLongAgo(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	defer s.Close()
	err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
		var ch store.Changes
		for offset := range int64(3) {
			ch.Rejections = append(ch.Rejections, store.Rejection{Rejection: dsr.Rejection{Topic: "t", Offset: offset}})
		}
		return tx.Save(ctx, ch)
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for offset, at := range []time.Time{1: now.Add(-364 * 24 * time.Hour), 2: now.Add(-366 * 24 * time.Hour)} {
		if at.IsZero() {
			continue
		}
		if _, err := s.db.ExecContext(t.Context(), `UPDATE rejection SET corrected_at = ? WHERE "offset" = ?`, at.UnixMicro(), offset); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.db.QueryRowContext(t.Context(), `SELECT count(*) FROM rejection`).Scan(&left); left != 2 || err != nil {
		t.Errorf("%d are left, %v; want 2", left, err)
	}
}

func TestUpkeepRemovesMessagesParkedLongAgo(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	defer s.Close()
	for n, at := range []time.Time{time.Now().Add(-13 * 24 * time.Hour), time.Now().Add(-15 * 24 * time.Hour)} {
		if _, err := s.db.ExecContext(t.Context(), `INSERT INTO outbox_parked (sha256, parked_at, code, topic, shard, body) VALUES (?, ?, '', '', 0, x'')`,
			[]byte{byte(n)}, at.UnixMicro()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.db.QueryRowContext(t.Context(), `SELECT count(*) FROM outbox_parked`).Scan(&left); left != 1 || err != nil {
		t.Errorf("%d are left, %v; want 1", left, err)
	}
}
