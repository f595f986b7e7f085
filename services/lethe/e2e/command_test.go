package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// binary is the command, built with the test hooks.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lethe-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "lethe")
	cmd := exec.Command("go", "build", "-tags", "lethetest", "-o", binary, "github.com/lethe-dsr/lethe/services/lethe")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the command:", err)
		return 1
	}
	return m.Run()
}

// result is what a command said and how it ended.
type result struct {
	code           int
	stdout, stderr string
}

// environ is all that a command is told, beside the configuration file.
func (pl *pipeline) environ(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + pl.dir, "TZ=UTC", "LETHE_CONFIG=" + pl.config, "LETHE_KAFKA_BROKERS=" + strings.Join(pl.p.Config.Kafka.Brokers, ","),
	}, more...)
}

// lethe runs the command to its end.
func (pl *pipeline) lethe(t testing.TB, args ...string) result {
	t.Helper()
	return pl.letheWith(t, nil, args...)
}

func (pl *pipeline) letheWith(t testing.TB, environ []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*within)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = pl.environ(environ...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	pl.said(r.stdout)
	pl.said(r.stderr)
	return r
}

// ok runs the command and fails the test unless it ends with 0.
func (pl *pipeline) ok(t testing.TB, args ...string) string {
	t.Helper()
	r := pl.lethe(t, args...)
	if r.code != 0 {
		t.Fatalf("lethe %s ended with %d: %s", strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// jsonLines runs the command with JSON as its output, and reads each line.
func (pl *pipeline) jsonLines(t testing.TB, args ...string) []map[string]any {
	t.Helper()
	return parse(t, pl.ok(t, append(args, "--output", "json")...))
}

func parse(t testing.TB, text string) []map[string]any {
	t.Helper()
	out := []map[string]any{}
	for line := range strings.Lines(text) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%q is no JSON: %v", line, err)
		}
		out = append(out, v)
	}
	return out
}

// said keeps what commands and processes print, to be searched for values of people.
func (pl *pipeline) said(text string) {
	_, _ = pl.log.Write([]byte(text)) // a buffer takes everything
}
