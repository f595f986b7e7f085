package e2e_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestCommandThatCannotStart: a mistake in how it is called ends with 2, one in what it finds with 1 and a line that names it;
// what is away is waited for.
func TestCommandThatCannotStart(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 5, limits{})
		t.Run("usage", func(t *testing.T) { pl.tellsUsage(t) })
		t.Run("topics_apply", func(t *testing.T) { pl.appliesTopics(t) })
		t.Run("missing_topic_is_named", func(t *testing.T) { pl.namesMissingTopics(t) })
		t.Run("wrong_configuration_is_named", func(t *testing.T) { pl.namesSettings(t) })
		t.Run("table_that_the_map_does_not_know_is_named", func(t *testing.T) { pl.namesTable(t) })
		t.Run("what_is_away_is_waited_for", func(t *testing.T) { pl.waitsForWhatIsAway(t) })
	})
}

func (pl *pipeline) tellsUsage(t *testing.T) {
	t.Helper()
	for _, tc := range []struct {
		name string
		args []string
		says string
	}{
		{"unknown_command", []string{"forget"}, "forget"},
		{"unknown_subcommand", []string{"record", "burn"}, "burn"},
		{"group_without_a_subcommand", []string{"deadletters"}, "wants a subcommand"},
		{"unknown_flag", []string{"status", "--all"}, "--all"},
		{"unknown_output", []string{"status", "--output", "xml"}, "xml"},
		{"nobody", []string{"request", "erasure"}, "--email"},
		{"no_kind_and_value", []string{"request", "erasure", "--id", "4711"}, "kind=value"},
		{"no_instant", []string{"request", "erasure", "--email", "a@post.example", "--received-at", "yesterday"}, "RFC 3339"},
		{"no_uuid", []string{"status", "4711"}, "UUID"},
		{"record_of_no_uuid", []string{"record", "get", "4711"}, "UUID"},
		{"verify_without_a_key", []string{"record", "verify", "x.json"}, "key"},
		{"verify_nothing", []string{"record", "verify", "--key", "k"}, "at least 1"},
		{"dead_letter_and_a_cause", []string{"deadletters", "discard", "0/1", "--cause", "unasked", "--reason", "none"}, "not both"},
		{"no_instant_of_a_record", []string{"republish", "--since", "yesterday"}, "RFC 3339"},
		{"responder_of_nothing", []string{"responder"}, "accepts 1 arg"},
		{"report_in_an_unknown_format", []string{"record", "report", "x.json", "--key", "k", "--format", "pdf"}, "pdf"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := pl.lethe(t, tc.args...)
			if r.code != 2 || !strings.Contains(r.stderr, tc.says) || !strings.Contains(r.stderr, "--help") || r.stdout != "" {
				t.Errorf("it ended with %d: %s%s", r.code, r.stdout, r.stderr)
			}
		})
	}
}

// appliesTopics makes topics under a prefix of their own.
func (pl *pipeline) appliesTopics(t *testing.T) {
	t.Helper()
	prefix := "e2e-" + uuid.NewString()[:8] + "."
	other := []string{"LETHE_KAFKA_TOPIC_PREFIX=" + prefix}
	first := pl.letheWith(t, other, "topics", "apply")
	if n := strings.Count(first.stdout, "made    "+prefix); first.code != 0 || n != 12 {
		t.Errorf("it ended with %d and made %d topics: %s%s", first.code, n, first.stdout, first.stderr)
	}
	again := pl.letheWith(t, other, "topics", "apply")
	if again.code != 0 || strings.Contains(again.stdout, "made ") || !strings.Contains(again.stdout, "12 topics are as they should be") {
		t.Errorf("applied again it ended with %d: %s%s", again.code, again.stdout, again.stderr)
	}
	wrong := append([]string{"LETHE_KAFKA_PARTITIONS=7"}, other...)
	for _, args := range [][]string{{"topics", "apply"}, {"coordinator"}, {"responder", "shop"}} {
		r := pl.letheWith(t, wrong, args...)
		if r.code != 1 || !strings.Contains(r.stderr, "topic "+prefix+dsr.TopicErasure+": partitions is 3, should be at least 7") {
			t.Errorf("lethe %s ended with %d: %s", strings.Join(args, " "), r.code, r.stderr)
		}
	}
	retention := append([]string{"LETHE_LIMITS_INTERNAL_RETENTION=13d"}, other...)
	if r := pl.letheWith(t, retention, "topics", "apply"); r.code != 1 || !strings.Contains(r.stderr, "retention.ms") || !strings.Contains(r.stderr, prefix+dsr.TopicErasure) {
		t.Errorf("with another retention it ended with %d: %s", r.code, r.stderr)
	}
}

