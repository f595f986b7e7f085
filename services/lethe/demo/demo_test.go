package demo

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/completion"
)

// TestTheDemoPlays runs what `lethe demo --dir DIR` runs and looks at what it leaves.
func TestTheDemoPlays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "books")
	var out bytes.Buffer
	if err := Run(t.Context(), &out, dir, completion.Software{Version: "test", Commit: "test"}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	screen := out.String()
	for _, want := range []string{"PARTIAL ", "INCOMPLETE ", "(addendum 1)", "NOTHING FOUND ", "still owed an answer", "and 40 more erasures, each with a record", "Searched the stores ourselves: 0 of ", "other people's rows unchanged; 1 byte flipped: refused", "Not checked here"} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen does not say %q", want)
		}
	}
	v, err := completion.LoadVerifier(filepath.Join(dir, "keys", "record.pub"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := filepath.Glob(filepath.Join(dir, "records", "*.json"))
	if err != nil || len(records) < 10 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, r := range records {
		envelope, err := os.ReadFile(r)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := completion.Verify(envelope, v)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(r), err)
		} else if rec.Record.Environment != completion.Development {
			t.Errorf("%s says environment %s", filepath.Base(r), rec.Record.Environment)
		}
	}
	for _, pattern := range []string{"reports/*.html", "reports/*.txt", "packages/*.zip"} {
		if found, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(found) < 3 {
			t.Errorf("%s: %d files, %v", pattern, len(found), err)
		}
	}
	theReadmeForges(t, dir, v)
}

// theReadmeForges runs the command of the README's tour that is to change a record, word for word: what it leaves is another
// record than that of the demo, and does not verify.
func theReadmeForges(t *testing.T, dir string, v *completion.Verifier) {
	t.Helper()
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^sed .* > /tmp/forged\.json`).FindString(string(readme))
	if command == "" {
		t.Fatal("the README has no command that forges a record")
	}
	forged := filepath.Join(t.TempDir(), "forged.json")
	command = strings.NewReplacer("/tmp/books", dir, "/tmp/forged.json", forged).Replace(command)
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	envelope, err := os.ReadFile(forged)
	if err != nil {
		t.Fatal(err)
	}
	_, err = completion.Verify(envelope, v)
	var d *completion.DefectError
	if !errors.As(err, &d) || d.Defect != completion.SignatureMismatch {
		t.Errorf("the forged record of %d bytes: %v", len(envelope), err)
	}
}

func TestADirectoryThatHoldsSomethingIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), &bytes.Buffer{}, dir, completion.Software{}); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("error: %v", err)
	}
}

// TestTheSearchFinds: a search that finds nothing must be able to find something.
func TestTheSearchFinds(t *testing.T) {
	c, err := found(t.Context(), t.TempDir(), 12)
	if err != nil {
		t.Fatal(err)
	}
	before, err := c.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	who := c.People[1]
	if f := search(before, before, []Person{who}); f.left == 0 {
		t.Error("nothing is found of a person who was not erased")
	}
	clean := before[:0:0]
	for _, r := range before {
		if r.person != who.ID || r.store == "shop.invoices" {
			clean = append(clean, r)
		}
	}
	if f := search(before, clean, []Person{who}); f.left != 0 || !f.others {
		t.Errorf("of a person who was erased %d values are left, others unchanged: %t", f.left, f.others)
	}
	t.Run("a_value_in_somebody_elses_row", func(t *testing.T) {
		rows := append(clean[:len(clean):len(clean)], row{"conversations", c.People[2].ID, "I saw " + who.Name})
		if f := search(before, rows, []Person{who}); f.left != 1 {
			t.Errorf("%d values found, want 1", f.left)
		}
	})
	t.Run("a_row_of_somebody_else_that_is_gone", func(t *testing.T) {
		if f := search(before, clean[1:], []Person{who}); f.others {
			t.Error("the loss was not noticed")
		}
	})
	t.Run("an_invoice_that_the_law_keeps_and_that_is_gone", func(t *testing.T) {
		var rows []row
		for _, r := range clean {
			if r.person != who.ID {
				rows = append(rows, r)
			}
		}
		if f := search(before, rows, []Person{who}); f.others {
			t.Error("the loss was not noticed")
		}
	})
}
