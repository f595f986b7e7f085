package e2e_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestServe: every role in one process, as `lethe serve` runs them; and with a broker of its own, as `lethe serve --dev` does.
func TestServe(t *testing.T) {
	t.Parallel()
	t.Run("serve", func(t *testing.T) {
		pl := newPipeline(t, real(), 20, limits{})
		p := pl.spawnCommand(t, "serve", nil, "serve")
		who := pl.c.cast(t, buyer)
		r := pl.record(t, pl.ask(t, newRequest(dsr.Erasure, who.byMail())), 0)
		reports(t, r, dsr.Partial, erasureOf(who))
		if r.Environment != completion.Production {
			t.Errorf("the record says %s", r.Environment)
		}
		p.term(t)
	})
	t.Run("serve_dev_keeps_everything_over_a_power_cut", func(t *testing.T) {
		pl := newPipeline(t, embedded(), 20, limits{})
		dir := filepath.Join(t.TempDir(), "dev")
		// The roles' own broker, keys and database: nothing but the systems is the pipeline's.
		start := func() (*process, []string) {
			p := pl.spawnCommand(t, "serve --dev", []string{
				"LETHE_KAFKA_BROKERS=", "LETHE_KEYS_DIR=" + filepath.Join(dir, "keys"), "LETHE_STORE_URL=sqlite://" + dir + "/lethe.db", "LETHE_EXPORT_URL=file://" + dir + "/exports",
			}, "serve", "--dev", "--dir", dir, "--port", "0")
			pl.prints(t, p, "export LETHE_KAFKA_BROKERS=")
			found := regexp.MustCompile(`export (LETHE_KAFKA_BROKERS=\S+) (LETHE_KEYS_DIR=\S+)`).FindStringSubmatch(p.log.String())
			if found == nil {
				t.Fatalf("it does not say how to reach it:\n%s", p.log.String())
			}
			return p, found[1:]
		}
		p, there := start()
		first, second := pl.c.cast(t, visitor), pl.c.cast(t, buyer)
		if r := pl.letheWith(t, there, "request", "erasure", "--email", first.email, "--wait"); r.code != 0 || !strings.Contains(r.stdout, "COMPLETE") {
			t.Errorf("it ended with %d:\n%s%s", r.code, r.stdout, r.stderr)
		}
		p.kill(t)
		p, there = start()
		if r := pl.letheWith(t, there, "request", "erasure", "--email", second.email, "--wait"); r.code != 3 || !strings.Contains(r.stdout, "PARTIAL") {
			t.Errorf("after the power cut it ended with %d:\n%s%s", r.code, r.stdout, r.stderr)
		}
		list := pl.letheWith(t, there, "record", "list", "--output", "json")
		if records := parse(t, list.stdout); len(records) != 2 || records[0]["environment"] != completion.Development {
			t.Errorf("the records are %v", records)
		}
		p.term(t)
		pl.c.othersUnchanged(t, first, second)
	})
}
