package sql_test

import (
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestRowsThatNoIdentifierAtHandNamesAreNotCalledErased: whoever is asked about by number alone has the comments by number erased, and those that
// an address alone names were not looked for. The table of addresses needs none: each address belongs to a number.
func TestRowsThatNoIdentifierAtHandNamesAreNotCalledErased(t *testing.T) {
	h := readHard(t, "testdata/shapes/rows_that_only_an_address_names.txt")
	const why = "rows that name the person by email alone are not searched: none is at hand"
	everywhere(t, func(t *testing.T, p place) {
		w := h.filled(t, p)
		s := w.system(p.parse(t, h.yaml(p.dialect)))
		number := func(v string) dsr.Identifier { return dsr.Identifier{Kind: "user_id", Value: v} }
		for _, tt := range []struct {
			name   string
			kind   dsr.Kind
			by     []dsr.Identifier
			others dsr.Outcome // of users and emails
			open   bool        // the comments are not searched
			found  int64       // of these
		}{
			{"nobody", dsr.Access, []dsr.Identifier{number("9")}, dsr.NotFound, true, 0},
			{"by_number", dsr.Access, []dsr.Identifier{number("1")}, dsr.Exported, true, 1},
			{"by_both", dsr.Access, []dsr.Identifier{number("1"), email("anna@example.org")}, dsr.Exported, false, 2},
			{"nobody_erased", dsr.Erasure, []dsr.Identifier{number("9")}, dsr.NotFound, true, 0},
			{"erased_by_number", dsr.Erasure, []dsr.Identifier{number("1")}, dsr.Erased, true, 1},
		} {
			d := ask(dsr.Act, 1, tt.by...)
			d.Kind = tt.kind
			var lines []dsr.Collection
			if tt.kind == dsr.Erasure {
				lines = erase(t, s, d)[0].Collections
			} else {
				_, a := export(t, s, d)
				lines = a.Collections
			}
			for _, c := range lines {
				switch open := c.Outcome == dsr.NotSearched && c.Note == why; {
				case c.Name == "comments" && (open != tt.open || c.Counts.Found != tt.found), c.Name != "comments" && (c.Outcome != tt.others || c.Note != ""):
					t.Errorf("%s: %s is %s, %d found (%s)", tt.name, c.Name, c.Outcome, c.Counts.Found, c.Note)
				}
			}
		}
	})
}
