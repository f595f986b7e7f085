package event

import "strconv"

// maxDepth is how deep records nest in one another; parseSchema demands it of every schema.
const maxDepth = 4

// trail is the way from the record of a message to the one at hand, for the paths in errors.
type trail struct {
	steps [maxDepth]step
	depth int
}

type step struct {
	field string // of the record around it
	index int    // which item of an array it is; noItem for a record by itself
}

const noItem = -1

func (t *trail) enter(field string, index int) {
	t.steps[t.depth] = step{field: field, index: index}
	t.depth++
}

// path names a field of the record at hand from the outermost one on.
func (t *trail) path(field string) string {
	p := ""
	for _, s := range t.steps[:t.depth] {
		p += s.field
		if s.index != noItem {
			p += "[" + strconv.Itoa(s.index) + "]"
		}
		p += "."
	}
	return p + field
}
