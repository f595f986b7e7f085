package e2e_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// fromPython is what the client in Python read of one request.
type fromPython struct {
	RequestID dsr.RequestID       `json:"request_id"`
	States    []string            `json:"states"`
	Result    dsr.Result          `json:"result"`
	Kind      dsr.Kind            `json:"kind"`
	Systems   map[string][]string `json:"systems"`
	Rejected  string              `json:"rejected"`
}

// TestAClientThatIsNotOurs: a program in Python publishes on the real Kafka, sealed and in clear, and reads what came of it.
func TestAClientThatIsNotOurs(t *testing.T) {
	python := variable(t, "LETHE_TEST_PYTHON")
	pl := newPipeline(t, real(), 12, limits{more: "intake: {allow_clear_identifiers: true}\n"}).start(roleNames()...)
	who := pl.c.cast(t, buyer)
	brokers := strings.Join(pl.p.Config.Kafka.Brokers, ",")
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("..", "..", "..", "scripts", "interop", "client.py"),
		brokers, pl.prefix, filepath.Join(pl.dir, "keys", "intake.pub"), "email="+strings.ToUpper(who.email))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the client ended with %v:\n%s\n%s", err, out, stderr.String())
	}
	var got []fromPython
	for line := range strings.Lines(string(out)) {
		var r fromPython
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if len(got) != 2 {
		t.Fatalf("the client read of %d requests, want 2", len(got))
	}
	for _, r := range got {
		want := dsr.Complete
		if r.Kind == dsr.Erasure {
			want = dsr.Partial
		}
		if r.Result != want || len(r.Systems) != 3 {
			t.Errorf("the client read %+v, want the result %s and three systems", r, want)
		}
		if last := r.States[len(r.States)-1]; last != string(dsr.Sealed) {
			t.Errorf("the last state that the client read is %s", last)
		}
		pl.record(t, r.RequestID, 0) // verified with the public key, as every record of the suite
	}
}
