package sql

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// mask is what a column's value becomes. A masked value is known by its form, so that a second erasure finds nothing to do and
// a look can tell it from what the application wrote since. Null stays null under every mask.
type mask struct {
	col      *column
	in       *column // where in the document that the column holds; nil: all of the column
	strategy string
	value    string // of a string_rewrite
	prefix   string // of a random or hashed value
	digits   int    // hexadecimal ones after the prefix
	pos      datamap.Pos
	label    string // goes into the hash: the same value in two columns gives two hashes
}

const (
	randomPrefix = "erased-"
	shortPrefix  = "~" // where there is no room for more: no value begins like this
	hashPrefix   = "hmac-"
	// leastDigits make 64 bits: two of a billion rows get the same value with a chance of 3 %, which a UNIQUE column reports.
	leastDigits = 16
)

// masks reads what the map says into what the columns can take.
func (b *planner) masks(r *rowset) {
	if r.rows.Policy != datamap.Anonymise && !r.sharedMasked() {
		return
	}
	for _, f := range r.rows.Masked() {
		if f.Path != f.Name {
			b.maskInside(r, f)
			continue
		}
		c := b.column(f, "a mask")
		if c == nil {
			continue
		}
		m := mask{col: c, strategy: f.Mask.Strategy, value: f.Mask.Value, pos: f.Mask.Pos, label: f.Label()}
		if b.fits(r, f, &m) {
			r.masks = append(r.masks, m)
		}
	}
}

func (b *planner) fits(r *rowset, f *datamap.Field, m *mask) bool {
	c, label, pos := m.col, f.Label(), f.Mask.Pos
	before := len(b.problems)
	switch {
	case c.computed:
		b.at(pos, "%s is a generated column: it cannot be masked", label)
	case slices.Contains(r.table.primaryKey, c):
		b.at(pos, "%s is part of the primary key: it cannot be masked", label)
	}
	only, together := r.apart(b, c) // a constant would be the value of two rows
	prefix := 0                     // a unique index that looks at the beginning alone
	for _, u := range r.table.uniques {
		if u.prefix > 0 && u.columns[0] == c && (prefix == 0 || u.prefix < prefix) {
			prefix = u.prefix
		}
	}
	limit := c.length
	if f.Length > 0 && (limit == 0 || f.Length < limit) {
		limit = f.Length
	}
	if m.strategy == datamap.NullRewrite && !c.nullable {
		b.at(pos, "%s is NOT NULL: null_rewrite cannot be carried out", label)
	}
	if only != nil {
		b.distinct(m, only, together)
	}
	b.shape(f, m, limit)
	if m.strategy == datamap.RandomStringRewrite || m.strategy == datamap.HMAC {
		b.textOnly(m, label)
	}
	switch few := prefix > 0 && prefix-len(m.prefix) < leastDigits; {
	case few && m.strategy == datamap.RandomStringRewrite:
		b.at(f.Pos, "%s is UNIQUE in its first %d characters: too few of them would be random to keep it so", label, prefix)
	case few && m.strategy == datamap.HMAC:
		b.at(f.Pos, "%s is UNIQUE in its first %d characters: a keyed hash would not keep it so", label, prefix)
	}
	if m.strategy == datamap.RandomStringRewrite && only != nil && m.digits < leastDigits {
		b.at(pos, "%s is UNIQUE: %d random characters are too few to keep it so, it takes %d", label, len(m.prefix)+m.digits, len(shortPrefix)+leastDigits)
	}
	return len(b.problems) == before
}

// distinct demands that a mask gives no two rows the same value, where u keeps such out.
func (b *planner) distinct(m *mask, u *unique, together string) {
	switch {
	case m.strategy == datamap.NullRewrite && !u.nulls:
		b.at(m.pos, "%s is UNIQUE NULLS NOT DISTINCT%s: null_rewrite would give two rows the same value", m.label, together)
	case m.strategy == datamap.StringRewrite && u.excludes:
		b.at(m.pos, "%s is part of the exclusion constraint %s: string_rewrite could give two rows values that exclude each other; use null_rewrite", m.label, u.name)
	case m.strategy == datamap.StringRewrite:
		b.at(m.pos, "%s is UNIQUE%s: string_rewrite would give two rows the same value; use random_string_rewrite", m.label, together)
	}
}

