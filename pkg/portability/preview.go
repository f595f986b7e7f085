package portability

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// The page shows the first records of each collection. All of it together is bounded, whatever the data.
const (
	previewRecords  = 5
	previewPart     = 32 << 10 // bytes looked at of one part
	maxPreviewBytes = 1 << 20  // of all parts
	previewCell     = 200      // runes shown of one value
	previewName     = 60       // runes shown of the name of a field
	previewColumns  = 12
)

// previews are the first records of the parts.
type previews struct {
	left  int
	views []*preview
}

// preview is the beginning of one part while it passes by.
type preview struct {
	file File
	head []byte
	most int
}

// Write keeps the beginning.
func (v *preview) Write(b []byte) (int, error) {
	if room := v.most - len(v.head); room > 0 {
		v.head = append(v.head, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

func (p *previews) begin(f File) *preview {
	v := &preview{file: f}
	if records(f.MediaType) {
		v.most = min(previewPart, p.left)
	}
	return v
}

func (p *previews) end(v *preview) {
	p.left -= len(v.head)
	p.views = append(p.views, v)
}

// table is a preview as rows and columns; without columns there is nothing that can be shown as a table.
type table struct {
	Columns []string
	Rows    [][]string
	More    int64 // records that are not shown
	Fields  int   // fields that are not shown
}

func (v *preview) table() table {
	if v.file.MediaType == csvTable {
		return v.csvTable()
	}
	var t table
	var records []map[string]json.RawMessage
	for line := range bytes.Lines(v.head) {
		if len(records) == previewRecords || line[len(line)-1] != '\n' {
			break
		}
		r, fields, ok := record(line)
		if !ok {
			break
		}
		records = append(records, r)
		for _, k := range fields {
			if !slices.Contains(t.Columns, k) {
				t.Columns = append(t.Columns, k)
			}
		}
	}
	if n := len(t.Columns); n > previewColumns {
		t.Columns, t.Fields = t.Columns[:previewColumns], n-previewColumns
	}
	for _, r := range records {
		row := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			row[i] = cell(r[c])
		}
		t.Rows = append(t.Rows, row)
	}
	t.More = v.file.Records - int64(len(t.Rows))
	for i, c := range t.Columns {
		t.Columns[i] = shown(c, previewName)
	}
	return t
}

// csvTable is table for a part of CSV.
func (v *preview) csvTable() table {
	var t table
	in := csv.NewReader(bytes.NewReader(v.head))
	in.ReuseRecord = false
	for len(t.Rows) < previewRecords {
		row, err := in.Read()
		if at := in.InputOffset(); err != nil || at == 0 || v.head[at-1] != '\n' { // the rest of it did not pass by
			break
		}
		if n := len(row); n > previewColumns {
			row, t.Fields = row[:previewColumns], n-previewColumns
		}
		if t.Columns == nil {
			for _, name := range row {
				t.Columns = append(t.Columns, shown(name, previewName))
			}
			continue
		}
		for i := range row {
			row[i] = shown(row[i], previewCell)
		}
		t.Rows = append(t.Rows, row)
	}
	t.More = v.file.Records - int64(len(t.Rows))
	return t
}

// record reads a JSON object and the order of its fields, which says more to a person than the alphabet.
func record(line []byte) (values map[string]json.RawMessage, fields []string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, false
	}
	values = map[string]json.RawMessage{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, nil, false
		}
		name, _ := k.(string) // names are texts, or the decoder had failed
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, nil, false
		}
		values[name] = v
		fields = append(fields, name)
	}
	return values, fields, true
}

// cell shows a value: text without quotes, nothing for null, everything else as it is.
func cell(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil { // null leaves it empty
		s = string(raw)
	}
	return shown(s, previewCell)
}

// shown is the beginning of a text without what could make it look like another: control characters and those that change the
// direction of writing. The file has the text as it is.
func shown(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + " …"
	}
	return s
}
