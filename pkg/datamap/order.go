package datamap

import (
	"slices"
	"strings"
)

// constraint says that before is erased earlier than the rows it is listed for.
type constraint struct {
	before *Rows
	why    string
}

// sortErasure fills Order and Cycles. Rows that refer go before rows that are deleted, whether or not the reference is followed
// for this person: the database checks it either way. A detached reference is null by then and asks for nothing, nor does one
// from a collection to itself: one statement deletes both sides.
func (s *Subject) sortErasure() {
	s.after = map[*Rows][]constraint{}
	for _, r := range s.Rows {
		for _, j := range s.System.joins[r.Collection] {
			if to, ok := s.Of(j.To); ok {
				s.refers(r, to, j)
			}
		}
		for _, a := range r.Collection.eraseAfter {
			for _, o := range s.Rows {
				if o != r && a.text == o.Collection.Dataset.Key+"."+o.Collection.Name {
					s.after[r] = append(s.after[r], constraint{o, "erase_after says so"})
				}
			}
		}
	}
	s.Cycles = s.cycles()
	left := slices.Clone(s.Rows)
	slices.Reverse(left) // what is found last is erased first, where nothing else decides
	for len(left) > 0 {
		i := slices.IndexFunc(left, func(r *Rows) bool {
			return !slices.ContainsFunc(s.after[r], func(c constraint) bool { return slices.Contains(left, c.before) })
		})
		if i < 0 { // a circle: no order is right in it
			i = s.closest(left)
		}
		s.Order = append(s.Order, left[i])
		left = slices.Delete(left, i, i+1)
	}
}

// closest returns the index of a member of a circle that waits for nothing but its circle.
func (s *Subject) closest(left []*Rows) int {
	best, least := 0, len(left)+1
	for i, r := range left {
		waits := s.waits(r, left)
		if slices.Contains(waits, r) && len(waits) < least {
			best, least = i, len(waits)
		}
	}
	return best
}

// waits returns what is left of what r waits for, directly or not; r itself where it stands in a circle.
func (s *Subject) waits(r *Rows, left []*Rows) []*Rows {
	var out []*Rows
	todo := []*Rows{r}
	for len(todo) > 0 {
		r, todo = todo[0], todo[1:]
		for _, c := range s.after[r] {
			if slices.Contains(left, c.before) && !slices.Contains(out, c.before) {
				out = append(out, c.before)
				todo = append(todo, c.before)
			}
		}
	}
	return out
}

func (s *Subject) refers(from, to *Rows, j Join) {
	child, parent := to, from
	if j.Parent {
		child, parent = from, to
	}
	if child == parent || parent.Policy != Delete || slices.ContainsFunc(j.Referring(), s.detaches) {
		return
	}
	s.after[parent] = append(s.after[parent], constraint{child, "its rows refer to " + parent.Collection.Label})
}

func (s *Subject) detaches(f *Field) bool {
	return slices.ContainsFunc(s.Detach, func(d Detach) bool { return d.Field == f })
}

// cycles returns one circle of labels for every group of collections that wait for each other.
func (s *Subject) cycles() [][]string {
	var out [][]string
	done := map[*Rows]bool{}
	for _, r := range s.Rows {
		if done[r] {
			continue
		}
		path := s.circle(r, r, nil, map[*Rows]bool{})
		if path == nil {
			continue
		}
		var labels []string
		for _, p := range path {
			done[p] = true
			labels = append(labels, p.Collection.Label)
		}
		out = append(out, labels)
	}
	return out
}

// circle returns the collections on a way from r back to start along what they wait for, nil where there is none.
func (s *Subject) circle(start, r *Rows, path []*Rows, seen map[*Rows]bool) []*Rows {
	seen[r] = true
	path = append(path, r)
	for _, c := range s.after[r] {
		if c.before == start {
			return path
		}
		if !seen[c.before] {
			if found := s.circle(start, c.before, path, seen); found != nil {
				return found
			}
		}
	}
	return nil
}

func cycleText(labels []string) string {
	return strings.Join(append(slices.Clone(labels), labels[0]), " → ")
}
