package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestCommand: what the command prints and how it ends, while services are at work that the test runs itself.
func TestCommand(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 40, limits{silence: "8s"}).start(roleNames()...)
		pl.warm(t)
		done, keeps, refused, silent := pl.c.cast(t, visitor), pl.c.cast(t, buyer), pl.c.cast(t, visitor), pl.c.cast(t, visitor)
		asks := func(p person, more ...string) []string {
			return append([]string{"request", "erasure", "--email", strings.ToUpper(p.email), "--capacity", "customer", "--wait"}, more...)
		}
		q := newRequest(dsr.Erasure, refused.byMail())
		q.Decision = &dsr.Decision{Decision: dsr.Refused, ByRole: "privacy desk", Grounds: []dsr.Ground{{Article: "GDPR 12(5)(b)"}}}
		pl.record(t, pl.ask(t, q), 0)

		for _, tc := range []struct {
			name string
			code int
			args []string
			says []string
		}{
			{"complete_ends_with_0", 0, asks(done), []string{"COMPLETE", "shop", "erased", "crm", "chats", "looked again", "number 0", "answer due"}},
			{"partial_ends_with_3", 3, asks(keeps, "--ground", "GDPR 17(1)(b)", "--identity", "login", "--granted-by", "privacy desk"), []string{"PARTIAL", "retained"}},
			{"rejected_ends_with_5", 5, []string{"request", "erasure", "--id", "customer_id=4711", "--capacity", "employee", "--wait"}, []string{"rejected (capacity)", "still owed an answer", "--corrects"}},
			{"nothing_found_ends_with_6", 6, []string{"request", "access", "--email", "nobody@post.example", "--wait"}, []string{"NOTHING FOUND"}},
			{"refused_ends_with_7", 7, asks(refused, "--request-id", string(q.RequestID)), []string{"REFUSED"}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				r := pl.lethe(t, tc.args...)
				if r.code != tc.code {
					t.Errorf("it ended with %d, want %d:\n%s%s", r.code, tc.code, r.stdout, r.stderr)
				}
				for _, s := range tc.says {
					if !strings.Contains(r.stdout, s) {
						t.Errorf("it does not say %q:\n%s", s, r.stdout)
					}
				}
			})
		}
		t.Run("incomplete_ends_with_4_and_json_says_each_step", func(t *testing.T) {
			pl.stop(t, "crm")
			defer pl.start("crm")
			r := pl.lethe(t, asks(silent, "--output", "json")...)
			if r.code != 4 {
				t.Errorf("it ended with %d:\n%s%s", r.code, r.stdout, r.stderr)
			}
			steps := parse(t, r.stdout)
			var states []string
			for _, s := range steps {
				states = append(states, s["state"].(string))
			}
			if states[0] != "published" || states[len(states)-1] != "sealed" || !slices.Contains(states, "acting") || steps[len(steps)-1]["result"] != "incomplete" {
				t.Errorf("the steps are %v", steps)
			}
		})
		t.Run("waiting_too_long_ends_with_1", func(t *testing.T) {
			pl.stop(t, "shop")
			defer pl.start("shop")
			r := pl.lethe(t, "request", "access", "--id", "customer_id=4712", "--wait", "--timeout", "1s")
			if r.code != 1 || !strings.Contains(r.stderr, "has no record after 1s") {
				t.Errorf("%d: %s", r.code, r.stderr)
			}
		})
		t.Run("status", func(t *testing.T) { pl.showsStatus(t, q.RequestID) })
		t.Run("record", func(t *testing.T) { pl.showsRecord(t) })
		pl.c.othersUnchanged(t, done, keeps, silent)
		pl.nothingInClear(t, done, keeps, refused, silent)
	})
}

