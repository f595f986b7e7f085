package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/services/internal/config"
)

func TestLoadNamesEveryProblem(t *testing.T) {
	for _, test := range []struct {
		name    string
		file    string
		environ []string
		options []config.Option
		want    []string // FILE stands for the path of the file
	}{
		{
			name: "unknown_names_with_those_that_there_are",
			file: "kafak:\n  brokers: [a:1]\nkeys:\n  dir: k\n  drawer: x\nsystems:\n  shop:\n    kind: sql\n    dsn: postgres://x\n    dns: y\n",
			want: []string{
				"FILE:1:1: kafak is no section; there are kafka, controller, establishments, keys, store, data_map, export, intake, limits, systems, health, log",
				"FILE:5:3: keys.drawer is no setting; keys has dir",
				"FILE:10:5: systems.shop.dns is no setting; systems.shop has kind, dsn, dsn_file, replica_dsn, replica_dsn_file, url, ledger, ledger_dsn, ledger_dsn_file, rate_per_second, batch, chunk_rows, export_format, lock_timeout, statement_timeout",
			},
		},
		{
			name: "wrong_types",
			file: strings.Join([]string{
				"kafka:",
				"  brokers: a:1",
				"  client_id: 7",
				"  partitions: six",
				"  replication: 1.5",
				"  min_insync_replicas: \"1\"",
				"  max_message_bytes:",
				"limits:",
				"  silence: 7",
				"  settle: 7 days",
				"  looks: [3]",
				"intake:",
				"  require_identity: yes",
				"  received_floor: {days: 3}",
				"data_map: []",
				"log: loud",
				"export:",
				"  retention: true",
			}, "\n"),
			want: []string{
				"FILE:2:3: kafka.brokers wants a list, found text",
				"FILE:3:3: kafka.client_id wants text, found a number: quote it",
				"FILE:4:3: kafka.partitions wants a number, found text",
				"FILE:5:3: kafka.replication wants a whole number",
				"FILE:6:3: kafka.min_insync_replicas wants a number, found text",
				"FILE:7:3: kafka.max_message_bytes has no value",
				"FILE:9:3: limits.silence wants a duration with its unit, such as 7d or 36h",
				"FILE:10:3: limits.settle is no duration: write it as 7d, 36h, 90m, 10s or 1d12h",
				"FILE:11:3: limits.looks wants a number, found a list",
				"FILE:13:3: intake.require_identity wants true or false, found text",
				"FILE:14:3: intake.received_floor wants text, found a mapping",
				"FILE:15:11: data_map wants a mapping of settings",
				"FILE:16:6: log wants a mapping of settings",
				"FILE:18:3: export.retention wants text, found true or false: quote it",
			},
		},
		{
			name: "values_out_of_range",
			file: strings.Join([]string{
				"kafka: {brokers: [a, 'b:0', 'c:1'], topic_prefix: 'le the', partitions: 0}",
				"controller: {name: ' x', acting_as: owner}",
				"establishments:",
				"  berlin: {time_zone: Berlin, calendar: DE-XX}",
				"  here: {time_zone: Local, calendar: none}",
				"  /: {}",
				"store: {url: 'mssql://u:hunter2@h/d', schema: Lethe, max_connections: 1}",
				"data_map: {files: []}",
				"export: {url: 'file:exports', retention: 1h}",
				"limits: {silence: 100d, margin: -1h, looks: 21}",
				"systems:",
				"  a: {kind: nosql}",
				"  b: {kind: objects, url: 's3://bucket', ledger: beside, ledger_dsn: 'sqlite://b.db', rate_per_second: -1, batch: 0}",
				"log: {level: loud, format: xml}",
			}, "\n"),
			want: []string{
				`FILE:1:9: kafka.brokers item 1: "a" is not host:port`,
				`FILE:1:37: kafka.topic_prefix is "le the", which does not match ^[A-Za-z0-9._-]+$`,
				"FILE:1:61: kafka.partitions is 0, must be from 1 to 10000",
				"FILE:2:14: controller.name is not one line without spaces around it",
				`FILE:2:26: controller.acting_as is "owner", not one of controller, processor, joint`,
				"FILE:4:12: establishments.berlin.time_zone is no name of the time zone database, such as Europe/Berlin",
				`FILE:4:31: establishments.berlin.calendar is no calendar of public holidays called "DE-XX"`,
				"FILE:5:10: establishments.here.time_zone is no name of the time zone database, such as Europe/Berlin",
				"FILE:6:3: establishments./ is no name: letters, digits and . _ - after a letter or digit",
				"FILE:7:9: store.url is no database URL: write postgres://user:password@host:5432/name, mysql://user:password@host:3306/name or sqlite:///path/to/file.db",
				`FILE:7:39: store.schema is "Lethe", which does not match ^[a-z_][a-z0-9_]*$`,
				"FILE:7:54: store.max_connections is 1, must be from 4 to 1000",
				"FILE:8:12: data_map.files is an empty list",
				"FILE:9:10: export.url names no directory: write file:///absolute/path",
				"FILE:9:31: export.retention is 1h, must be from 1d to 3650d",
				"FILE:10:10: limits.silence is 100d, must be from 1s to 90d",
				"FILE:10:25: limits.margin is -1h, must be from 0s to 25d",
				"FILE:10:38: limits.looks is 21, must be from 1 to 20",
				`FILE:12:7: systems.a.kind is "nosql", not one of sql, objects`,
				"FILE:13:22: systems.b.url is no URL of one of the schemes file",
				"FILE:13:58: systems.b.ledger_dsn is no SQLite URL: write sqlite:// and the absolute path of a file, without options",
				"FILE:13:87: systems.b.rate_per_second is -1, must be from 0 to 1000000",
				"FILE:13:108: systems.b.batch is 0, must be from 1 to 10000",
				`FILE:14:7: log.level is "loud", not one of debug, info, warn, error`,
				`FILE:14:20: log.format is "xml", not one of text, json`,
			},
		},
		{
			name:    "versions_that_there_are_not",
			file:    "kafka:\n  write_versions: [acknowledgement=1, completion=2]\n",
			environ: []string{"LETHE_KAFKA_CLIENT_ID=a"},
			want:    []string{`FILE:2:3: kafka.write_versions item 2: "2" is none of the versions 1 to 1`},
		},
		{
			name: "a_schema_that_is_none",
			file: "kafka:\n  write_versions: [receipt=1]\n",
			want: []string{`FILE:2:3: kafka.write_versions item 1: "receipt=1" is no schema=version of one of subject_request, dispatched_request, acknowledgement, request_status, rejected_request, completion`},
		},
		{
			name:    "a_schema_that_is_there_twice",
			environ: []string{"LETHE_KAFKA_WRITE_VERSIONS=completion=1, completion=01"},
			want:    []string{`LETHE_KAFKA_WRITE_VERSIONS: kafka.write_versions item 2: completion is there twice`},
		},
		{
			name: "settings_that_contradict_each_other",
			file: strings.Join([]string{
				"kafka: {replication: 1}",
				"controller: {establishment: munich}",
				"establishments:",
				"  berlin: {time_zone: Europe/Berlin, calendar: DE-BE}",
				"store: {url: 'sqlite:///x.db', max_connections: 9}",
				"limits:",
				"  internal_retention: 5d",
				"  ledger_retention: 30d",
				"export: {retention: 7d}",
				"systems:",
				"  a: {kind: sql, url: 'file:///a'}",
				"  b: {kind: objects, url: 'file:///b', dsn: 'postgres://h/d', ledger: in_transaction}",
				"  d: {kind: sql, dsn: 'postgres://h/d', ledger_dsn: 'postgres://h/d'}",
				"  e: {kind: sql, dsn: 'sqlite:///e.db', replica_dsn: 'sqlite:///f.db'}",
				"  f: {kind: sql, dsn: 'postgres://h/d', replica_dsn: 'mysql://h/d'}",
				"  g: {kind: sql, dsn: 'mysql://h/d', replica_dsn: 'mysql://i/d'}",
			}, "\n"),
			want: []string{
				"FILE:1:9: kafka.min_insync_replicas is more than kafka.replication, so that nothing could be written",
				`FILE:2:14: controller.establishment is "munich", which is none of the establishments: there are berlin`,
				"FILE:5:32: store.max_connections is for PostgreSQL, and store.url names an SQLite file",
				"FILE:7:3: limits.silence must be shorter than limits.internal_retention: a system that was away must still find its work",
				"FILE:8:3: limits.not_after must be shorter than limits.ledger_retention: what may still be done must not be done twice",
				"FILE:9:10: export.retention must be longer than limits.silence: what the first system exported must still be there when the last one has answered",
				"FILE:11:18: systems.a.url is of no use to kind sql",
				"FILE:12:40: systems.b.dsn is of no use to kind objects",
				"FILE:12:63: systems.b.ledger cannot be in_transaction for kind objects: files have no transactions",
				"FILE:13:41: systems.d.ledger_dsn is of no use to a ledger in the system's own transaction",
				"FILE:14:41: systems.e.replica_dsn is of no use to SQLite: exports read replicas of PostgreSQL and MariaDB",
				"FILE:15:41: systems.f.replica_dsn is of no use to the system: its database is of another kind",
			},
		},
		{
			name: "what_the_responder_of_one_system_lacks",
			file: strings.Join([]string{
				"kafka: {brokers: ['a:1']}",
				"keys: {dir: k}",
				"data_map: {files: [m]}",
				"export: {url: 'file:///x?metadata=skip'}",
				"systems:",
				"  a: {kind: sql}",
				"  b: {kind: objects}",
				"  c: {kind: sql, ledger: beside}",
			}, "\n"),
			options: []config.Option{config.ForSystem("b")},
			want: []string{
				"FILE:4:10: export.url has options: a directory takes none",
				"FILE:7:3: systems.b.url is not set, and kind objects needs it; set it in the file or by LETHE_SYSTEMS_B_URL",
				"FILE:7:3: systems.b.ledger_dsn is not set, and a ledger that stands beside needs it; set it in the file or by LETHE_SYSTEMS_B_LEDGER_DSN, or its file by LETHE_SYSTEMS_B_LEDGER_DSN_FILE",
			},
		},
		{
			name: "what_the_responder_of_every_system_lacks",
			file: "systems:\n  a: {kind: sql}\n  b: {kind: objects, url: 'file:///b'}\n",
			environ: []string{
				"LETHE_KAFKA_BROKERS=a:1", "LETHE_KEYS_DIR=k", "LETHE_DATA_MAP_FILES=m", "LETHE_EXPORT_URL=file:///x",
			},
			options: []config.Option{config.For(config.Responder)},
			want: []string{
				"FILE:2:3: systems.a.dsn is not set, and kind sql needs it; set it in the file or by LETHE_SYSTEMS_A_DSN, or its file by LETHE_SYSTEMS_A_DSN_FILE",
				"FILE:3:3: systems.b.ledger_dsn is not set, and a ledger that stands beside needs it; set it in the file or by LETHE_SYSTEMS_B_LEDGER_DSN, or its file by LETHE_SYSTEMS_B_LEDGER_DSN_FILE",
			},
		},
		{
			name: "a_responder_of_no_system",
			environ: []string{
				"LETHE_KAFKA_BROKERS=a:1", "LETHE_KEYS_DIR=k", "LETHE_DATA_MAP_FILES=m", "LETHE_EXPORT_URL=file:///x",
			},
			file:    "systems:\n  shop: {kind: sql}\n",
			options: []config.Option{config.ForSystem("shap")},
			want:    []string{`no system "shap" in the configuration, which has shop`},
		},
		{
			name: "databases_of_MariaDB",
			file: strings.Join([]string{
				"store: {url: 'mysql://u:secret@h/d'}",
				"systems:",
				"  a: {kind: sql, dsn: 'mysql://u:secret@h'}",
				"  b: {kind: sql, dsn: 'mysql://u:secret@h/d?parseTime=true'}",
				"  c: {kind: sql, dsn: 'mysql:///d'}",
				"  d: {kind: sql, dsn: 'mysql:///d?socket=/run/mysqld.sock&tls=true'}",
			}, "\n"),
			want: []string{
				"FILE:1:9: store.url names a MariaDB database: the coordinator's is PostgreSQL or SQLite, and MariaDB is for systems",
				"FILE:3:18: systems.a.dsn is no MariaDB URL: write mysql://user:password@host:3306/name; it takes the parameters tls (true, skip-verify, preferred or false) and socket (a path, instead of the host)",
				"FILE:4:18: systems.b.dsn is no MariaDB URL: write mysql://user:password@host:3306/name; it takes the parameters tls (true, skip-verify, preferred or false) and socket (a path, instead of the host)",
				"FILE:5:18: systems.c.dsn is no MariaDB URL: write mysql://user:password@host:3306/name; it takes the parameters tls (true, skip-verify, preferred or false) and socket (a path, instead of the host)",
			},
		},
		{
			name: "what_is_given_twice",
			file: strings.Join([]string{
				"store:",
				"  url: postgres://h/d",
				"  url_file: secret",
				"limits: {looks: 3, looks: 4}",
				"store: {}",
			}, "\n"),
			environ: []string{"LETHE_STORE_URL=postgres://h/e", "LETHE_STORE_URL_FILE=/x"},
			want: []string{
				"FILE:3:3: store.url is given twice, here and at FILE:2:3",
				"FILE:4:20: limits.looks is there twice, first in line 4",
				"FILE:5:1: store is there twice, first in line 1",
				"LETHE_STORE_URL_FILE: store.url is given twice, here and by LETHE_STORE_URL",
			},
		},
		{
			name: "what_yaml_has_and_a_configuration_has_not",
			file: "x: &a {}\nkafka: *a\nlimits:\n  <<: {looks: 2}\n  silence: !!str 7d\nkeys:\n  dir: &d k\n",
			want: []string{
				"FILE:1:1: x is no section; there are kafka, controller, establishments, keys, store, data_map, export, intake, limits, systems, health, log",
				"FILE:2:8: kafka wants a mapping of settings",
				"FILE:4:3: limits has a key that is no plain text: merge keys, anchors and tags are not used in a configuration",
				"FILE:5:12: limits.silence is tag: anchors, aliases and tags are not used in a configuration",
				"FILE:7:8: keys.dir is anchor: anchors, aliases and tags are not used in a configuration",
			},
		},
		{
			name: "a_second_document",
			file: "log: {level: info}\n---\nlog: {level: warn}\n",
			want: []string{"FILE:3:1: a second YAML document: a configuration is one"},
		},
		{
			name: "a_file_that_is_no_mapping",
			file: "- kafka\n",
			want: []string{"FILE:1:1: a configuration is a mapping of sections"},
		},
		{
			name: "a_file_that_is_no_yaml",
			file: "kafka:\n  brokers: [a:1\nkeys: {}\n",
			want: []string{"FILE:3:1: "},
		},
		{
			name: "variables",
			file: "systems:\n  a-b: {kind: sql, dsn: 'postgres://h/d'}\n  a.b: {kind: sql, dsn: 'postgres://h/d'}\n",
			environ: []string{
				"LETHE_KAFKA_BROKER=a:1", "LETHE_LOG_LEVEL=loud", "LETHE_SYSTEMS_SHOP_DSN=postgres://h/d", "LETHE_SYSTEMS_A_B_BATCH=3",
				"LETHE_KAFKA_BROKERS=a:1,,b:2", "LETHE_KAFKA_PARTITIONS=1e3",
			},
			want: []string{
				"LETHE_KAFKA_BROKER: is no setting",
				"LETHE_SYSTEMS_A_B_BATCH: sets systems.a-b.batch as well as systems.a.b.batch: rename one of them",
				"LETHE_SYSTEMS_SHOP_DSN: is no setting of one of the systems that the file names; a variable can only change what the file names",
				"LETHE_KAFKA_BROKERS: kafka.brokers item 2: is empty",
				"LETHE_KAFKA_PARTITIONS: kafka.partitions wants a whole number",
				`LETHE_LOG_LEVEL: log.level is "loud", not one of debug, info, warn, error`,
			},
		},
		{
			name:    "what_a_role_lacks",
			file:    "establishments:\n  berlin: {calendar: DE-BE}\nsystems:\n  shop:\n",
			options: []config.Option{config.For(config.Coordinator)},
			want: []string{
				"FILE:2:3: establishments.berlin.time_zone is not set; set it in the file or by LETHE_ESTABLISHMENTS_BERLIN_TIME_ZONE",
				"FILE:4:3: systems.shop.kind is not set; set it in the file or by LETHE_SYSTEMS_SHOP_KIND",
				"kafka.brokers is not set, and coordinator needs it; set it in the file or by LETHE_KAFKA_BROKERS",
				"controller.name is not set, and coordinator needs it; set it in the file or by LETHE_CONTROLLER_NAME",
				"controller.establishment is not set, and coordinator needs it; set it in the file or by LETHE_CONTROLLER_ESTABLISHMENT",
				"keys.dir is not set, and coordinator needs it; set it in the file or by LETHE_KEYS_DIR",
				"store.url is not set, and coordinator needs it; set it in the file or by LETHE_STORE_URL, or its file by LETHE_STORE_URL_FILE",
				"data_map.files is not set, and coordinator needs it; set it in the file or by LETHE_DATA_MAP_FILES",
			},
		},
		{
			name:    "a_broker_beside_that_of_dev",
			environ: []string{"LETHE_KAFKA_BROKERS=a:1"},
			options: []config.Option{config.ForDev("/x")},
			want:    []string{"LETHE_KAFKA_BROKERS: kafka.brokers is not used with --dev, which brings its own broker"},
		},
		{
			name:    "a_client_needs_a_broker_alone",
			options: []config.Option{config.For(config.Client)},
			want:    []string{"kafka.brokers is not set, and client needs it; set it in the file or by LETHE_KAFKA_BROKERS"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, "lethe.yml", test.file)
			_, err := config.Load(path, test.environ, test.options...)
			var e *config.Error
			if !errors.As(err, &e) {
				t.Fatalf("got error %v", err)
			}
			var got []string
			for i, p := range e.Problems {
				s := strings.ReplaceAll(p.String(), path, "FILE")
				if i < len(test.want) && (strings.HasSuffix(test.want[i], ": ") || strings.Contains(s, "calendar")) && strings.HasPrefix(s, test.want[i]) {
					s = test.want[i] // the rest is the library's
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("a password stands in the error")
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	_, one := config.Load("", []string{"LETHE_X=1"})
	if got := one.Error(); got != "configuration: LETHE_X: is no setting" {
		t.Errorf("one problem reads %q", got)
	}
	_, two := config.Load("", []string{"LETHE_X=1", "LETHE_Y=1"})
	if got := two.Error(); got != "configuration has 2 problems:\n  LETHE_X: is no setting\n  LETHE_Y: is no setting" {
		t.Errorf("two problems read %q", got)
	}
}

func TestSecretFiles(t *testing.T) {
	for _, test := range []struct{ name, content, want string }{
		{"that_are_empty", "\n", "LETHE_STORE_URL_FILE: store.url_file names an empty file, FILE"},
		{"that_are_too_long", strings.Repeat("x", 70_000), "LETHE_STORE_URL_FILE: store.url_file names a file of more than 65536 bytes, FILE"},
		{
			"that_hold_something_else", "hunter2",
			"LETHE_STORE_URL_FILE: store.url_file names a file whose content is no database URL: write postgres://user:password@host:5432/name, mysql://user:password@host:3306/name or sqlite:///path/to/file.db",
		},
	} {
		t.Run("refuses_those_"+test.name, func(t *testing.T) {
			path := write(t, "secret", test.content)
			_, err := config.Load("", []string{"LETHE_STORE_URL_FILE=" + path})
			var e *config.Error
			if !errors.As(err, &e) {
				t.Fatalf("got error %v", err)
			}
			if diff := cmp.Diff(test.want, strings.ReplaceAll(e.Problems[0].String(), path, "FILE")); diff != "" || len(e.Problems) != 1 {
				t.Error(diff, e.Problems)
			}
		})
	}
	t.Run("says_when_one_is_missing", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "absent")
		if _, err := config.Load("", []string{"LETHE_STORE_URL_FILE=" + path}); err == nil || !strings.Contains(err.Error(), os.ErrNotExist.Error()[:10]) && !strings.Contains(err.Error(), "no such file") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("drops_the_end_of_the_line", func(t *testing.T) {
		c, err := config.Load("", []string{"LETHE_STORE_URL_FILE=" + write(t, "secret", "postgres://h/d\r\n")})
		if err != nil || c.Store.Database.URL() != "postgres://h/d" {
			t.Errorf("got %q, %v", c.Store.Database.URL(), err)
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add(whole)
	f.Add("kafka: {brokers: [a:1], ? x : y}\n")
	f.Add("systems:\n  a: &x {kind: sql}\n  b: *x\n")
	path := filepath.Join(f.TempDir(), "lethe.yml")
	f.Fuzz(func(t *testing.T, content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path, nil, config.For(config.Serve))
		if err == nil && len(c.Kafka.Brokers) == 0 {
			t.Error("loaded what a role lacks")
		}
	})
}
