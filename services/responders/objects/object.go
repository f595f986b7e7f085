package objects

import (
	"context"
	"io/fs"
	"os"
	slashed "path"
	"path/filepath"
	"slices"
	"strings"
)

// assignment is what the names of one person's objects are made of.
type assignment struct {
	d    int
	role role
	name string // the prefix of the objects
}

// assignments puts values into the template of a set of whole objects, in every combination that the person's values allow.
// unnamed lists dispatches with a value that cannot stand in a name.
func (q *search) assignments(r *set) (out []assignment, unnamed map[int]bool) {
	unnamed = map[int]bool{}
	fields := r.source.Prefix.Fields()
	values := map[int]map[role][]map[string]string{}
	for _, m := range q.found[r] {
		for t, ds := range m.who {
			parts := strings.Split(t, "\x00")
			v := map[string]string{}
			for i, p := range m.at {
				if i < len(parts) {
					v[p.String()] = parts[i]
				}
			}
			for _, d := range ds {
				if m.role == contact && q.renewed[d] {
					continue
				}
				if values[d] == nil {
					values[d] = map[role][]map[string]string{}
				}
				values[d][m.role] = append(values[d][m.role], v)
			}
		}
	}
	for _, d := range q.members {
		for _, as := range []role{theirs, contact, anew} {
			for _, v := range combine(fields, values[d][as]) {
				name, err := r.source.Prefix.Expand(func(f string) (string, bool) { s, ok := v[f]; return s, ok })
				if err != nil {
					unnamed[d] = true
					continue
				}
				a := assignment{d, as, name}
				if !slices.ContainsFunc(out, func(o assignment) bool { return o.d == d && o.name == name }) {
					out = append(out, a)
				}
			}
		}
	}
	return out, unnamed
}

// combine returns every way to fill all fields with the values at hand.
func combine(fields []string, from []map[string]string) []map[string]string {
	out := []map[string]string{{}}
	for _, f := range unique(fields) {
		var filled []map[string]string
		for _, have := range out {
			for _, v := range from {
				s, ok := v[f]
				if !ok || len(filled) >= mostTuples {
					continue
				}
				next := map[string]string{f: s}
				for k, s := range have {
					next[k] = s
				}
				if !slices.ContainsFunc(filled, func(o map[string]string) bool { return same(o, next) }) {
					filled = append(filled, next)
				}
			}
		}
		out = filled
	}
	return out
}

func same(a, b map[string]string) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

func unique(ss []string) []string {
	var out []string
	for _, s := range ss {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// owned is one person's objects, or several people's who share a prefix.
type owned struct {
	name string
	ds   []int // in order
	came []int // dispatches whose person signed up anew
}

// owners groups assignments by prefix, in the order of the first dispatch.
func owners(as []assignment) []owned {
	var out []owned
	for _, a := range as {
		i := slices.IndexFunc(out, func(o owned) bool { return o.name == a.name })
		if i < 0 {
			i = len(out)
			out = append(out, owned{name: a.name})
		}
		if a.role == anew {
			out[i].came = insert(out[i].came, a.d)
		} else {
			out[i].ds = insert(out[i].ds, a.d)
		}
	}
	for i := range out {
		out[i].came = slices.DeleteFunc(out[i].came, func(d int) bool { return slices.Contains(out[i].ds, d) })
	}
	return out
}

// under lists the objects below a prefix.
func (s *System) under(ctx context.Context, label, prefix string) ([]file, error) {
	return s.files(ctx, label, prefix, func(string) bool { return true })
}

// prune removes the directories that an erasure left empty below a prefix, and those of the prefix itself down to what all
// people's objects have in common: their names may name a person. What is not empty stays, whoever wrote there meanwhile.
func (s *System) prune(r *set, prefix string) {
	if s.cfg.Dir == "" {
		return
	}
	common := slashed.Clean(slashed.Dir(r.source.Prefix.Literal() + "x"))
	top := slashed.Clean(slashed.Dir(prefix + "x"))
	var dirs []string
	_ = filepath.WalkDir(filepath.Join(s.cfg.Dir, filepath.FromSlash(top)), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && top != common {
			dirs = append(dirs, p)
		}
		return nil // what cannot be read stays
	})
	for _, d := range slices.Backward(dirs) {
		_ = os.Remove(d) // not empty: it stays
	}
	for dir := slashed.Dir(top); top != common && dir != common && dir != "." && dir != "/"; dir = slashed.Dir(dir) {
		if os.Remove(filepath.Join(s.cfg.Dir, filepath.FromSlash(dir))) != nil {
			return
		}
	}
}