// shape settles how long a mask's value is, and demands that it fits into so many characters; 0: no limit.
func (b *planner) shape(f *datamap.Field, m *mask, limit int) {
	switch m.strategy {
	case datamap.StringRewrite:
		if n := len([]rune(m.value)); limit > 0 && n > limit {
			b.at(m.pos, "%s takes %d characters, the value of its string_rewrite has %d", m.label, limit, n)
		}
	case datamap.RandomStringRewrite:
		n := f.Mask.Length
		if limit > 0 && n > limit {
			n = limit
		}
		m.prefix = randomPrefix
		if n < len(randomPrefix)+leastDigits {
			m.prefix = shortPrefix
		}
		m.digits = n - len(m.prefix)
	case datamap.HMAC:
		n := len(hashPrefix) + 2*sha256.Size
		if limit > 0 && n > limit {
			n = limit
		}
		m.prefix, m.digits = hashPrefix, n-len(hashPrefix)
		if m.digits < leastDigits {
			b.at(m.pos, "%s takes %d characters: a keyed hash needs %d", m.label, limit, len(hashPrefix)+leastDigits)
		}
	}
}

// apart returns a unique index that nothing but the column keeps unique among masked rows, and how the others in it are called: none
// of the others gets a value of its own, and they are no key without it.
func (r *rowset) apart(b *planner, c *column) (*unique, string) {
	for i := range r.table.uniques {
		u := &r.table.uniques[i]
		if !slices.Contains(u.columns, c) {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(u.columns), func(o *column) bool { return o == c })
		own := slices.ContainsFunc(r.rows.Masked(), func(f *datamap.Field) bool {
			if f.Path != f.Name || !slices.Contains(others, b.column(f, "a mask")) {
				return false
			}
			return f.Mask.Strategy == datamap.RandomStringRewrite || f.Mask.Strategy == datamap.HMAC || f.Mask.Strategy == datamap.NullRewrite && u.nulls
		})
		switch {
		case own, r.table.distinct(others):
		case len(others) == 0:
			return u, ""
		default:
			return u, " together with " + names(others)
		}
	}
	return nil, ""
}

func (b *planner) textOnly(m *mask, label string) {
	if m.col.class != text {
		b.at(m.pos, "%s has type %s: %s is for text", label, m.col.typ, m.strategy)
	}
}

// bare is true where the column holds a value that is not masked yet.
func (m *mask) bare(d dialect, expr string) string {
	if m.in != nil {
		return m.bareInside(d, expr)
	}
	switch m.strategy {
	case datamap.NullRewrite:
		return expr + " IS NOT NULL"
	case datamap.StringRewrite:
		return "(" + expr + " IS NOT NULL AND " + d.differs(expr, m.col, m.value) + ")"
	}
	return "(" + expr + " IS NOT NULL AND NOT (" + d.shaped(expr, m.prefix, m.digits) + "))"
}

// becomes is the value that SQL writes; a keyed hash is computed outside of the database, which never sees the key.
func (m *mask) becomes(d dialect, expr string) string {
	v := "NULL"
	switch m.strategy {
	case datamap.StringRewrite:
		v = d.constant(m.value, m.col)
	case datamap.RandomStringRewrite:
		v = d.concat(d.literal(m.prefix), d.random(m.digits))
	}
	if m.strategy == datamap.NullRewrite {
		return v
	}
	return "CASE WHEN " + expr + " IS NOT NULL THEN " + v + " END"
}

func (m *mask) hashed() bool { return m.strategy == datamap.HMAC }

// written reports whether the value is made here and not by SQL: of a keyed hash, whose key never goes to the database, and of a
// document.
func (m *mask) written() bool { return m.hashed() || m.in != nil }

// hash is the keyed hash of a value.
func (m *mask) hash(key []byte, value string) string {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s\x00%s", m.label, value)
	return m.prefix + hex.EncodeToString(h.Sum(nil))[:m.digits]
}

// isHash reports whether a value has the form of a keyed hash already.
func (m *mask) isHash(value string) bool {
	digits, ok := strings.CutPrefix(value, m.prefix)
	return ok && len(digits) == m.digits && strings.Trim(digits, "0123456789abcdef") == ""
}

// bareFlag is 1 for a row with anything left to mask. A bare condition would be estimated by the database from its statistics, which
// know nothing of what was masked since: a plan for one row then runs over all.
func (r *rowset) bareFlag(alias string) string {
	return "CASE WHEN " + r.bareRow(alias) + " THEN 1 ELSE 0 END"
}

// bareRow is true for a row with anything left to mask.
func (r *rowset) bareRow(alias string) string {
	var out []string
	for _, form := range []bool{false, true} { // what takes a pattern to compare, or a document to open, comes last
		for i := range r.masks {
			if m := &r.masks[i]; (m.prefix != "" || m.in != nil) == form {
				out = append(out, m.bare(r.p.d, alias+"."+r.p.d.quote(m.col.name)))
			}
		}
	}
	return strings.Join(out, " OR ")
}
