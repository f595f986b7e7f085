package sql

import (
	"context"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// lookThrough searches every row of the columns of free text.
func (l *look) lookThrough(ctx context.Context, p *plan, members []int) error {
	if len(p.texts) == 0 {
		return nil
	}
	known, unsearched, err := knownOf(l.ds, members, nil)
	if err != nil {
		return err
	}
	for _, x := range p.texts {
		for d, kinds := range unsearched {
			l.text(d, x).unsearched = kinds
		}
		err := x.read(ctx, live{l.tx}, p, known, p.tableName(x.table)+" AS t", "", func(d int, f finding, n int64) { l.text(d, x).finds[f] += n })
		if err != nil {
			return err
		}
	}
	return nil
}

// textual is what a look says of the free text of one table.
type textual struct {
	finds      finds
	unsearched []string
}

func (l *look) text(d int, x *freeText) *textual {
	k := tallyKey{d, x}
	if l.texts[k] == nil {
		l.texts[k] = &textual{finds: finds{}}
	}
	return l.texts[k]
}

// textLines adds what the free text holds to the lines of the collections, which it makes where the person has no rows there.
func (l *look) textLines(lines []dsr.Collection, p *plan, d int) []dsr.Collection {
	for _, x := range p.texts {
		line := lookLine(x.coll.Label, x.coll.Categories(), true, 0, 0)
		line.Method = "search"
		t := l.text(d, x)
		t.finds.say(&line, "any row")
		sayUnsearched(&line, t.unsearched)
		lines = merge(lines, line)
	}
	return lines
}
