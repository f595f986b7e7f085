package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// closed builds the chain of a search. Where references form a circle over several tables, which no single statement can follow,
// what the last sets of the circle lead back to is added to the search until nothing is new.
func closed(ctx context.Context, q runner, p *plan, s search) (*chain, error) {
	seen := map[string]bool{}
	for {
		c, err := newChain(p, s)
		if err != nil {
			return nil, err
		}
		if err := c.stage(ctx, q); err != nil {
			return nil, err
		}
		circled, err := c.circle(ctx, q, s, seen)
		if err != nil {
			return nil, err
		}
		spelt, err := c.spelt(ctx, q, &s, seen)
		if err != nil {
			return nil, err
		}
		if !circled && !spelt {
			return c, nil
		}
	}
}

// circle adds to a search the rows that lead back to earlier sets; it says whether there were new ones.
func (c *chain) circle(ctx context.Context, q reader, s search, seen map[string]bool) (grew bool, err error) {
	p := c.p
	if !p.circle {
		return false, nil
	}
	for _, r := range p.sets {
		if !p.leadsBack(r) {
			continue
		}
		cols := make([]string, len(r.links))
		for i, col := range r.links {
			cols[i] = p.d.freeze("x."+r.column(col), col)
		}
		l := s.reached[r]
		if l.columns == nil {
			l = newList(len(r.links))
		}
		var d int
		values := make([]*string, len(r.links))
		dest := []any{&d}
		for i := range values {
			dest = append(dest, &values[i])
		}
		err := q.read(ctx, func(row scanner) error {
			if err := row.Scan(dest...); err != nil {
				return err
			}
			if key := rowText(r.name, d, values); !seen[key] {
				seen[key], grew = true, true
				l.add(d, values...)
			}
			return nil
		}, c.with()+fmt.Sprintf("SELECT DISTINCT x.d, %s FROM c%d AS x WHERE x.s = 0", strings.Join(cols, ", "), c.index(r)), c.args...)
		if err != nil {
			return false, failed("follow the references of "+r.label(), err)
		}
		s.reached[r] = l
	}
	return grew, nil
}

// spelt adds to a search the rows that hold the same identifier as a row that was found, in a spelling that SQL cannot compare.
func (c *chain) spelt(ctx context.Context, q reader, s *search, seen map[string]bool) (grew bool, err error) {
	p := c.p
	for _, to := range p.sets {
		for n, v := range to.vias {
			if !byUnicode(v.identity) {
				continue
			}
			from := c.source(len(p.sets), v.from)
			held := "f." + v.from.column(v.on[0].from)
			want := map[string][]int{}
			err := q.read(ctx, func(row scanner) error {
				var d int
				var value string
				if err := row.Scan(&d, &value); err != nil {
					return err
				}
				value = v.means(value)
				if key := rowText(fmt.Sprintf("%s over %d", to.name, n), d, []*string{&value}); value != "" && !seen[key] {
					seen[key] = true
					want[value] = append(want[value], d)
				}
				return nil
			}, c.with()+fmt.Sprintf("SELECT DISTINCT f.d, %s FROM %s WHERE %s", p.d.text(held), from, p.unclear(v.identity, held)), c.args...)
			if err != nil {
				return false, failed("follow the identifiers of "+v.from.label(), err)
			}
			keys, err := p.spelt(ctx, q, to, v.on[0].to, v.identity, want)
			if err != nil {
				return false, err
			}
			if keys.len() == 0 {
				continue
			}
			of := seeded{set: to, entry: entry{kind: v.identity, col: v.on[0].to}, seeds: seeds{values: newList(1), keys: keys}, role: theirs}
			if !v.minted {
				of.role = contact
			}
			s.seeds = append(s.seeds, of)
			grew = true
		}
	}
	return grew, nil
}

// leadsBack reports whether an earlier set is found from r.
func (p *plan) leadsBack(r *rowset) bool {
	n := slices.Index(p.sets, r)
	for _, to := range p.sets[:n] {
		if slices.ContainsFunc(to.vias, func(v *via) bool { return v.from == r }) {
			return true
		}
	}
	return false
}

func rowText(name string, d int, values []*string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", name, d)
	for _, v := range values {
		if v == nil {
			b.WriteString(" -")
			continue
		}
		fmt.Fprintf(&b, " %q", *v)
	}
	return b.String()
}
