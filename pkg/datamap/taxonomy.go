package datamap

import (
	_ "embed"
	"slices"
	"strings"
)

// The keys of Fideslang's default taxonomy, one a line, with where they come from.
var (
	//go:embed taxonomy/data_categories.txt
	categoryKeys string
	//go:embed taxonomy/data_uses.txt
	useKeys string
)

// keys returns the lines that are not comments.
func keys(text string) []string {
	return slices.DeleteFunc(strings.Fields(stripComments(text)), func(s string) bool { return s == "" })
}

func stripComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}
