package plant

import (
	"fmt"
	"strings"
)

// bug is what a file under bugs says: prose, then edits.
type bug struct {
	about string
	edits []edit
}

// edit replaces whole lines of one file.
type edit struct {
	file     string
	old, new string // with their ends of line
}

func read(name string) (bug, error) {
	raw, err := bugs.ReadFile("bugs/" + name + ".patch")
	if err != nil {
		return bug{}, fmt.Errorf("plant: no bug is called %q", name)
	}
	b, err := parse(string(raw))
	if err != nil {
		return b, fmt.Errorf("plant %s: %w", name, err)
	}
	return b, nil
}

// parse reads the format, a patch without numbers of lines:
//
//	What is wrong, in a sentence or two.
//	@@ path/from/the/root.go
//	 a line that stays
//	-a line that goes
//	+a line that comes
//
// Lines that stay and lines that go are looked for together. An empty line stays. A file may be edited more than once.
func parse(text string) (bug, error) {
	var b bug
	var about []string
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		path, begins := strings.CutPrefix(line, "@@ ")
		switch {
		case begins:
			b.edits = append(b.edits, edit{file: path})
			continue
		case len(b.edits) == 0:
			about = append(about, line)
			continue
		}
		e := &b.edits[len(b.edits)-1]
		switch {
		case line == "":
			e.old, e.new = e.old+"\n", e.new+"\n"
		case line[0] == ' ':
			e.old, e.new = e.old+line[1:]+"\n", e.new+line[1:]+"\n"
		case line[0] == '-':
			e.old += line[1:] + "\n"
		case line[0] == '+':
			e.new += line[1:] + "\n"
		default:
			return b, fmt.Errorf("line %d begins with neither a blank, nor -, nor +", n+1)
		}
	}
	b.about = strings.Join(about, " ")
	if b.about == "" || len(b.edits) == 0 {
		return b, fmt.Errorf("there are %d edits, and %d lines that say what is wrong", len(b.edits), len(about))
	}
	for _, e := range b.edits {
		if e.old == "" || e.old == e.new {
			return b, fmt.Errorf("an edit of %s looks for nothing, or changes nothing", e.file)
		}
	}
	return b, nil
}

func (e edit) apply(text string) (string, error) {
	// Whole lines: what is looked for must not begin in the middle of one.
	n, rest := 0, "\n"+text
	for at := strings.Index(rest, "\n"+e.old); at >= 0; at = strings.Index(rest, "\n"+e.old) {
		n, rest = n+1, rest[at+1:]
	}
	if n != 1 {
		first, _, _ := strings.Cut(strings.TrimLeft(e.old, "\t\n"), "\n")
		return "", fmt.Errorf("the lines of %s that begin with %q stand there %d times, not once", e.file, first, n)
	}
	return strings.TrimPrefix(strings.Replace("\n"+text, "\n"+e.old, "\n"+e.new, 1), "\n"), nil
}
