package sql

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// expression is one common table expression of a chain.
type expression struct {
	name   string
	query  string
	shared bool // others use it
	staged bool // it stands in a temporary table
}

// with is the beginning of every statement of the chain.
func (c *chain) with() string {
	var out []string
	for _, e := range c.ctes {
		how := ""
		if e.shared {
			how = c.p.d.materialised()
		}
		if !e.staged {
			out = append(out, fmt.Sprintf("%s AS %s(%s)", e.name, how, e.query))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "WITH RECURSIVE " + strings.Join(out, ",\n") + "\n"
}

// stage puts what several expressions use into temporary tables, where the database wants that; those of an earlier chain of the transaction are
// replaced. unstage removes them.
func (c *chain) stage(ctx context.Context, q runner) error {
	if !c.p.d.staged() {
		return nil
	}
	for i := range c.ctes {
		e := &c.ctes[i]
		if !e.shared && !c.mentioned(e.name) {
			continue
		}
		if err := c.drop(ctx, q, e.name); err != nil {
			return err
		}
		query := fmt.Sprintf("WITH RECURSIVE %[1]s AS (%[2]s) SELECT * FROM %[1]s", e.name, e.query)
		if _, err := q.exec(ctx, c.p.d.temporary(e.name, query, nil), c.args...); err != nil {
			return failed("collect the rows of a search", err)
		}
		e.staged = true
	}
	return nil
}

// mentioned reports whether a later expression uses one, if only to leave out what it holds.
func (c *chain) mentioned(name string) bool {
	word := regexp.MustCompile(`\b` + name + `\b`)
	return slices.ContainsFunc(c.ctes, func(o expression) bool { return o.name != name && word.MatchString(o.query) })
}

// unstage removes the tables of stage: a connection goes back to a pool. After an error a rollback removes them.
func (c *chain) unstage(ctx context.Context, q runner) error {
	for i := range c.ctes {
		if e := &c.ctes[i]; e.staged {
			if err := c.drop(ctx, q, e.name); err != nil {
				return err
			}
			e.staged = false
		}
	}
	return nil
}

func (c *chain) drop(ctx context.Context, q runner, name string) error {
	_, err := q.exec(ctx, "DROP TABLE IF EXISTS "+c.p.d.temporaryName(name))
	return failed("drop a temporary table", err)
}
