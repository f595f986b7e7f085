package sql

import (
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// Rows that are found because they hold the same identifier as a person's row are the person's only where it is one. What stands in a column
// in the place of an identifier (nothing, a dash, "n/a", the constant by which the map masks it) stands in the rows of many people, and would
// make all of them one.

// fewestDigits is how many digits a telephone number has at least.
const fewestDigits = 4

// stoodFor lists the constants by which the map masks the two fields of a join.
func stoodFor(j datamap.Join) []string {
	var out []string
	for _, p := range j.On {
		for _, f := range []*datamap.Field{p.From, p.To} {
			if c, ok := constantOf(f); ok && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// constantOf is what the map puts in the place of every value of a field.
func constantOf(f *datamap.Field) (string, bool) {
	if f.Mask == nil || f.Mask.Strategy != datamap.StringRewrite {
		return "", false
	}
	return f.Mask.Value, true
}

// somebodys is true where an expression of the column that a way over an identifier starts from holds one. Every way by which nobody's
// is followed in Go ([via.means]) has its own.
func (v *via) somebodys(expr string) string {
	d := v.to.p.d
	var out []string
	if v.on[0].from.class == text {
		out = append(out, "TRIM("+d.text(expr)+") <> ''")
		if folded(v.identity) {
			out = append(out, d.text(expr)+" LIKE '%_@_%'")
		}
	}
	for _, c := range v.nobodys {
		out = append(out, d.text(expr)+" <> "+d.literal(c))
	}
	return strings.Join(out, " AND ")
}

// means is the identifier that a value stands for, in its normal form; empty: it stands for none.
func (v *via) means(value string) string {
	n := normalised(v.identity, value)
	if spelled(v.identity) && len(strings.TrimPrefix(n, "+")) < fewestDigits {
		return ""
	}
	for _, c := range v.nobodys {
		if n == normalised(v.identity, c) {
			return ""
		}
	}
	return n
}
