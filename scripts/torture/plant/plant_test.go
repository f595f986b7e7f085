package plant

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
			compiles(t, file)
		})
	}
}

// compiles compiles the packages that an overlay touches. None of them loses a name that others use.
func compiles(t *testing.T, overlay string) {
	t.Helper()
	text, err := os.ReadFile(overlay)
	if err != nil {
		t.Fatal(err)
	}
	var files struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &files); err != nil {
		t.Fatal(err)
	}
	packages := map[string]bool{}
	for file := range files.Replace {
		packages[filepath.Dir(file)] = true
	}
	args := append([]string{"build", "-p", "2", "-tags", "lethetest", "-overlay", overlay}, slices.Sorted(maps.Keys(packages))...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
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
