package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// mode is one of the two ways to run everything: other addresses, the same code.
type mode struct {
	name string
	// database makes an empty database for this test alone, and returns how Lethe's configuration names it.
	database func(t testing.TB, dir, name string) (url string, db *sql.DB)
	// open loads the configuration and makes topics and keys where the mode has none of its own.
	open func(t testing.TB, pl *pipeline) *roles.Process
}

// eachMode runs the suite in both modes, one after the other: they share two cores, and waits are bounded.
func eachMode(t *testing.T, suite func(t *testing.T, m mode)) {
	t.Helper()
	for _, m := range []mode{embedded(), real()} {
		t.Run(m.name, func(t *testing.T) { suite(t, m) })
	}
}

// embedded is what `lethe demo` and `lethe serve --dev` run on.
func embedded() mode {
	return mode{
		name: "embedded",
		database: func(t testing.TB, dir, name string) (string, *sql.DB) {
			path := filepath.Join(dir, name+".db")
			return "sqlite://" + path, openDB(t, "sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(ON)")
		},
		open: func(t testing.TB, pl *pipeline) *roles.Process {
			cfg, err := config.Load(pl.config, nil, config.For(config.Serve), config.ForDev(pl.dir))
			if err != nil {
				t.Fatal(err)
			}
			p, err := roles.OpenDev(t.Context(), cfg, software, pl.logger(), pl.dir, 0)
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
}

// real is what production runs on.
func real() mode {
	return mode{
		name: "real",
		database: func(t testing.TB, _, _ string) (string, *sql.DB) {
			at := newPostgres(t)
			return at, openDB(t, "pgx", at)
		},
		open: func(t testing.TB, pl *pipeline) *roles.Process {
			if _, err := os.Stat(filepath.Join(pl.dir, "keys")); os.IsNotExist(err) {
				makeKeys(t, filepath.Join(pl.dir, "keys"))
			}
			cfg, err := config.Load(pl.config, []string{"LETHE_KAFKA_BROKERS=" + variable(t, "LETHE_TEST_KAFKA")}, config.For(config.Serve))
			if err != nil {
				t.Fatal(err)
			}
			p, err := roles.Open(cfg, software, pl.logger())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Kafka.Apply(t.Context(), roles.Topics(cfg)); err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
}

func makeKeys(t testing.TB, dir string) {
	t.Helper()
	if _, err := sealing.CreateDir(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := completion.CreateKey(dir); err != nil {
		t.Fatal(err)
	}
}

var software = completion.Software{Version: "e2e", Commit: "e2e"}

// variable is the address of a real server. Without one nothing is tested, and that is a failure.
func variable(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: run ./scripts/test, or `go run ./scripts/servers kafka postgres -- go test ./services/lethe/e2e/`", name)
	}
	return v
}

// newPostgres makes a database that goes with the test.
func newPostgres(t testing.TB) string {
	t.Helper()
	server := variable(t, "LETHE_TEST_POSTGRES")
	name := "e2e_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	admin := openDB(t, "pgx", server)
	must(t, admin, "create database "+name+" template template0")
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "drop database "+name+" with (force)"); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("LETHE_TEST_POSTGRES is no URL")
	}
	u.Path = "/" + name
	return u.String()
}

// newMariaDB makes a database that goes with the test, and compares text without case, accents and trailing spaces, as most do.
func newMariaDB(t testing.TB) string {
	t.Helper()
	server := variable(t, "LETHE_TEST_MARIADB")
	name := "e2e_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	admin := openURL(t, server+"mysql")
	must(t, admin, "create database "+name+" character set utf8mb4 collate utf8mb4_general_ci")
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "drop database "+name); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return server + name
}

func openDB(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(2)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// limits are days in a real company, and less than seconds here.
type limits struct {
	silence, resolution, settle string
	more                        string // further settings, whole lines of YAML
}

// write puts the configuration into a file that both the suite and the command read.
func (pl *pipeline) write(t testing.TB, l limits, dataMap, systems string) {
	t.Helper()
	text := fmt.Sprintf(`kafka: {topic_prefix: "%s", partitions: 3, replication: 1, min_insync_replicas: 1, session_timeout: 3s}
controller: {name: "Noten und Partner GmbH, Berlin", acting_as: controller, establishment: berlin}
establishments:
  berlin: {time_zone: Europe/Berlin, calendar: DE-BE}
  dublin: {time_zone: Europe/Dublin, calendar: IE}
keys: {dir: "%[2]s/keys"}
store: {url: "%s"}
data_map: {files: [datamap.yml]}
export: {url: "file://%[2]s/exports"}
limits: {silence: %[4]s, resolution: %[5]s, settle: %[6]s, min_wait: 1s, gate_recheck: 200ms, retry: 500ms}
systems: %[7]s
log: {level: debug, format: text}
`, pl.prefix, filepath.ToSlash(pl.dir), pl.store, or(l.silence, "60s"), or(l.resolution, "60s"), or(l.settle, "100ms"), systems)
	text += l.more
	file, err := os.ReadFile(dataMap)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{pl.config: []byte(text), filepath.Join(pl.dir, "datamap.yml"): file} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
