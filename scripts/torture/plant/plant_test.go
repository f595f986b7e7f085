package plant

import (
	"os/exec"
	"strings"
	"testing"
)

const root = "../../.."

// TestEveryBugCompiles: the sources move on, and a bug that does not apply any more shows nothing.
func TestEveryBugCompiles(t *testing.T) {
	names := Names()
	if len(names) < 12 {
		t.Fatalf("there are only %d bugs", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if About(name) == "" {
				t.Error("it does not say what is wrong")
			}
			file, err := Overlay(root, t.TempDir(), name)
			if err != nil {
				t.Fatal(err)
			}
			build(t, "-overlay", file)
		})
	}
}

// build compiles all that the command consists of, without linking it; what no bug touches comes from the build cache.
func build(t *testing.T, flags ...string) {
	t.Helper()
	args := append([]string{"build", "-p", "2", "-tags", "lethetest"}, flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./services/lethe/roles")...)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("it does not compile: %v\n%s", err, text)
	}
}

func TestAnEditThatDoesNotFitIsAnError(t *testing.T) {
	const text = "one\ntwo\n\ttwo\nthree\nthree\n"
	for _, c := range []struct {
		name string
		edit edit
		want string
		err  string
	}{
		{"the first line", edit{"f.go", "one\n", "1\n"}, "1\ntwo\n\ttwo\nthree\nthree\n", ""},
		{"a whole line, not the end of one", edit{"f.go", "two\n", "2\n"}, "one\n2\n\ttwo\nthree\nthree\n", ""},
		{"twice", edit{"f.go", "three\n", "3\n"}, "", `begin with "three" stand there 2 times`},
		{"nowhere", edit{"f.go", "four\n", "4\n"}, "", `stand there 0 times`},
	} {
		got, err := c.edit.apply(text)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

func TestParseReadsProseAndEdits(t *testing.T) {
	b, err := parse("It is wrong,\nalways.\n@@ a.go\n stays\n-goes\n+comes\n\n@@ b.go\n-x\n")
	if err != nil || b.about != "It is wrong, always." || len(b.edits) != 2 {
		t.Fatalf("%+v, %v", b, err)
	}
	if want := (edit{"a.go", "stays\ngoes\n\n", "stays\ncomes\n\n"}); b.edits[0] != want {
		t.Errorf("%+v", b.edits[0])
	}
	for _, bad := range []string{"@@ a.go\n-x\n", "About.\n", "About.\n@@ a.go\nx\n", "About.\n@@ a.go\n x\n", "About.\n@@ a.go\n+x\n"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	if _, err := Overlay(root, t.TempDir(), "none"); err == nil || About("none") != "" {
		t.Error("a bug that is none is found")
	}
}
