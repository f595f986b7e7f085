// Package plant puts known bugs into the product, to show that whoever looks for bugs finds them.
//
// A bug stands in bugs/NAME.patch as edits of the sources, and never in the sources: [Overlay] applies the edits to copies, which
// `go build -overlay` compiles in the place of the originals. Each is a bug that a person could have written in good faith, and
// nearly all of them show only under a fault or an order of messages that a short test does not meet.
package plant

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed bugs/*.patch
var bugs embed.FS

// Names lists the bugs, sorted.
func Names() []string {
	files, err := fs.Glob(bugs, "bugs/*.patch")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(filepath.Base(f), ".patch")
	}
	return names
}

// About says what the bug does wrong and when it shows; empty for a name that is none.
func About(name string) string {
	b, err := read(name)
	if err != nil {
		return ""
	}
	return b.about
}

// Overlay writes copies of the sources under root with the bug in them into dir, which must exist, and returns the file that
// `go build -overlay` takes. dir may serve one bug alone. An edit whose text does not stand in the source exactly once is an error:
// the source has moved on, and the bug has to follow it.
func Overlay(root, dir, name string) (file string, err error) {
	b, err := read(name)
	if err != nil {
		return "", err
	}
	if root, err = filepath.Abs(root); err != nil {
		return "", fmt.Errorf("plant %s: %w", name, err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", fmt.Errorf("plant %s: %w", name, err)
	}
	texts := map[string]string{}
	for _, e := range b.edits {
		text, ok := texts[e.file]
		if !ok {
			raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.file)))
			if err != nil {
				return "", fmt.Errorf("plant %s: %w", name, err)
			}
			text = string(raw)
		}
		if texts[e.file], err = e.apply(text); err != nil {
			return "", fmt.Errorf("plant %s: %w", name, err)
		}
	}
	replace := map[string]string{}
	for path, text := range texts {
		to := filepath.Join(dir, strconv.Itoa(len(replace))+"-"+filepath.Base(path))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("plant %s: %w", name, err)
		}
		replace[filepath.Join(root, filepath.FromSlash(path))] = to
	}
	out, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("plant %s: %w", name, err)
	}
	file = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, out, 0o600); err != nil {
		return "", fmt.Errorf("plant %s: %w", name, err)
	}
	return file, nil
}
