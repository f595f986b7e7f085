package e2e_test

import (
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// TestTheFirstVersionsWorkIsFinished: a coordinator, responders and a packager of the first version were stopped in the middle of their
// work, and this build goes on with their tables, ledgers, offsets and messages, as in a rolling upgrade. testdata/first/README.md says
// what there is.
func TestTheFirstVersionsWorkIsFinished(t *testing.T) {
	t.Parallel()
	t.Run("three_engines", func(t *testing.T) {
		pl, f := loadFirst(t, real(), "postgres")
		pl.dsn = map[string]string{"shop": newPostgres(t), "desk": newMariaDB(t), "post": "sqlite://" + filepath.Join(pl.dir, "post.db")}
		for system, dsn := range pl.dsn {
			f.load(t, openURL(t, dsn), system)
		}
		was := map[string]string{} // the company as it was before anything was erased
		for system := range pl.dsn {
			was[system] = "sqlite://" + filepath.Join(t.TempDir(), system+".db")
		}
		c := foundLender(t, was, firstPeople, firstPeople, firstStaff)
		for system, dsn := range pl.dsn {
			c.store[system] = openURL(t, dsn)
		}
		f.finish(t, pl, lenderSystems(pl.dsn))
		gone := map[string]bool{}
		for _, a := range f.asked {
			p := c.customers[a.Person]
			c.tells(t, pl.record(t, a.RequestID, 0), p, false)
			if a.Kind == dsr.Erasure {
				gone[fmt.Sprint(p.id)] = true
			}
		}
		if d := cmp.Diff(c.without(gone), c.read(t)); d != "" {
			t.Errorf("the stores hold something else than they must (-want +got):\n%s", d)
		}
		f.ended(t, pl)
	})
	t.Run("sqlite", func(t *testing.T) {
		m := embedded()
		pl, f := loadFirst(t, m, "sqlite")
		stores := map[string]*sql.DB{}
		for system, file := range map[string]string{"shop": "shop", "crm": "crm", "chats": "chats-ledger", "": "lethe.db.packager"} {
			if system == "" {
				f.load(t, openURL(t, "sqlite://"+filepath.Join(pl.dir, file)), "packager")
				continue
			}
			pl.dsn[system], stores[system] = m.database(t, pl.dir, file)
			f.load(t, stores[system], system)
		}
		_, shop := m.database(t, t.TempDir(), "shop")
		_, crm := m.database(t, t.TempDir(), "crm")
		pl.c = found(t, shop, crm, t.TempDir(), firstPeople)
		pl.c.shop, pl.c.crm, pl.c.chats = stores["shop"], stores["crm"], filepath.Join(pl.dir, "system-chats")
		f.finish(t, pl, fmt.Sprintf(`
  shop: {kind: sql, dsn: "%s"}
  crm: {kind: sql, dsn: "%s"}
  chats: {kind: objects, url: "file://%s/system-chats", ledger: beside, ledger_dsn: "%s"}`, pl.dsn["shop"], pl.dsn["crm"], filepath.ToSlash(pl.dir), pl.dsn["chats"]))
		var gone []person
		for _, a := range f.asked {
			p, r := pl.c.people[a.Person], pl.record(t, a.RequestID, 0)
			if a.Kind == dsr.Erasure {
				gone = append(gone, p)
				pl.holds(t, p, r, of(pl.c.read(t), p))
			} else if a.State != dsr.Sealed { // the package of that one was not kept
				pl.packed(t, p, r)
			}
		}
		pl.c.othersUnchanged(t, gone...)
		f.ended(t, pl)
		pl.nothingInClear(t, gone...)
	})
}

// How the company was founded, and the prefix of its topics and groups.
const (
	firstPeople = 12
	firstStaff  = 24
	firstPrefix = "first-0000."
)

// first is what the first version left behind.
type first struct {
	dir, prefix string
	asked       []struct {
		RequestID dsr.RequestID `json:"request_id"`
		Kind      dsr.Kind      `json:"kind"`
		Person    int           `json:"person"`
		State     dsr.State     `json:"state"`
	}
}

// loadFirst makes the place and the coordinator's database. The prefix is another one of the same length, so that the test can run
// beside itself on one cluster.
func loadFirst(t *testing.T, m mode, name string) (*pipeline, *first) {
	t.Helper()
	f := &first{dir: filepath.Join("testdata", "first", name), prefix: "first-" + uuid.NewString()[:4] + "."}
	readJSON(t, filepath.Join(f.dir, "asked.json"), &f.asked)
	pl := prepare(t, m)
	pl.prefix = f.prefix
	for _, dir := range []string{"keys", "exports", "system-chats"} {
		if err := os.CopyFS(filepath.Join(pl.dir, dir), os.DirFS(filepath.Join(f.dir, dir))); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	keys, err := filepath.Glob(filepath.Join(pl.dir, "keys", "*"))
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, key := range keys { // version control keeps no such modes
		if err := os.Chmod(key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.load(t, openURL(t, pl.store), "lethe")
	return pl, f
}

// renamed gives topics and groups the prefix of this run, also where they stand in bytes that a dump shows in hexadecimal.
func (f *first) renamed(text string) string {
	in := func(s string) string { return hex.EncodeToString([]byte(s)) }
	return strings.NewReplacer(
		firstPrefix, f.prefix, in(firstPrefix), in(f.prefix), strings.ToUpper(in(firstPrefix)), strings.ToUpper(in(f.prefix)),
	).Replace(text)
}

// load runs a dump, statement by statement.
func (f *first) load(t *testing.T, db *sql.DB, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, name+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if strings.HasPrefix(string(text), "BEGIN TRANSACTION;") { // SQLite's tables come in the order of their names
		if _, err := conn.ExecContext(t.Context(), "PRAGMA foreign_keys = OFF"); err != nil {
			t.Fatal(err)
		}
	}
	for statement := range strings.SplitSeq(f.renamed(string(text)), ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("load %s: %v in %.200s", name, err, statement)
		}
	}
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // what the dump set for its session goes with it
}

// finish puts the messages and the groups' offsets on the cluster and has this build go on.
func (f *first) finish(t *testing.T, pl *pipeline, systems string) {
	t.Helper()
	pl.open(t, limits{}, filepath.Join(f.dir, "datamap.yml"), systems)
	const century = 100 * 365 * 24 * time.Hour // the dump grows old: nothing in it is late, nor forgotten
	pl.p.Config.Limits.LedgerRetention, pl.p.Config.Intake.ReceivedFloor = century, century
	text, err := os.ReadFile(filepath.Join(f.dir, "topics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]map[int]int64{}
	var all []kafka.Message
	for line := range strings.Lines(string(text)) {
		var m kafka.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		m.Topic = f.renamed(m.Topic)
		if ends[m.Topic] == nil {
			ends[m.Topic] = map[int]int64{}
		}
		ends[m.Topic][m.Partition] = m.Offset + 1
		all = append(all, m)
	}
	if err := pl.p.Producer.Send(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	for topic, want := range ends {
		got, err := pl.p.Kafka.Extents(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		for p, end := range want {
			if got[p].End != end && !strings.HasSuffix(topic, dsr.TopicStatus) { // which had been compacted
				t.Fatalf("%s/%d ends at %d and not at %d: every offset means another message", topic, p, got[p].End, end)
			}
		}
	}
	var groups map[string]map[string]map[int]int64
	readJSON(t, filepath.Join(f.dir, "groups.json"), &groups)
	for group, topics := range groups {
		for topic, to := range topics {
			pl.setGroup(t, group, strings.TrimPrefix(topic, firstPrefix), to)
		}
	}
	pl.start(append([]string{"coordinator", "packager"}, slices.Sorted(maps.Keys(pl.dsn))...)...)
}

// ended demands that every request has one record, and that nothing was put aside.
func (f *first) ended(t *testing.T, pl *pipeline) {
	t.Helper()
	pl.lock.Lock()
	for _, a := range f.asked {
		if n := len(pl.records[a.RequestID]); n != 1 {
			t.Errorf("request %s, which was %q, has %d records", a.RequestID, a.State, n)
		}
	}
	if len(pl.records) != len(f.asked) || len(pl.rejected) > 0 {
		t.Errorf("records of %d requests and %d rejections, %d were asked", len(pl.records), len(pl.rejected), len(f.asked))
	}
	pl.lock.Unlock()
	if letters := pl.jsonLines(t, "deadletters", "list", "--all"); len(letters) > 0 {
		t.Errorf("dead letters: %v", letters)
	}
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
