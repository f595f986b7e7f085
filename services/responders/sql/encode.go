package sql

import (
	"bytes"
	"encoding/json"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// encoder makes a line of a row.
type encoder struct {
	d       dialect
	fields  []*datamap.Field
	cols    []*column
	exclude []*datamap.Field
	values  []any
	buf     bytes.Buffer
}

// line makes a JSON object of a row.
func (e *encoder) line(row scanner) ([]byte, error) {
	values, err := e.read(row)
	if err != nil {
		return nil, err
	}
	e.buf.Reset()
	e.buf.WriteByte('{')
	for i, f := range e.fields {
		if i > 0 {
			e.buf.WriteByte(',')
		}
		name, err := json.Marshal(f.Name)
		if err != nil {
			return nil, err
		}
		e.buf.Write(name)
		e.buf.WriteByte(':')
		e.buf.Write(values[i])
	}
	e.buf.WriteByte('}')
	return e.buf.Bytes(), nil
}

// row makes a record of CSV of a row, without the end of the line.
func (e *encoder) row(row scanner) ([]byte, error) {
	values, err := e.read(row)
	if err != nil {
		return nil, err
	}
	var out []byte
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
	return out, nil
}

// read gives the values of a row as JSON.
func (e *encoder) read(row scanner) ([][]byte, error) {
	if e.values == nil {
		e.values = make([]any, len(e.cols))
	}
	dest := make([]any, len(e.cols))
	for i := range dest {
		dest[i] = &e.values[i]
	}
	if err := row.Scan(dest...); err != nil {
		return nil, err
	}
	out := make([][]byte, len(e.fields))
	for i, f := range e.fields {
		value, err := e.d.encode(e.values[i], e.cols[i])
		if err == nil {
			value, err = without(value, f, e.exclude)
		}
		if err != nil {
			return nil, err
		}
		out[i] = value
	}
	return out, nil
}

// without takes excluded paths out of a document.
func without(doc []byte, f *datamap.Field, exclude []*datamap.Field) ([]byte, error) {
	var inside [][]string
	at := namesOf(f)
	for _, x := range exclude {
		if path := namesOf(x); x.Collection == f.Collection && len(path) > len(at) && within(path, at) {
			inside = append(inside, path[len(at):])
		}
	}
	if len(inside) == 0 {
		return doc, nil
	}
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
