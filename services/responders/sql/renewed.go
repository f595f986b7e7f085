package sql

import (
	"context"
	"fmt"
)

// A person who was erased and signs up anew is somebody whom nobody asked to erase. In later rounds a person's own row counts
// only if it carries a key from before the erasure: one that the first act remembered, or an identifier that a system minted for
// one registration. A row of the person's own that merely holds the same e-mail address is a new registration, and with it
// whatever else in the system is found by that address alone: it is left.

func (p *plan) newTable() string { return fmt.Sprintf("lethe_%d_new", p.n) }

// contact reports whether anything in the plan is found by what a person brings along.
func (p *plan) contact() bool {
	for _, r := range p.sets {
		if r.rows.Root {
			continue
		}
		for _, e := range r.entries {
			if !e.minted {
				return true
			}
		}
		for _, v := range r.vias {
			if v.identity != "" && !v.minted {
				return true
			}
		}
	}
	return false
}

// renewed lists, in a temporary table, the dispatches of later rounds whose person signed up anew.
func (b *batch) renewed(ctx context.Context, p *plan, later []int) error {
	if len(later) == 0 || !p.contact() {
		return nil
	}
	const doing = "look for people who signed up anew"
	name := p.newTable()
	if _, err := b.exec(ctx, doing, p.d.temporary(name, "SELECT 0 AS d WHERE 1 = 0", nil)); err != nil {
		return err
	}
	b.temps = append(b.temps, name)
	b.newRows[p] = true
	for _, r := range p.sets {
		for _, e := range r.entries {
			if !r.rows.Root || e.minted {
				continue
			}
			s, err := p.seedsOf(ctx, b.db, r, e, b.ds, later)
			if err != nil {
				return err
			}
			old := "1 = 1"
			if b.made[r] {
				old = fmt.Sprintf("NOT EXISTS (SELECT 1 FROM %s AS x WHERE x.d = i.d AND x.g = 0 AND %s)", p.d.temporaryName(r.name), r.sameKey("x", "t"))
			}
			for _, from := range []struct {
				text string
				list list
			}{{r.byValue(e, 1), s.values}, {r.byKey(1), s.keys}} {
				if from.list.len() == 0 {
					continue
				}
				args, err := p.d.listArgs(from.list)
				if err != nil {
					return err
				}
				query := fmt.Sprintf("INSERT INTO %s SELECT DISTINCT i.d FROM %s WHERE %s", p.d.temporaryName(name), from.text, old)
				if _, err := b.exec(ctx, doing, query, args...); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// contacts finds, in later rounds, rows that are not a person's own by what the person brings along, unless they signed up anew.
func (b *batch) contacts(ctx context.Context, r *rowset, later []int) error {
	if r.rows.Root || len(later) == 0 {
		return nil
	}
	for _, e := range r.entries {
		if e.minted {
			continue
		}
		who, err := b.notRenewed(ctx, r.p, later)
		if err != nil {
			return err
		}
		if err := b.addEntry(ctx, r, e, who); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) notRenewed(ctx context.Context, p *plan, later []int) ([]int, error) {
	anew := map[int]bool{}
	err := b.db.read(ctx, func(row scanner) error {
		var d int
		if err := row.Scan(&d); err != nil {
			return err
		}
		anew[d] = true
		return nil
	}, "SELECT DISTINCT d FROM "+p.d.temporaryName(p.newTable()))
	if err != nil {
		return nil, failed("look for people who signed up anew", err)
	}
	var out []int
	for _, d := range later {
		if !anew[d] {
			out = append(out, d)
		}
	}
	return out, nil
}
