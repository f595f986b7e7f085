package sql_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// TestALargePersonWithSharedRowsIsErasedInChunksAsIfAtOnce: the chunks that see the rows which others share are not the one that writes the answer.
func TestALargePersonWithSharedRowsIsErasedInChunksAsIfAtOnce(t *testing.T) {
	h := readHard(t, "testdata/shapes/rows_behind_many_shared_rows.txt")
	everywhere(t, func(t *testing.T, p place) {
		var answers []responder.Answer
		for _, rows := range []int{0, 2} {
			at := newPlace(t, p.dialect)
			w := h.filled(t, at)
			cfg := w.config(at.parse(t, h.yaml(p.dialect)))
			cfg.ChunkRows = rows
			s, err := sql.New(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			d := ask(dsr.Act, 1, email("anna@example.org"))
			d.RequestID = "00000000-0000-4000-8000-000000000001"
			got, chunks, err := inChunks(t.Context(), s, []responder.Dispatch{d})
			if err != nil {
				t.Fatal(err)
			}
			if chunked := chunks >= 3; chunked != (rows > 0) {
				t.Errorf("chunks of %d rows: erased in %d", rows, chunks)
			}
			answers = append(answers, got...)
		}
		byKey := cmpopts.SortSlices(func(a, b responder.RowKey) bool { return a.Collection+a.Value < b.Collection+b.Value })
		if d := cmp.Diff(answers[0], answers[1], byKey); d != "" {
			t.Errorf("the answer (-at once +in chunks):\n%s", d)
		}
		for _, c := range answers[1].Collections {
			if c.Name == "posts" && c.Outcome != dsr.NotSearched {
				t.Errorf("posts are %s (%s)", c.Outcome, c.Note)
			}
		}
	})
}
