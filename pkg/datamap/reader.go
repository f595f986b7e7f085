package datamap

import (
	"slices"
	"strconv"
	"strings"
)

// reader turns nodes into values and reports every one that has the wrong type.
type reader struct{ errs *collector }

// object is a mapping that is being read; what names it in errors.
type object struct {
	r    *reader
	n    *node
	what string
}

// mapping reports what is not a mapping. A nil node (an absent key) gives false without a report.
func (r *reader) mapping(n *node, what string) (object, bool) {
	if n == nil {
		return object{}, false
	}
	if n.kind != mappingNode {
		r.wrong(n, what, "a mapping")
		return object{}, false
	}
	return object{r, n, what}, true
}

func (r *reader) wrong(n *node, what, want string) {
	r.errs.add(n.pos, "%s: want %s, found %s", what, want, n.kind)
}

// list returns the items of a list; a nil node gives none.
func (r *reader) list(n *node, what string) []*node {
	if n == nil {
		return nil
	}
	if n.kind != listNode {
		r.wrong(n, what, "a list")
		return nil
	}
	return n.items
}

// text accepts numbers too, as Fideslang does for names and keys.
func (r *reader) text(n *node, what string) string {
	if n == nil {
		return ""
	}
	if n.kind != textNode && n.kind != numberNode {
		r.wrong(n, what, "text")
		return ""
	}
	if strings.ContainsRune(n.text, 0) {
		r.errs.add(n.pos, "%s: holds a NUL character", what)
		return ""
	}
	return n.text
}

// boolean accepts the words that Fideslang's reader takes for true and false.
func (r *reader) boolean(n *node, what string) bool {
	if n == nil {
		return false
	}
	switch strings.ToLower(n.text) {
	case "true", "yes", "on", "y", "t", "1":
		return true
	case "false", "no", "off", "n", "f", "0":
		return false
	}
	r.wrong(n, what, "true or false")
	return false
}

func (r *reader) positive(n *node, what string) int {
	if n == nil {
		return 0
	}
	v, err := strconv.Atoi(n.text)
	if (n.kind != numberNode && n.kind != textNode) || err != nil || v <= 0 {
		r.errs.add(n.pos, "%s: want a whole number above 0", what)
		return 0
	}
	return v
}

// fidesKey reads a key as Fideslang spells them.
func (r *reader) fidesKey(n *node, what string) string {
	s := r.text(n, what)
	if n == nil || s == "" {
		return s
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_.<>-", c) {
			r.errs.add(n.pos, "%s: %q is no Fideslang key: letters, digits and _ . < > - are allowed", what, s)
			return ""
		}
	}
	return s
}

func (r *reader) fidesKeys(n *node, what string) []string {
	var out []string
	for _, item := range r.list(n, what) {
		if s := r.fidesKey(item, what); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// at returns the value of a key, nil where it is absent.
func (o object) at(key string) *node {
	for _, p := range o.n.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// opt returns the value of a key, nil where it is absent or nothing, which Fideslang does not tell apart.
func (o object) opt(key string) *node {
	if n := o.at(key); n != nil && n.kind != nullNode {
		return n
	}
	return nil
}

// need reports a key that is absent or nothing.
func (o object) need(key string) *node {
	n := o.opt(key)
	if n == nil {
		o.r.errs.add(o.n.pos, "%s: %s is missing", o.what, key)
	}
	return n
}

func (o object) name(key string) string { return o.what + ": " + key }

// native reports keys of ours where Fideslang would accept and silently drop them.
func (o object) native() {
	for _, p := range o.n.pairs {
		if strings.HasPrefix(p.key, prefix) {
			o.r.errs.add(p.pos, "%s: %s stands only in the meta of a dataset or of a system", o.what, p.key)
		}
	}
}

// only reports every key but the known ones.
func (o object) only(known ...string) {
	for _, p := range o.n.pairs {
		if !slices.Contains(known, p.key) {
			o.r.errs.add(p.pos, "%s: unknown key %q (known: %s)", o.what, p.key, strings.Join(known, ", "))
		}
	}
}

// names joins words for a message: a, b or c.
func names(words ...string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