func (pl *pipeline) showsStatus(t *testing.T, sealed dsr.RequestID) {
	t.Helper()
	all := pl.jsonLines(t, "status")
	results := map[string]int{}
	for _, s := range all {
		if s["state"] == "sealed" {
			results[s["result"].(string)]++
		} else {
			results[s["state"].(string)]++
		}
	}
	for _, want := range []string{"complete", "partial", "refused", "nothing_found", "rejected"} {
		if results[want] == 0 {
			t.Errorf("no request is listed as %s: %v", want, results)
		}
	}
	table := pl.ok(t, "status")
	for _, s := range []string{"REQUEST", "still owed an answer", "3 of 3", string(sealed)} {
		if !strings.Contains(table, s) {
			t.Errorf("the table does not say %q:\n%s", s, table)
		}
	}
	if open := pl.ok(t, "status", "--open"); strings.Contains(open, string(sealed)) {
		t.Errorf("a sealed request is listed as open:\n%s", open)
	}
	one := pl.jsonLines(t, "status", string(sealed))
	if len(one) != 1 || one[0]["request_id"] != string(sealed) || one[0]["result"] != "refused" {
		t.Errorf("the status of one request is %v", one)
	}
	if text := pl.ok(t, "status", strings.ToUpper(string(sealed))); !strings.Contains(text, "REFUSED") || !strings.Contains(text, "record ") {
		t.Errorf("the status of one request is shown as:\n%s", text)
	}
	if r := pl.lethe(t, "status", "7f3c1e52-9a4b-4c8d-8e2f-0123456789a1"); r.code != 1 || !strings.Contains(r.stderr, "no request of this id") {
		t.Errorf("the status of nothing: %d %s", r.code, r.stderr)
	}
}

func (pl *pipeline) showsRecord(t *testing.T) {
	t.Helper()
	list := pl.jsonLines(t, "record", "list")
	pl.lock.Lock()
	n := 0
	for _, all := range pl.records {
		n += len(all)
	}
	pl.lock.Unlock()
	if len(list) < n {
		t.Errorf("%d records are listed, %d were published", len(list), n)
	}
	var id, recordID string
	for _, r := range list {
		if r["result"] == "partial" {
			id, recordID = r["request_id"].(string), r["record_id"].(string)
		}
	}
	if table := pl.ok(t, "record", "list"); !strings.Contains(table, recordID) || !strings.Contains(table, "partial") {
		t.Errorf("the table lacks record %s:\n%s", recordID, table)
	}
	file, key := filepath.Join(t.TempDir(), "record.json"), filepath.Join(pl.dir, "keys", completion.PublicKeyFile)
	pl.ok(t, "record", "get", id, "--out", file)
	envelope, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if printed := pl.ok(t, "record", "get", id, "--number", "0"); printed != string(envelope) {
		t.Error("the record that is printed is not the one that is written")
	}
	// Offline: neither broker nor configuration.
	nowhere := []string{"LETHE_CONFIG=", "LETHE_KAFKA_BROKERS=127.0.0.1:1"}
	offline := func(args ...string) result { return pl.letheWith(t, nowhere, args...) }
	if r := offline("record", "verify", file, "--key", key); r.code != 0 || !strings.Contains(r.stdout, "verified") || !strings.Contains(r.stdout, "later addenda not checked") {
		t.Errorf("verified: %d %s%s", r.code, r.stdout, r.stderr)
	}
	if r := offline("record", "verify", file, "--key", key, "--output", "json"); r.code != 0 || parse(t, r.stdout)[0]["result"] != "partial" {
		t.Errorf("verified: %d %s%s", r.code, r.stdout, r.stderr)
	}
	for _, format := range []string{"text", "html"} {
		r := offline("record", "report", file, "--key", key, "--format", format)
		if r.code != 0 || !strings.Contains(r.stdout, "Noten und Partner GmbH") || !strings.Contains(r.stdout, "GDPR 17(3)(b)") || !strings.Contains(r.stdout, "Paper delivery notes") {
			t.Errorf("report as %s: %d %s%s", format, r.code, r.stdout, r.stderr)
		}
	}
	flipped := slices.Clone(envelope)
	flipped[len(flipped)/3] ^= 1
	if err := os.WriteFile(file, flipped, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"record", "verify", file, "--key", key}, {"record", "report", file, "--key", key}} {
		if r := offline(args...); r.code != 1 || !strings.Contains(r.stderr, "NOT verified") || strings.Contains(r.stdout, "verified") {
			t.Errorf("a byte was flipped: %d %s%s", r.code, r.stdout, r.stderr)
		}
	}
	if r := pl.lethe(t, "record", "get", "7f3c1e52-9a4b-4c8d-8e2f-0123456789a1"); r.code != 1 || !strings.Contains(r.stderr, "no such record") {
		t.Errorf("the record of nothing: %d %s", r.code, r.stderr)
	}
}
