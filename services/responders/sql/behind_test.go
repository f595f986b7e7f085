package sql_test

import (
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestWhatHangsOnASharedRowIsNotCalledAbsent: it is nobody's alone and stays, but nobody looked whether it is there.
func TestWhatHangsOnASharedRowIsNotCalledAbsent(t *testing.T) {
	h := readHard(t, "testdata/shapes/rows_behind_a_shared_row.txt")
	everywhere(t, func(t *testing.T, p place) {
		w := p.world(t, h.ddl(p.dialect, p.schema))
		for q := range strings.SplitSeq(h.text("rows", p.dialect), ";\n") {
			w.exec(q)
		}
		s := w.system(p.parse(t, h.yaml(p.dialect)))
		const why = "what hangs on rows of profiles to which rows of other people refer is not searched"
		for who, want := range map[string]dsr.Outcome{"anna@example.org": dsr.NotSearched, "carol@example.org": dsr.Exported} {
			d := ask(dsr.Act, 1, email(who))
			d.Kind = dsr.Access
			parts, a := export(t, s, d)
			for _, c := range a.Collections {
				if c.Name == "posts" && (c.Outcome != want || (c.Note == why) != (want == dsr.NotSearched)) {
					t.Errorf("%s: posts are %s (%s): %s", who, c.Outcome, c.Note, parts["posts"])
				}
			}
		}
		for _, c := range erase(t, s, ask(dsr.Act, 1, email("anna@example.org")))[0].Collections {
			if c.Name == "posts" && (c.Outcome != dsr.NotSearched || c.Note != why) {
				t.Errorf("an erasure says %s (%s) of posts", c.Outcome, c.Note)
			}
		}
		for _, c := range erase(t, s, ask(dsr.Act, 1, email("carol@example.org")))[0].Collections {
			if c.Outcome != dsr.Erased || c.Note != "" {
				t.Errorf("an erasure says %s (%s) of carol's %s", c.Outcome, c.Note, c.Name)
			}
		}
	})
}
