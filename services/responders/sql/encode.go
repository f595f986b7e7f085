package sql

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// encoder makes a line of JSON of a row.
type encoder struct {
	d       dialect
	fields  []*datamap.Field
	cols    []*column
	exclude []*datamap.Field
	values  []any
	buf     bytes.Buffer
}

func (e *encoder) line(row scanner) ([]byte, error) {
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
		value, err := e.d.encode(e.values[i], e.cols[i])
		if err == nil {
			value, err = without(value, f, e.exclude)
		}
		if err != nil {
			return nil, err
		}
		e.buf.Write(name)
		e.buf.WriteByte(':')
		e.buf.Write(value)
	}
	e.buf.WriteByte('}')
	return e.buf.Bytes(), nil
}

// without takes excluded paths out of a document.
func without(doc []byte, f *datamap.Field, exclude []*datamap.Field) ([]byte, error) {
	var inside []string
	for _, x := range exclude {
		if rest, ok := strings.CutPrefix(x.Path, f.Path+"."); ok && x.Collection == f.Collection {
			inside = append(inside, rest)
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
		remove(v, strings.Split(path, "."))
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
