package sql

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// layout is the data map as it was laid over one state of the catalogue.
type layout struct {
	print    string // of the catalogue, as far as plans depend on it
	cat      *catalogue
	plans    []*plan                   // by kind of subject; without meaning while there are problems
	problems []problem                 // why nothing can be worked
	seen     atomic.Pointer[time.Time] // when the catalogue was last seen to be this one
}

// lay reads the catalogue through q, in one transaction if what changes meanwhile is to be noticed later, and lays the map over it.
// What does not fit is no error: it stands among the problems.
func (s *System) lay(ctx context.Context, q runner) (*layout, error) {
	b := &planner{d: s.d, system: s.system}
	for _, f := range s.cfg.Map.Check() {
		if f.System == s.cfg.System && f.Severity == datamap.SeverityError {
			b.problems = append(b.problems, problem{pos: f.Pos, text: f.String(), offline: true})
		}
	}
	l := &layout{}
	var err error
	// The print comes first: a change between it and the rest is noticed by the next print, one after it would not be.
	if l.print, err = s.print(ctx, q); err != nil {
		return nil, err
	}
	if b.cat, err = readCatalogue(ctx, q, s.d, s.tables()); err != nil {
		return nil, err
	}
	l.cat = b.cat
	if err := b.generated(ctx, q); err != nil {
		return nil, err
	}
	b.exists()
	if err := b.visible(ctx, q); err != nil {
		return nil, err
	}
	for n, sub := range s.system.Subjects {
		p := b.plan(sub, n)
		if p == nil {
			continue
		}
		if err := b.values(ctx, q, p); err != nil {
			return nil, err
		}
		l.plans = append(l.plans, p)
	}
	if err := b.constraints(ctx, q, l.plans); err != nil {
		return nil, err
	}
	if len(b.problems) == 0 {
		lacking, err := s.d.lacking(ctx, q, l.rights())
		if err != nil {
			return nil, failed("read the rights of the role", err)
		}
		for _, r := range lacking {
			b.problems = append(b.problems, problem{pos: r.pos, text: fmt.Sprintf("this role lacks the right %s", r), right: true})
		}
	}
	l.problems = b.problems
	return l, nil
}

// tables names the tables that plans are made of.
func (s *System) tables() []tableName {
	var out []tableName
	for col := range s.system.Collections() {
		if col.Source == nil && !col.Skip {
			out = append(out, nameOf(s.d, col))
		}
	}
	return out
}

// print asks for the fingerprint of every table that the map names, those that it skips included: that one of these is there, and
// under this name, is what makes a foreign key from it a known one.
func (s *System) print(ctx context.Context, q reader) (string, error) {
	var names []tableName
	for col := range s.system.Collections() {
		if col.Source == nil {
			names = append(names, nameOf(s.d, col))
		}
	}
	print, err := s.d.fingerprint(ctx, q, names)
	return print, failed("look whether the catalogue is still the same", err)
}
