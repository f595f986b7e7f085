package datamap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Step is one thing that a request does in a system, in words, at its place in the order.
type Step struct {
	Subject    string   `json:"subject"`    // kind of subject
	Action     string   `json:"action"`     // find, detach, delete, anonymise, keep, refuse, export or withhold
	Collection string   `json:"collection"` // label
	How        []string `json:"how,omitempty"`
	Why        []string `json:"why,omitempty"`
	Ground     *Ground  `json:"-"` // of what is kept or masked
}

// String returns the step on one line.
func (s Step) String() string {
	line := s.Action + " " + s.Collection
	if len(s.How) > 0 {
		line += ": " + strings.Join(s.How, "; ")
	}
	if len(s.Why) > 0 {
		line += " (" + strings.Join(s.Why, "; ") + ")"
	}
	return line
}

// Explain says what a request of this kind does in a system, step by step, and why in this order. The empty capacity means
// every kind of subject there. It fails with [ErrUnknownSystem], or with [ErrUnknownCapacity] for a kind of subject that the
// system does not hold.
func (m *Map) Explain(system string, request dsr.Kind, capacity string) ([]Step, error) {
	s, ok := m.System(system)
	if !ok {
		return nil, fmt.Errorf("system %q: %w", system, ErrUnknownSystem)
	}
	if !request.Valid() {
		return nil, fmt.Errorf("explain system %q: a request is %s, not %q", system, names(string(dsr.Erasure), string(dsr.Portability), string(dsr.Access)), request)
	}
	subjects := s.of(capacity)
	if len(subjects) == 0 {
		return nil, fmt.Errorf("capacity %q in system %q: %w", capacity, system, ErrUnknownCapacity)
	}
	var out []Step
	for _, sub := range subjects {
		for _, r := range sub.Rows {
			out = append(out, sub.find(r))
		}
		if request.Exports() {
			for _, r := range sub.Rows {
				out = append(out, sub.export(r))
			}
			continue
		}
		for _, d := range sub.Detach {
			out = append(out, sub.cut(d))
		}
		for _, r := range sub.Order {
			out = append(out, sub.erase(r))
		}
	}
	return out, nil
}

func (s *Subject) find(r *Rows) Step {
	st := s.step("find", r)
	for _, e := range r.Entries {
		st.How = append(st.How, e.Field.Label()+" = "+e.Kind)
	}
	if r.Root {
		st.Why = append(st.Why, "the person's own row")
	} else if len(r.Entries) > 0 {
		st.Why = append(st.Why, "holds an identifier of the person")
	}
	for _, j := range r.Via {
		st.How = append(st.How, j.String())
		why := "its rows refer to " + j.From.Label
		switch {
		case j.Identity != "":
			why = "holds the same " + j.Identity + " as " + j.From.Label
		case j.Parent:
			why = j.From.Label + " refers to it"
		}
		if j.Recursive {
			why += ", repeated until nothing new is found"
		}
		st.Why = append(st.Why, why)
	}
	return st
}

func (s *Subject) step(action string, r *Rows) Step {
	return Step{Subject: s.Kind, Action: action, Collection: r.Collection.Label}
}

func (s *Subject) export(r *Rows) Step {
	st := s.step("export", r)
	if !r.Export {
		st.Action, st.Why = "withhold", []string{keyExport + " leaves it out"}
		return st
	}
	if len(r.Exclude) > 0 {
		st.How = []string{"without " + paths(r.Exclude)}
	}
	return st
}

func (s *Subject) cut(d Detach) Step {
	return Step{
		Subject: s.Kind, Action: detach, Collection: d.Join.To.Label,
		How: []string{"set " + d.Field.Path + " to null where " + d.Join.String()},
		Why: []string{"the rows need not be the person's, they refer to " + d.Join.From.Label, "first, so that nothing refers to rows that are deleted"},
	}
}

func (s *Subject) erase(r *Rows) Step {
	st := s.step(string(r.Policy), r)
	switch r.Policy {
	case Anonymise:
		for _, f := range r.Masked() {
			st.How = append(st.How, f.Path+": "+f.Mask.String())
		}
		st.Ground = r.Ground
	case Keep:
		st.Ground = r.Ground
	case "":
		st.Action = "refuse"
		st.Why = append(st.Why, keyErase+" does not say what to do")
	}
	for _, o := range s.Rows {
		for _, c := range s.after[o] {
			if why := "before " + o.Collection.Label + ": " + c.why; c.before == r && !slices.Contains(st.Why, why) {
				st.Why = append(st.Why, why)
			}
		}
	}
	if slices.ContainsFunc(r.Via, func(j Join) bool { return j.Parent }) {
		st.Why = append(st.Why, string(r.Shared)+" where another person's rows refer to it too")
	}
	if g := st.Ground; g != nil {
		st.Why = append(st.Why, strings.TrimSuffix(g.Article+", "+g.Law, ", "))
	}
	return st
}

// String says what a value becomes.
func (m *Mask) String() string {
	switch m.Strategy {
	case NullRewrite:
		return "null"
	case StringRewrite:
		return fmt.Sprintf("%q", m.Value)
	case RandomStringRewrite:
		return fmt.Sprintf("%d random characters", m.Length)
	case HMAC:
		return "a keyed hash"
	}
	return "as it is"
}
