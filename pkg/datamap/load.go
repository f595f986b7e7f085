package datamap

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is one file of a data map. Name stands in errors and findings.
type File struct {
	Name string
	Data []byte
}

// Load reads a company's data map from files and from directories, of which it takes every *.yml and *.yaml below, hidden
// ones excepted. It returns [Errors] where the files could be read and are wrong.
func Load(paths ...string) (*Map, error) {
	var files []File
	var errs []error
	for _, p := range paths {
		found, err := find(p)
		if err != nil {
			errs = append(errs, fmt.Errorf("read data map: %w", err))
		}
		for _, name := range found {
			data, err := os.ReadFile(name)
			if err != nil {
				errs = append(errs, fmt.Errorf("read data map: %w", err))
				continue
			}
			files = append(files, File{name, data})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read data map: no file in %s", strings.Join(paths, ", "))
	}
	return Parse(files...)
}

func find(root string) ([]string, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{root}, nil
	}
	var out []string
	err = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p != root && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
		case !e.IsDir() && slices.Contains([]string{".yml", ".yaml"}, filepath.Ext(p)): // a link to a file is fine: so Kubernetes mounts them
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

// Hash is the SHA-256 of a data map, by which requests, acknowledgements and records name it. It covers the bytes of the files as
// they are; the names of the files and their order do not count. Of a single file it is the SHA-256 of the file; of several,
// that of their digests as lines of lower-case hexadecimal, sorted:
//
//	sha256sum map/*.yml | cut -c1-64 | LC_ALL=C sort | sha256sum
func Hash(files ...File) [sha256.Size]byte {
	if len(files) == 1 {
		return sha256.Sum256(files[0].Data)
	}
	lines := make([]string, len(files))
	for i, f := range files {
		sum := sha256.Sum256(f.Data)
		lines[i] = hex.EncodeToString(sum[:]) + "\n"
	}
	slices.Sort(lines)
	return sha256.Sum256([]byte(strings.Join(lines, "")))
}

// Parse reads a company's data map from the contents of its files. On failure it returns [Errors]: all of them.
func Parse(files ...File) (*Map, error) {
	if len(files) == 0 {
		return nil, Errors{{Pos{"", 1, 1}, "the data map has no files"}}
	}
	errs := &collector{}
	l := linker{errs: errs, m: &Map{SHA256: Hash(files...)}}
	for _, f := range files {
		if i := slices.IndexFunc(files, func(g File) bool { return bytes.Equal(f.Data, g.Data) }); files[i].Name != f.Name {
			errs.add(Pos{f.Name, 1, 1}, "the same file as %s", files[i].Name)
			continue
		}
		l.read(f)
	}
	if len(errs.errs) == 0 && len(l.datasets)+len(l.systems) == 0 {
		errs.add(Pos{files[0].Name, 1, 1}, "the data map has neither a dataset nor a system")
	}
	l.link()
	if err := errs.err(); err != nil {
		return nil, err
	}
	return l.m, nil
}

// topLevel is what Fideslang takes at the top of a file; it refuses everything else, and so a misspelt dataset.
var topLevel = []string{"data_category", "data_subject", "data_use", "dataset", "evaluation", "organization", "policy", "system"}

func (l *linker) read(f File) {
	r := &reader{l.errs}
	o, ok := r.mapping(parseTree(f, l.errs), "data map")
	if !ok {
		return
	}
	o.only(topLevel...)
	for _, item := range r.list(o.opt("dataset"), "dataset") {
		if d := r.dataset(item); d != nil {
			l.datasets = append(l.datasets, d)
		}
	}
	for _, item := range r.list(o.opt("system"), "system") {
		if s := r.system(item); s != nil {
			l.systems = append(l.systems, s)
		}
	}
	own := func(key string) (out []string) { // the company's additions to the taxonomy
		for _, item := range r.list(o.opt(key), key) {
			if e, ok := r.mapping(item, key); ok {
				out = append(out, r.fidesKey(e.need("fides_key"), key+": fides_key"))
			}
		}
		return out
	}
	l.m.ownCategories = append(l.m.ownCategories, own("data_category")...)
	l.m.ownUses = append(l.m.ownUses, own("data_use")...)
}
