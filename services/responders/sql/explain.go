package sql

import (
	"context"
	"fmt"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Explain returns the statements that a request about a person of this kind runs, in order, without running any: what it would do if
// every table held something of theirs, save the count of rows that people share. They are those of the plan at hand, before the catalogue is looked at again. It fails with
// [datamap.ErrUnknownCapacity].
func (s *System) Explain(request dsr.Kind, kind string) ([]string, error) {
	now := *s
	now.layout = s.watch.at.Load()
	for _, p := range now.plans {
		if p.kind != kind {
			continue
		}
		d := responder.Dispatch{Key: dsr.Key{System: s.cfg.System, Phase: dsr.Act, Round: 1}, Kind: request, Capacity: kind}
		for _, r := range p.sets {
			for _, e := range r.entries {
				d.Identifiers = append(d.Identifiers, dsr.Identifier{Kind: e.kind, Value: "1"})
			}
		}
		dry := &recorder{seen: map[string]bool{}}
		if request.Exports() {
			return explainExport(dry, p, d)
		}
		if _, err := now.work(context.Background(), dry, []responder.Dispatch{d}); err != nil {
			return nil, err
		}
		return dry.statements, nil
	}
	return nil, fmt.Errorf("explain a request for %s of %q in system %q: %w", request, kind, s.cfg.System, datamap.ErrUnknownCapacity)
}

func explainExport(dry *recorder, p *plan, d responder.Dispatch) ([]string, error) {
	ctx := context.Background()
	start, err := firstSearch(ctx, dry, p, []responder.Dispatch{d}, []int{0}, true)
	if err != nil {
		return nil, err
	}
	c, err := closed(ctx, dry, p, start)
	if err != nil {
		return nil, err
	}
	e := &export{d: d, p: p, c: c}
	out := dry.statements
	if query := e.countQuery(); query != "" {
		out = append(out, query)
	}
	for n, r := range p.sets {
		fields := e.fields(r)
		if !r.rows.Export || len(fields) == 0 {
			continue
		}
		query, _, err := e.streamQuery(n, r, fields)
		if err != nil {
			return nil, err
		}
		out = append(out, query)
	}
	return out, nil
}

// recorder notes statements instead of running them. Each changes a row, and each query finds one when it is asked first.
type recorder struct {
	statements []string
	seen       map[string]bool
}

func (r *recorder) read(_ context.Context, scan func(scanner) error, query string, _ ...any) error {
	if r.seen[query] {
		return nil
	}
	r.seen[query] = true
	r.statements = append(r.statements, query)
	return scan(made{})
}

func (r *recorder) exec(_ context.Context, query string, _ ...any) (int64, error) {
	if !r.seen[query] { // what is repeated until nothing is new is told once
		r.seen[query] = true
		r.statements = append(r.statements, query)
		return 1, nil
	}
	return 0, nil
}

// made is a row of the first dispatch, with something to mask.
type made struct{}

func (made) Scan(dest ...any) error {
	for i, v := range dest {
		switch v := v.(type) {
		case *int:
			*v = 0
			if i == 2 { // d, s, m
				*v = 1
			}
		case *int64:
			*v = 1
		case *string:
			*v = "1"
		case **string:
			one := "1"
			*v = &one
		}
	}
	return nil
}
