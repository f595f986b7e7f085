package datamap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file of the data map. Lines and columns count from 1, columns in characters.
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String returns file:line:column, as compilers write it.
func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

func (p Pos) compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Error is one thing that is wrong in the files of a data map.
type Error struct {
	Pos Pos
	Msg string
}

// Error returns file:line:column: message.
func (e *Error) Error() string { return e.Pos.String() + ": " + e.Msg }

// Errors is everything that is wrong in the files of a data map, by file, line and column.
type Errors []*Error

// Error returns one line for each error.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find each [Error].
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// collector gathers errors, so that a person sees all of them at once.
type collector struct{ errs Errors }

func (c *collector) add(p Pos, format string, args ...any) {
	c.errs = append(c.errs, &Error{Pos: p, Msg: fmt.Sprintf(format, args...)})
}

// err returns nil or [Errors], sorted and without repetitions: an alias is read at every place where it is used.
func (c *collector) err() error {
	if len(c.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(c.errs, func(a, b *Error) int { return cmp.Or(a.Pos.compare(b.Pos), cmp.Compare(a.Msg, b.Msg)) })
	return slices.CompactFunc(c.errs, func(a, b *Error) bool { return *a == *b })
}
