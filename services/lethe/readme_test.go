package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReadmeShowsTheExampleThatIsTested: the responder of twenty lines in the README is the one that passes the conformance suite.
func TestReadmeShowsTheExampleThatIsTested(t *testing.T) {
	readme := readText(t, "../../README.md")
	_, rest, ok := strings.Cut(readme, "<!-- example:begin -->\n```go\n")
	shown, _, closed := strings.Cut(rest, "\n```\n<!-- example:end -->")
	if !ok || !closed {
		t.Fatal("the README has no example between its marks")
	}
	example := readText(t, "../../pkg/responder/example_test.go")
	at := strings.Index(example, "// profiles is")
	if at < 0 {
		t.Fatal("the example has no profiles")
	}
	if d := cmp.Diff(strings.TrimSpace(example[at:]), shown); d != "" {
		t.Error(d)
	}
}

// TestDocumentsNameFilesThatExist holds every relative link and every path in back quotes against the tree.
func TestDocumentsNameFilesThatExist(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	path := regexp.MustCompile("`((?:pkg|services|schemas|scripts|deployments)/[A-Za-z0-9_./-]+)`")
	for _, doc := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} {
		text := readText(t, filepath.Join("../..", doc))
		for _, m := range append(link.FindAllStringSubmatch(text, -1), path.FindAllStringSubmatch(text, -1)...) {
			if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
				t.Errorf("%s names %s, which is not there", doc, m[1])
			}
		}
	}
}
