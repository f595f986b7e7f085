package sql

import (
	"bytes"
	"encoding/json"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// encoder makes a line of a row. What it returns is valid until the next one.
type encoder struct {
	d      dialect
	fields []*datamap.Field
	cols   []*column
	names  [][]byte     // of each field, as JSON
	inside [][][]string // of each field, the paths in its document that are left out

	values []any    // of the row
	dest   []any    // pointers to them
	out    [][]byte // as JSON
	buf    []byte
}

func newEncoder(d dialect, fields []*datamap.Field, cols []*column, exclude []*datamap.Field) (*encoder, error) {
	n := len(fields)
	e := &encoder{
		d: d, fields: fields, cols: cols, names: make([][]byte, n), inside: make([][][]string, n),
		values: make([]any, n), dest: make([]any, n), out: make([][]byte, n),
	}
	for i, f := range fields {
		name, err := json.Marshal(f.Name)
		if err != nil {
			return nil, err
		}
		e.names[i], e.inside[i], e.dest[i] = name, pathsInside(f, exclude), &e.values[i]
	}
	return e, nil
}

// line makes a JSON object of a row.
func (e *encoder) line(row scanner) ([]byte, error) {
	values, err := e.read(row)
	if err != nil {
		return nil, err
	}
	e.buf = append(e.buf[:0], '{')
	for i, v := range values {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(append(append(e.buf, e.names[i]...), ':'), v...)
	}
	e.buf = append(e.buf, '}')
	return e.buf, nil
}

// row makes a record of CSV of a row, without the end of the line.
func (e *encoder) row(row scanner) ([]byte, error) {
	values, err := e.read(row)
	if err != nil {
		return nil, err
	}
	out := e.buf[:0]
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		switch text, isText := unquoted(v); {
		case isText:
			out = responder.Quoted(out, text)
		case v[0] == '{' || v[0] == '[':
			out = responder.Quoted(out, string(v))
		case string(v) != "null":
			out = append(out, v...)
		}
	}
	e.buf = out
	return out, nil
}

// read gives the values of a row as JSON.
func (e *encoder) read(row scanner) ([][]byte, error) {
	if err := row.Scan(e.dest...); err != nil {
		return nil, err
	}
	for i, f := range e.fields {
		value, err := e.d.encode(e.out[i][:0], e.values[i], e.cols[i])
		if err == nil && len(e.inside[i]) > 0 {
			value, err = without(value, f, e.inside[i])
		}
		if err != nil {
			return nil, err
		}
		e.out[i] = value
	}
	return e.out, nil
}

// pathsInside are the excluded paths inside of a field's document.
func pathsInside(f *datamap.Field, exclude []*datamap.Field) [][]string {
	var inside [][]string
	at := namesOf(f)
	for _, x := range exclude {
		if path := namesOf(x); x.Collection == f.Collection && len(path) > len(at) && within(path, at) {
			inside = append(inside, path[len(at):])
		}
	}
	return inside
}

// without takes paths out of a document.
func without(doc []byte, f *datamap.Field, inside [][]string) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, ownErrorf("field %s is no document", f.Path)
	}
	for _, path := range inside {
		remove(v, path)
	}
	return json.Marshal(v)
}

func remove(v any, path []string) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			remove(item, path)
		}
	case map[string]any:
		if len(path) == 1 {
			delete(v, path[0])
			return
		}
		remove(v[path[0]], path[1:])
	}
}

// compact appends a document of JSON without white space.
func compact(to []byte, doc string) ([]byte, error) {
	b := bytes.NewBuffer(to)
	if err := json.Compact(b, []byte(doc)); err != nil {
		return nil, ownErrorf("a document of %d bytes is no JSON", len(doc))
	}
	return b.Bytes(), nil
}

// appendJSON appends a value that always has JSON, unless its type has none.
func appendJSON(to []byte, v any) ([]byte, error) {
	doc, err := json.Marshal(v)
	return append(to, doc...), err
}
