package e2e_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// needle is a text of a person, with everything that it may look like in a dump.
type needle struct {
	what  string // what kind of value it is, to be shown
	forms [][]byte
}

// needles are what all people's values have in common, which finds everybody's, and the numbers of those named: as bytes, in
// hexadecimal (as PostgreSQL prints bytea) and in base64, at each of the three places that a text can have in it.
func needles(people ...person) []needle {
	texts := [][2]string{
		{"name or e-mail address", "Quistgaard"},
		{"e-mail address", "wilma.quistgaard."},
		{"e-mail address", "@Post.Example"},
		{"phone number", "+49 30 7755"},
		{"nickname", "quisty-"},
		{"address", "Hinterhofgasse"},
	}
	for _, p := range people {
		texts = append(texts, [2]string{"customer number", strconv.Itoa(p.id)})
	}
	var out []needle
	for _, t := range texts {
		n := needle{t[0], [][]byte{[]byte(t[1]), []byte(hex.EncodeToString([]byte(t[1])))}}
		for skip := range 3 {
			enc := base64.RawStdEncoding.EncodeToString(append(make([]byte, skip), t[1]...))
			first := (skip*8 + 5) / 6          // characters that the bytes before reach into
			last := (skip + len(t[1])) * 8 / 6 // characters that no byte after reaches into
			n.forms = append(n.forms, []byte(enc[first:last]))
		}
		out = append(out, n)
	}
	return out
}

// leaks is where values were found in clear.
type leaks struct {
	needles []needle
	found   map[string]bool
	bytes   int
}

func (l *leaks) look(where string, text []byte) {
	l.bytes += len(text)
	for _, n := range l.needles {
		if i := slices.IndexFunc(n.forms, func(f []byte) bool { return bytes.Contains(text, f) }); i >= 0 {
			l.found[where+": "+n.what+[]string{"", " in hexadecimal", " in base64", " in base64", " in base64"}[i]] = true
		}
	}
}

var payloadPattern = regexp.MustCompile(`"payload":"([A-Za-z0-9+/=]+)"`)

// message searches everything of a message, and what the envelope of a record signs.
func (l *leaks) message(m kafka.Message) {
	l.look("topic "+m.Topic, m.Key)
	l.look("topic "+m.Topic, m.Value)
	for _, h := range m.Headers {
		l.look("header "+h.Key+" on topic "+m.Topic, h.Value)
	}
	if p := payloadPattern.FindSubmatch(m.Value); p != nil {
		if plain, err := base64.StdEncoding.DecodeString(string(p[1])); err == nil {
			l.look("record on topic "+m.Topic, plain)
		}
	}
}

// nothingInClear searches all that the pipeline wrote for the values of anybody, and the numbers of those named: every topic, the coordinator's database, the
// ledgers, the logs and the files, the export store excepted, which holds what was handed over.
func (pl *pipeline) nothingInClear(t *testing.T, people ...person) {
	t.Helper()
	l := &leaks{needles: needles(people...), found: map[string]bool{}}
	var names []string
	for _, spec := range roles.Topics(pl.p.Config) {
		names = append(names, spec.Name)
	}
	messages := 0
	for m, err := range pl.p.Kafka.Tail(context.WithoutCancel(t.Context()), kafka.TailConfig{Topics: names}) {
		if err != nil {
			t.Fatal(err)
		}
		messages++
		l.message(m)
	}
	l.look("log", []byte(pl.log.String()))
	for name, dsn := range pl.dsn {
		l.ledger(t, name, openURL(t, dsn))
	}
	if strings.HasPrefix(pl.store, "postgres") {
		l.postgres(t, openURL(t, pl.store))
	}
	l.files(t, pl.dir)
	if messages == 0 || l.bytes < 10_000 {
		t.Errorf("searched %d messages and %d bytes only", messages, l.bytes)
	}
	if len(l.found) > 0 {
		t.Errorf("values of people stand in clear in %v", l.found)
	}
}

func openURL(t testing.TB, at string) *sql.DB {
	t.Helper()
	if path, ok := strings.CutPrefix(at, "sqlite://"); ok {
		return openDB(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	}
	if strings.HasPrefix(at, "mysql:") {
		db, err := ledger.OpenMySQL(at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	return openDB(t, "pgx", at)
}

// ledger searches the tables that a responder keeps in its system.
func (l *leaks) ledger(t *testing.T, system string, db *sql.DB) {
	t.Helper()
	query := `select 'x', table_name from information_schema.tables where table_schema = 'public' and table_name like 'lethe%'`
	if _, err := db.ExecContext(t.Context(), "select 1 from dual"); err == nil { // MariaDB
		query = `select 'x', table_name from information_schema.tables where table_schema = database() and table_name like 'lethe%'`
	}
	if _, err := db.ExecContext(t.Context(), "select 1 from sqlite_master"); err == nil {
		query = `select 'x', name from sqlite_master where type = 'table' and name like 'lethe%'`
	}
	tables := texts(t, db, query, 1)
	if len(tables) == 0 {
		t.Errorf("system %s has no ledger", system)
	}
	for _, name := range tables {
		for _, row := range texts(t, db, "select * from "+name, -1) {
			l.look("ledger of "+system, []byte(row))
		}
	}
}

// postgres searches every table of the coordinator's database.
func (l *leaks) postgres(t *testing.T, db *sql.DB) {
	t.Helper()
	tables := texts(t, db, `select table_schema || '.' || table_name from information_schema.tables where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`, 0)
	if len(tables) < 5 {
		t.Errorf("the coordinator's database has %d tables only", len(tables))
	}
	for _, name := range tables {
		for _, row := range texts(t, db, "select x::text from "+name+" x", 0) {
			l.look("table "+name, []byte(row))
		}
	}
}

// files searches what was written to the directory: SQLite's files, ledgers, configuration, keys. The systems' own databases are
// theirs, the export store holds what is handed over, and the broker's files are the topics again.
func (l *leaks) files(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if d.IsDir() {
			if name == "exports" || name == "broker" || strings.HasPrefix(name, "system-") {
				return fs.SkipDir
			}
			return nil
		}
		if base := d.Name(); strings.HasPrefix(base, "shop.db") || strings.HasPrefix(base, "crm.db") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		l.look("file "+name, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// texts reads one column of a query, or with a negative number all of them, as text.
func texts(t testing.TB, db *sql.DB, query string, column int) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		cells, into := make([][]byte, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		if column >= 0 {
			out = append(out, string(cells[column]))
		} else {
			out = append(out, string(bytes.Join(cells, []byte{0})))
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNeedlesAreFoundInEveryForm(t *testing.T) {
	p := invent(1)[0]
	for _, v := range p.values() {
		for name, text := range map[string]string{
			"clear": "x" + v + "y", "hex": hex.EncodeToString([]byte("x" + v + "y")),
			"base64": base64.StdEncoding.EncodeToString([]byte("x" + v + "yz")), "base64_shifted": base64.StdEncoding.EncodeToString([]byte("xx" + v + "y")),
			"base64_shifted_again": base64.StdEncoding.EncodeToString([]byte("xxx" + v + "y")),
		} {
			l := &leaks{needles: needles(p), found: map[string]bool{}}
			if l.look("here", []byte(text)); len(l.found) == 0 {
				t.Errorf("%s as %s is not found", v, name)
			}
		}
	}
	l := &leaks{needles: needles(p), found: map[string]bool{}}
	if l.look("here", []byte("nothing of anybody")); len(l.found) > 0 {
		t.Error("found where nothing is")
	}
}
