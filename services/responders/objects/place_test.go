package objects_test

import (
	stdsql "database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "modernc.org/sqlite"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/services/responders/objects"
)

var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// desk is a directory with a company's files.
type desk struct {
	testing.TB
	dir string
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	return &desk{t, t.TempDir()}
}

func (k *desk) bucket() *blob.Bucket {
	k.Helper()
	b, err := fileblob.OpenBucket(k.dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() { _ = b.Close() })
	return b
}

func (k *desk) write(name, content string) {
	k.Helper()
	p := filepath.Join(k.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		k.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o640); err != nil {
		k.Fatal(err)
	}
}

func (k *desk) append(name, content string) {
	k.Helper()
	f, err := os.OpenFile(filepath.Join(k.dir, filepath.FromSlash(name)), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		k.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		k.Fatal(err)
	}
	if err := f.Close(); err != nil {
		k.Fatal(err)
	}
}

func (k *desk) read(name string) string {
	k.Helper()
	b, err := os.ReadFile(filepath.Join(k.dir, filepath.FromSlash(name)))
	if err != nil {
		k.Fatal(err)
	}
	return string(b)
}

// all is every file by its name, and every directory.
func (k *desk) all() map[string]string {
	k.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(k.dir, func(p string, e os.DirEntry, err error) error {
		name, relErr := filepath.Rel(k.dir, p)
		if err != nil || relErr != nil || name == "." {
			return err
		}
		if e.IsDir() {
			out[filepath.ToSlash(name)+"/"] = ""
			return nil
		}
		out[filepath.ToSlash(name)] = k.read(name)
		return nil
	})
	if err != nil {
		k.Fatal(err)
	}
	return out
}

func loadMap(t testing.TB, change ...string) *datamap.Map {
	t.Helper()
	b, err := os.ReadFile("testdata/support.yml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := datamap.Parse(datamap.File{Name: "support.yml", Data: []byte(strings.NewReplacer(change...).Replace(string(b)))})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (k *desk) config() objects.Config {
	return objects.Config{
		Bucket: k.bucket(), Dir: k.dir, Map: loadMap(k), System: "support", MaskKey: []byte(strings.Repeat("k", 32)),
		Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
	}
}

func (k *desk) system(change ...func(*objects.Config)) *objects.System {
	k.Helper()
	c := k.config()
	for _, f := range change {
		f(&c)
	}
	s, err := objects.New(k.Context(), c)
	if err != nil {
		k.Fatal(err)
	}
	return s
}

func besideLedger(t testing.TB, file string) *ledger.Ledger {
	t.Helper()
	db, err := stdsql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return ledger.Beside(db, ledger.SQLite)
}

func ask(phase dsr.Phase, round int32, ids ...dsr.Identifier) responder.Dispatch {
	return responder.Dispatch{
		Key:     dsr.Key{RequestID: dsr.RequestID(uuid.NewString()), System: "support", Phase: phase, Round: round},
		Attempt: 1, Kind: dsr.Erasure, Capacity: "customer", Identifiers: ids,
	}
}

func email(v string) dsr.Identifier    { return dsr.Identifier{Kind: dsr.Email, Value: v} }
func customer(v string) dsr.Identifier { return dsr.Identifier{Kind: "customer_id", Value: v} }

func erase(t testing.TB, s *objects.System, ds ...responder.Dispatch) []responder.Answer {
	t.Helper()
	as, err := s.Erase(t.Context(), ds)
	if err != nil {
		t.Fatal(err)
	}
	return as
}

// line is what a test compares of an acknowledged collection.
type line struct {
	Outcome dsr.Outcome
	Counts  dsr.Counts
	Note    string
}

func lines(a responder.Answer) map[string]line {
	out := map[string]line{}
	for _, c := range a.Collections {
		out[c.Name] = line{c.Outcome, c.Counts, c.Note}
	}
	return out
}