func (pl *pipeline) namesMissingTopics(t *testing.T) {
	t.Helper()
	prefix := "none-" + uuid.NewString()[:8] + "."
	for _, args := range [][]string{
		{"coordinator"}, {"packager"}, {"responder", "shop"}, {"status"}, {"record", "list"}, {"deadletters", "list"}, {"request", "erasure", "--id", "customer_id=4711"},
	} {
		r := pl.letheWith(t, []string{"LETHE_KAFKA_TOPIC_PREFIX=" + prefix}, args...)
		if r.code != 1 || !strings.Contains(r.stderr, "has no topic") || !strings.Contains(r.stderr, prefix) {
			t.Errorf("lethe %s ended with %d: %s", strings.Join(args, " "), r.code, r.stderr)
		}
	}
}

func (pl *pipeline) namesSettings(t *testing.T) {
	t.Helper()
	r := pl.letheWith(t, []string{"LETHE_LIMITS_SETTLE=soon", "LETHE_LIMITS_PATIENCE=7d"}, "coordinator")
	if r.code != 1 || !strings.Contains(r.stderr, "limits.settle") || !strings.Contains(r.stderr, "LETHE_LIMITS_PATIENCE") {
		t.Errorf("it ended with %d: %s", r.code, r.stderr)
	}
	if r := pl.lethe(t, "responder", "warehouse"); r.code != 1 || !strings.Contains(r.stderr, "warehouse") || !strings.Contains(r.stderr, "chats, crm, shop") {
		t.Errorf("the responder of a system that nobody knows ended with %d: %s", r.code, r.stderr)
	}
	if r := pl.letheWith(t, []string{"LETHE_CONFIG=/nowhere/lethe.yml"}, "status"); r.code != 1 || !strings.Contains(r.stderr, "/nowhere/lethe.yml") {
		t.Errorf("without its file it ended with %d: %s", r.code, r.stderr)
	}
}

// namesTable adds to the shop what the map does not know: it may hold a person's data, which nobody would erase.
func (pl *pipeline) namesTable(t *testing.T) {
	t.Helper()
	must(t, pl.c.shop, "create table reviews (id bigint primary key, customer_id bigint not null references customers (id), body text)")
	r := pl.lethe(t, "responder", "shop")
	if r.code != 1 || !strings.Contains(r.stderr, "reviews") || !strings.Contains(r.stderr, "shop") {
		t.Errorf("it ended with %d: %s", r.code, r.stderr)
	}
	must(t, pl.c.shop, "drop table reviews")
}

// waitsForWhatIsAway starts services whose broker, database, system or files are not there: each says so in one line, waits, and
// ends with 0 when it is told to stop.
func (pl *pipeline) waitsForWhatIsAway(t *testing.T) {
	t.Helper()
	nobody := nobodyListens(t)
	postgres := "postgres://lethe:secret-password@" + nobody + "/lethe?sslmode=disable"
	for _, tc := range []struct {
		name    string
		environ string
		args    []string
		says    string
	}{
		{"broker_of_the_coordinator", "LETHE_KAFKA_BROKERS=" + nobody, []string{"coordinator"}, nobody},
		{"broker_of_a_responder", "LETHE_KAFKA_BROKERS=" + nobody, []string{"responder", "shop"}, nobody},
		{"broker_of_the_packager", "LETHE_KAFKA_BROKERS=" + nobody, []string{"packager"}, nobody},
		{"database_of_the_coordinator", "LETHE_STORE_URL=" + postgres, []string{"coordinator"}, "coordinator's database"},
		{"database_of_a_system", "LETHE_SYSTEMS_SHOP_DSN=" + postgres, []string{"responder", "shop"}, "system shop"},
		{"directory_of_a_system", "LETHE_SYSTEMS_CHATS_URL=file:///nowhere/at/all", []string{"responder", "chats"}, "system chats"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := pl.spawnCommand(t, tc.name, []string{tc.environ}, tc.args...)
			pl.prints(t, p, tc.says)
			if err := p.died(); err != nil {
				t.Fatal(err)
			}
			p.term(t)
			var lines int
			for line := range strings.Lines(p.log.String()) {
				if strings.Contains(line, "level=WARN") && strings.Contains(line, tc.says) {
					lines++
				}
			}
			if lines != 1 || strings.Contains(p.log.String(), "secret-password") {
				t.Errorf("it said so in %d lines:\n%s", lines, p.log.String())
			}
		})
	}
	t.Run("broker_of_a_tool", func(t *testing.T) {
		t.Parallel()
		p := pl.spawnCommand(t, "status", []string{"LETHE_KAFKA_BROKERS=" + nobody}, "status")
		p.expected.Store(true)
		pl.prints(t, p, "kafka does not answer, waiting for it")
		p.kill(t)
	})
}

// nobodyListens is an address at which connections are refused.
func nobodyListens(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr())
}
