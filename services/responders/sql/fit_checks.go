package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// constraints finds masks that no row could be given, whatever it holds: of those that a CHECK refuses, or a foreign key. Where it is not
// certain nothing is said, and the erasure fails, and is undone. So it is with
//   - a table with a trigger, a rule or tables that inherit from it, for there something else may be written than the mask;
//   - a CHECK that mentions a column that is not masked, or one for which the database has an error instead of an answer;
//   - a CHECK of SQLite, which stands there in the text of the whole table alone;
//   - a constant in a column that refers to a table which the role may not read;
//   - a masked column that a foreign key refers to, for nobody may refer to the row, or no longer when it is masked.
func (b *planner) constraints(ctx context.Context, q runner, plans []*plan) error {
	var of []*table
	for _, p := range plans {
		for _, r := range p.sets {
			if len(r.masks) > 0 && !r.table.rewritten && !slices.Contains(of, r.table) {
				of = append(of, r.table)
			}
		}
	}
	if len(of) == 0 {
		return nil
	}
	checks, err := b.d.readChecks(ctx, q, of)
	if err != nil {
		return failed("read the check constraints", err)
	}
	keys, err := b.d.readReferring(ctx, q, of)
	if err != nil {
		return failed("read the foreign keys of masked columns", err)
	}
	for _, p := range plans {
		for _, r := range p.sets {
			for _, c := range checks {
				if err := b.check(ctx, q, r, c); err != nil {
					return err
				}
			}
			for _, k := range keys {
				if err := b.refers(ctx, q, r, k); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// becoming is what a mask may leave in its column.
type becoming struct {
	expr    string
	written bool // by the mask; else null, which stays null
}

// mostRows bounds how many rows a check is tried with: it may mention many columns, each with or without a value.
const mostRows = 64

// check refuses a mask that a check refuses in every row that the masks may leave, be the other columns null or not.
func (b *planner) check(ctx context.Context, q runner, r *rowset, c check) error {
	if c.table != r.table || len(c.columns) == 0 {
		return nil
	}
	masks, rows := []*mask{}, [][]becoming{{}}
	for _, col := range c.columns {
		m := r.maskOf(col)
		if m == nil {
			return nil
		}
		values, ok := m.leaves(b.d)
		if !ok || len(rows)*len(values) > mostRows {
			return nil
		}
		var longer [][]becoming
		for _, row := range rows {
			for _, v := range values {
				longer = append(longer, append(slices.Clone(row), v))
			}
		}
		masks, rows = append(masks, m), longer
	}
	refused, ok, err := b.tries(ctx, q, c, rows)
	if err != nil || !ok {
		return err
	}
	for i, m := range masks {
		taken := false
		for n, row := range rows {
			taken = taken || row[i].written && !refused[n]
		}
		if !taken {
			others := slices.DeleteFunc(slices.Clone(masks), func(o *mask) bool { return o == m })
			b.at(m.pos, "%s: the check constraint %s refuses %s%s", m.label, c.name, m.writes(), beside(others))
		}
	}
	return nil
}

// tries evaluates the check for each row, and says for which it is false; ok: it could be evaluated.
func (b *planner) tries(ctx context.Context, q runner, c check, rows [][]becoming) (refused []bool, ok bool, err error) {
	number := b.d.quote("lethe row")
	selects := make([]string, len(rows))
	for n, row := range rows {
		cols := []string{fmt.Sprintf("%d AS %s", n, number)}
		for i, v := range row {
			cols = append(cols, v.expr+" AS "+b.d.quote(c.columns[i].name))
		}
		selects[n] = "SELECT " + strings.Join(cols, ", ")
	}
	refused = make([]bool, len(rows))
	unanswered, err := b.probe(ctx, q, "try what masks write against the check constraints", func(s scanner) error {
		var n, is int
		err := s.Scan(&n, &is)
		if err == nil {
			refused[n] = is == 1
		}
		return err
	}, fmt.Sprintf("SELECT %s, CASE WHEN NOT (%s) THEN 1 ELSE 0 END FROM (%s) AS lethe_masks", number, c.expr, strings.Join(selects, " UNION ALL ")))
	return refused, unanswered == nil, err
}

// maskOf is the mask of a whole column, if it has one.
func (r *rowset) maskOf(c *column) *mask {
	i := slices.IndexFunc(r.masks, func(m mask) bool { return m.col == c && m.in == nil })
	if i < 0 {
		return nil
	}
	return &r.masks[i]
}

// leaves lists what may stand in the column afterwards: of random and hashed values two, so that none is judged by chance.
func (m *mask) leaves(d dialect) ([]becoming, bool) {
	value, _, any := m.sample()
	if !any {
		return []becoming{{d.null(m.col), true}}, true
	}
	values := []string{value}
	if m.digits > 0 {
		values = append(values, m.prefix+strings.Repeat("123456789abcdef0", m.digits/16+1)[:m.digits])
	}
	var out []becoming
	for _, v := range values {
		expr, ok := d.stored(v, m.col)
		if !ok {
			return nil, false
		}
		out = append(out, becoming{expr, true})
	}
	if m.col.nullable {
		out = append(out, becoming{d.null(m.col), false})
	}
	return out, true
}

// writes names what the mask writes.
func (m *mask) writes() string {
	if m.strategy == datamap.NullRewrite {
		return "null, which its null_rewrite writes"
	}
	_, what, _ := m.sample()
	return what
}

func beside(others []*mask) string {
	if len(others) == 0 {
		return ""
	}
	labels := make([]string, len(others))
	for i, m := range others {
		labels[i] = m.label
	}
	return ", with what the masks of " + strings.Join(labels, ", ") + " write"
}
