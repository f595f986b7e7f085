package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration. It never holds the value of a secret.
type Problem struct {
	Place string // file:line:column, or the environment variable; empty where something is missing
	Name  string // of the setting; empty where the trouble is not one setting's
	Text  string

	line, column int // for order
}

func (p Problem) String() string {
	out := p.Text
	if p.Name != "" {
		out = p.Name + " " + out
	}
	if p.Place != "" {
		out = p.Place + ": " + out
	}
	return out
}

// Error is every problem of a configuration: those of the file in its order, then those of the environment, then what is missing.
type Error struct{ Problems []Problem }

func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "configuration: " + e.Problems[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "configuration has %d problems:", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  ")
		b.WriteString(p.String())
	}
	return b.String()
}

// problems collects.
type problems struct{ list []Problem }

func (ps *problems) add(at place, name, format string, args ...any) {
	ps.list = append(ps.list, Problem{Place: at.String(), Name: name, Text: fmt.Sprintf(format, args...), line: at.line, column: at.column})
}

func (ps *problems) err() error {
	if len(ps.list) == 0 {
		return nil
	}
	rank := func(p Problem) int {
		switch {
		case p.line > 0:
			return 0
		case p.Place != "":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(ps.list, func(a, b Problem) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		if d := a.line - b.line; d != 0 {
			return d
		}
		return a.column - b.column
	})
	return &Error{Problems: ps.list}
}

// place is where a value came from.
type place struct {
	source       string // the file, the environment variable, or empty
	line, column int    // of a file
}

func (p place) String() string {
	if p.line == 0 {
		return p.source
	}
	return fmt.Sprintf("%s:%d:%d", p.source, p.line, p.column)
}
