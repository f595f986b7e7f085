package config_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lethe-dsr/lethe/services/internal/config"
)

// opts compare configurations by what they say, not by where it came from.
func opts() cmp.Options {
	return cmp.Options{
		cmpopts.IgnoreUnexported(config.Config{}),
		cmp.Comparer(func(a, b *time.Location) bool { return fmt.Sprint(a) == fmt.Sprint(b) }),
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func database(t *testing.T, url string) config.Database {
	t.Helper()
	d, err := config.ParseDatabase(url)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func defaults() config.Config {
	const day = 24 * time.Hour
	return config.Config{
		Environment: config.Production,
		Kafka: config.Kafka{
			ClientID: "lethe", TopicPrefix: "lethe.", Partitions: 6, Replication: 3, MinInsyncReplicas: 2, MaxMessageBytes: 1048588,
			SessionTimeout: 10 * time.Second,
		},
		Controller: config.Controller{ActingAs: "controller"},
		Store:      config.Store{Schema: "lethe", MaxConnections: 8},
		Export:     config.Export{Retention: 30 * day},
		Intake:     config.Intake{ReceivedFloor: 365 * day, MaxIdentifiers: 50},
		Limits: config.Limits{
			Silence: 7 * day, Resolution: day, Settle: day, Margin: 3 * day, MinWait: time.Hour, GateRecheck: 10 * time.Second, StatusDelay: time.Second, Retry: 10 * time.Second,
			Held: 30 * day, Defer: day, NotAfter: 30 * day, Looks: 3, ResolvedValues: 100,
			InternalRetention: 14 * day, LedgerRetention: 60 * day, RejectionRetention: 365 * day, RecordRetention: 1825 * day,
		},
		Health: config.Health{Stalled: 15 * time.Minute},
		Log:    config.Log{Level: slog.LevelInfo, Format: "json"},
	}
}

func TestDefault(t *testing.T) {
	t.Run("is_what_the_table_says", func(t *testing.T) {
		if diff := cmp.Diff(defaults(), config.Default(), opts()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("dev_shortens_waits_and_keeps_everything_in_its_directory", func(t *testing.T) {
		got, err := config.Load("", []string{"LETHE_DATA_MAP_FILES=map.yml"}, config.For(config.Serve), config.ForDev("/var/lethe dev"))
		if err != nil {
			t.Fatal(err)
		}
		want := defaults()
		want.Environment = config.Dev
		want.Kafka.Partitions, want.Kafka.Replication, want.Kafka.MinInsyncReplicas = 3, 1, 1
		want.Controller.Name, want.Controller.Establishment = "A company in development", "dev"
		want.Establishments = map[string]*config.Establishment{"dev": {TimeZone: time.UTC, Calendar: "none"}}
		want.Keys.Dir = "/var/lethe dev/keys"
		want.Store.Database = database(t, "sqlite:///var/lethe dev/lethe.db")
		want.DataMap.Files = []string{"map.yml"}
		want.Export.URL = "file:///var/lethe%20dev/exports"
		want.Limits.Silence, want.Limits.Resolution, want.Limits.Settle = 2*time.Minute, 30*time.Second, 3*time.Second
		want.Kafka.SessionTimeout = 3 * time.Second
		want.Limits.MinWait, want.Limits.GateRecheck, want.Limits.Retry, want.Limits.Defer = 5*time.Second, time.Second, time.Second, 2*time.Minute
		want.Log.Format = "text"
		if diff := cmp.Diff(want, got, opts()); diff != "" {
			t.Error(diff)
		}
	})
}

const whole = `
kafka:
  brokers: [kafka-1:9092, "[::1]:9093"]
  client_id: privacy
  topic_prefix: acme.
  partitions: 12
  write_versions: [acknowledgement=1, completion=1]
controller: {name: "Meridian Music GmbH, Berlin", acting_as: joint, establishment: Berlin}
establishments:
  Berlin: {time_zone: Europe/Berlin, calendar: DE-BE}
  dublin: {time_zone: Europe/Dublin, calendar: IE}
keys: {dir: keys}
store:
  url_file: secrets/store
data_map:
  files:
    - map/shop.yml
    - /etc/lethe/map
export: {url: "s3://exports?region=eu-central-1"}
limits:
  silence: 1d12h
  settle: 90m
systems:
  shop-db:
    kind: sql
    dsn: postgres://lethe:p%40ss@db/shop
    rate_per_second: 2.5
    chunk_rows: 20000
    export_format: csv
    lock_timeout: 2s
    statement_timeout: 90s
  chats:
    kind: objects
    url: file:///srv/chats
    ledger_dsn: sqlite:///var/lib/lethe/chats.db
    batch: 20
log: {level: warn}
`

func TestLoad(t *testing.T) {
	path := write(t, "lethe.yml", whole)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets", "store"), []byte("postgres://lethe:secret@store/lethe\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	zone := func(name string) *time.Location {
		z, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	want := defaults()
	want.Kafka.Brokers, want.Kafka.ClientID, want.Kafka.TopicPrefix, want.Kafka.Partitions = []string{"kafka-1:9092", "[::1]:9093"}, "privacy", "acme.", 12
	want.Kafka.WriteVersions = map[string]int{"acknowledgement": 1, "completion": 1}
	want.Controller = config.Controller{Name: "Meridian Music GmbH, Berlin", ActingAs: "joint", Establishment: "Berlin"}
	want.Establishments = map[string]*config.Establishment{
		"Berlin": {TimeZone: zone("Europe/Berlin"), Calendar: "DE-BE"},
		"dublin": {TimeZone: zone("Europe/Dublin"), Calendar: "IE"},
	}
	want.Keys.Dir = filepath.Join(dir, "keys")
	want.Store.Database = database(t, "postgres://lethe:secret@store/lethe")
	want.DataMap.Files = []string{filepath.Join(dir, "map/shop.yml"), "/etc/lethe/map"}
	want.Export.URL = "s3://exports?region=eu-central-1"
	want.Limits.Silence, want.Limits.Settle = 36*time.Hour, 90*time.Minute
	want.Systems = map[string]*config.System{
		"shop-db": {Kind: "sql", Database: database(t, "postgres://lethe:p%40ss@db/shop"), Ledger: "in_transaction", RatePerSecond: 2.5, Batch: 500, ChunkRows: 20_000, ExportFormat: "csv", LockTimeout: 2 * time.Second, StatementTimeout: 90 * time.Second},
		"chats": {
			Kind: "objects", URL: "file:///srv/chats", Ledger: "beside",
			LedgerDatabase: database(t, "sqlite:///var/lib/lethe/chats.db"), Batch: 20, ChunkRows: 50_000, ExportFormat: "jsonl", LockTimeout: 5 * time.Second,
		},
	}
	want.Log.Level = slog.LevelWarn

	t.Run("reads_every_kind_of_setting_from_the_file", func(t *testing.T) {
		got, err := config.Load(path, []string{"HOME=/root", "LETHE_CONFIG=elsewhere", "LETHE_TEST_KAFKA=127.0.0.1:1"}, config.For(config.Serve, config.Client))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, opts()); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("puts_the_environment_over_the_file", func(t *testing.T) {
		secret := write(t, "dsn", "postgres://other/shop")
		got, err := config.Load(path, []string{
			"LETHE_KAFKA_BROKERS=a:1, b:2",
			"LETHE_KAFKA_CLIENT_ID=", // not given
			"LETHE_STORE_URL=sqlite:///tmp/store.db",
			"LETHE_DATA_MAP_FILES=rel.yml",
			"LETHE_INTAKE_ALLOW_CLEAR_IDENTIFIERS=true",
			"LETHE_SYSTEMS_SHOP_DB_DSN_FILE=" + secret,
			"LETHE_SYSTEMS_CHATS_RATE_PER_SECOND=0.5",
			"LETHE_ESTABLISHMENTS_BERLIN_CALENDAR=none",
			"LETHE_LIMITS_LOOKS=5",
			"LETHE_LOG_LEVEL=debug",
		})
		if err != nil {
			t.Fatal(err)
		}
		want := want
		want.Kafka.Brokers = []string{"a:1", "b:2"}
		want.Store.Database = database(t, "sqlite:///tmp/store.db")
		want.DataMap.Files = []string{"rel.yml"}
		want.Intake.AllowClearIdentifiers = true
		shop, chats, berlin := *want.Systems["shop-db"], *want.Systems["chats"], *want.Establishments["Berlin"]
		shop.Database, chats.RatePerSecond, berlin.Calendar = database(t, "postgres://other/shop"), 0.5, "none"
		want.Systems = map[string]*config.System{"shop-db": &shop, "chats": &chats}
		want.Establishments = map[string]*config.Establishment{"Berlin": &berlin, "dublin": want.Establishments["dublin"]}
		want.Limits.Looks = 5
		want.Log.Level = slog.LevelDebug
		if diff := cmp.Diff(want, got, opts()); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("describes_what_stands_and_where_it_came_from", func(t *testing.T) {
		c, err := config.Load(path, []string{"LETHE_LIMITS_LOOKS=5"})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]config.Described{}
		for _, d := range c.Describe() {
			got[d.Name] = d
		}
		for _, want := range []config.Described{
			{"kafka.brokers", "kafka-1:9092,[::1]:9093", path + ":3:3"},
			{"kafka.replication", "3", "default"},
			{"kafka.write_versions", "acknowledgement=1,completion=1", path + ":7:3"},
			{"limits.silence", "1d12h", path + ":21:3"},
			{"limits.looks", "5", "LETHE_LIMITS_LOOKS"},
			{"store.url", "postgres://…", path + ":14:3"},
			{"systems.chats.ledger", "beside", "default"},
			{"systems.shop-db.dsn", "postgres://…", path + ":26:5"},
			{"systems.shop-db.url", "", ""},
			{"establishments.dublin.time_zone", "Europe/Dublin", path + ":11:12"},
		} {
			if diff := cmp.Diff(want, got[want.Name]); diff != "" {
				t.Error(diff)
			}
		}
	})

	t.Run("names_the_systems_there_are_where_one_is_unknown", func(t *testing.T) {
		c, err := config.Load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := c.System("chats"); err != nil || s.Kind != "objects" {
			t.Errorf("got %+v, %v", s, err)
		}
		if _, err := c.System("shop"); err == nil || err.Error() != `no system "shop" in the configuration, which has chats, shop-db` {
			t.Errorf("got %v", err)
		}
		if _, err := config.Default().System("shop"); err == nil {
			t.Error("found a system in an empty configuration")
		}
	})

	t.Run("reads_an_empty_file_as_one_that_says_nothing", func(t *testing.T) {
		for _, content := range []string{"", "# nothing\n", "---\n", "kafka:\nlimits:\n"} {
			got, err := config.Load(write(t, "lethe.yml", content), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(defaults(), got, opts()); diff != "" {
				t.Errorf("%q: %s", content, diff)
			}
		}
	})

	t.Run("says_that_the_file_cannot_be_read", func(t *testing.T) {
		_, err := config.Load(filepath.Join(dir, "absent.yml"), nil)
		if err == nil || !strings.Contains(err.Error(), "absent.yml") {
			t.Errorf("got %v", err)
		}
	})
}

func TestDatabasePrintsNoPassword(t *testing.T) {
	c, err := config.Load("", []string{"LETHE_STORE_URL=postgres://lethe:hunter2@db/lethe"})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "database", c.Store.Database, "all", c)
	fmt.Fprintf(&b, "%v %+v %#v %s %q", c, c, c.Store, c.Store.Database, c.Describe())
	if strings.Contains(b.String(), "hunter2") {
		t.Errorf("the password is in %s", &b)
	}
	if got := c.Store.Database.URL(); got != "postgres://lethe:hunter2@db/lethe" {
		t.Errorf("URL() = %q", got)
	}
	maria, err := config.ParseDatabase("mysql://lethe:hunter2@db/lethe")
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %#v", maria, maria); maria.Engine() != config.MySQL || text != "mysql://… mysql://…" {
		t.Errorf("a database of MariaDB prints as %s", text)
	}
}
