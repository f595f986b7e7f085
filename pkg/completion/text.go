package completion

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	textWidth = 100
	indent    = "  "
	gap       = "  "
)

func writeText(out io.Writer, pg *page) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "%s   %s\n", pg.Title, strings.ToUpper(pg.Result))
	wrap(w, indent, strings.Join(pg.Facts, " · ")) // only the title and the headings begin a line
	for _, s := range pg.Banners {
		wrap(w, "! ", s)
	}
	for i := range pg.Sections {
		s := &pg.Sections[i]
		fmt.Fprintf(w, "\n%s\n", s.Heading)
		for _, p := range s.Paras {
			wrap(w, indent, p.text())
		}
		if s.Table != nil {
			writeTable(w, s.Table)
		}
		for _, p := range s.Notes {
			wrap(w, indent, "("+p.text()+")")
		}
		for k, p := range s.Items {
			mark := "- "
			if s.Numbers {
				mark = fmt.Sprintf("%d. ", k+1)
			}
			wrap(w, indent+mark, p.text())
		}
	}
	return w.Flush()
}

func (p para) text() string {
	var b strings.Builder
	for _, s := range p {
		b.WriteString(s.Text)
	}
	return b.String()
}

// wrap writes words after first, breaking between words; what follows the first line hangs under them.
func wrap(w *bufio.Writer, first, text string) {
	hang := strings.Repeat(" ", utf8.RuneCountInString(first))
	for i, line := range fold(text, textWidth-len(hang)) {
		if i > 0 {
			first = hang
		}
		fmt.Fprintln(w, first+line)
	}
}

// writeTable sets a table; where it would be too wide, words of its widest columns go into further lines.
func writeTable(w *bufio.Writer, t *table) {
	head := make([]string, len(t.Columns))
	width := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = c.Name
		width[i] = utf8.RuneCountInString(c.Name)
		for _, row := range t.Rows {
			width[i] = max(width[i], utf8.RuneCountInString(row[i]))
		}
	}
	narrow(t, width)
	for _, row := range append([][]string{head}, t.Rows...) {
		writeRow(w, t, width, row)
	}
}

// narrow makes the widest columns of words narrower until the table fits, but none so narrow that it is hard to read.
func narrow(t *table, width []int) {
	const least = 12
	for {
		total, widest := len(indent), -1
		for i := range width {
			total += width[i] + len(gap)
			if !t.Columns[i].Number && (widest < 0 || width[i] > width[widest]) {
				widest = i
			}
		}
		if total-len(gap) <= textWidth || widest < 0 || width[widest] <= least {
			return
		}
		width[widest]--
	}
}

func writeRow(w *bufio.Writer, t *table, width []int, row []string) {
	cells := make([][]string, len(row))
	lines := 1
	for i, cell := range row {
		cells[i] = fold(cell, width[i])
		lines = max(lines, len(cells[i]))
	}
	for n := range lines {
		var b strings.Builder
		for i := range cells {
			cell := ""
			if n < len(cells[i]) {
				cell = cells[i][n]
			}
			pad := strings.Repeat(" ", max(0, width[i]-utf8.RuneCountInString(cell)))
			if i > 0 {
				b.WriteString(gap)
			}
			if t.Columns[i].Number {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(indent+b.String(), " "))
	}
}

// fold breaks words into lines of a width; a longer word stands alone.
func fold(text string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		if n := len(lines) - 1; n >= 0 && utf8.RuneCountInString(lines[n])+1+utf8.RuneCountInString(word) <= width {
			lines[n] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}
