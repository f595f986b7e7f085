package event

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// conversion turns a value in goavro's native form under the writer's schema into the reader's. Nil stands for "as it is".
// It never changes the value it is given: what is written belongs to a form that is filled in again.
type conversion func(v any) (any, *scanError)

// resolve plans the schema resolution of the Avro specification ("Schema Resolution"), once for each pair of schemas: a
// record's fields are matched by name, what the reader does not know is dropped, what the writer did not know takes the
// reader's default, int widens to long, string and bytes turn into each other, unions are resolved branch by branch. There
// are no aliases, enums, maps or floating point in Lethe's schemas. A pair that no value could pass is an error here; one
// that only some values pass gives an error for the others.
func resolve(w, r *schemaNode) (conversion, error) {
	switch {
	case w.kind == avroUnion:
		return resolveFromUnion(w, r)
	case r.kind == avroUnion:
		return resolveIntoUnion(w, r)
	case w.kind == avroRecord && r.kind == avroRecord && w.name == r.name:
		return resolveRecord(w, r)
	case w.kind == avroArray && r.kind == avroArray:
		return resolveArray(w, r)
	}
	return resolvePrimitive(w, r)
}

// resolvePrimitive knows the native forms under wireSchema: text is bytes, an instant is the long that carries it. So only
// the bounds of the reader's type are left to check, as the scanner would.
func resolvePrimitive(w, r *schemaNode) (conversion, error) {
	switch {
	case w.kind == r.kind && w.kind != avroRecord:
		return nil, nil
	case w.kind == avroInt && (r.kind == avroLong || r.kind == avroTimestamp): // a logical type resolves as what carries it
		return func(v any) (any, *scanError) { return int64(v.(int32)), nil }, nil
	case w.kind == avroLong && r.kind == avroTimestamp:
		return func(v any) (any, *scanError) {
			if micros := v.(int64); micros < minMicros || micros > maxMicros {
				return nil, broken(farInstant)
			}
			return v, nil
		}, nil
	case w.kind == avroBytes && r.kind == avroString:
		return func(v any) (any, *scanError) {
			switch b := v.([]byte); {
			case !utf8.Valid(b):
				return nil, broken(notUTF8)
			case bytes.IndexByte(b, 0) >= 0:
				return nil, broken(holdsNUL)
			}
			return v, nil
		}, nil
	case w.kind == avroTimestamp && r.kind == avroLong, w.kind == avroString && r.kind == avroBytes:
		return nil, nil
	}
	return nil, fmt.Errorf("%s cannot be read as %s", w.name, r.name)
}

func resolveRecord(w, r *schemaNode) (conversion, error) {
	written := map[string]*schemaNode{}
	for _, f := range w.fields {
		written[f.name] = f.node
	}
	type step struct {
		name    string
		convert conversion // nil: as it is
	}
	var steps []step
	var defaults []schemaField
	changed := len(w.fields) != len(r.fields)
	for _, f := range r.fields {
		from, ok := written[f.name]
		if !ok {
			if !f.hasDefault {
				return nil, fmt.Errorf("field %s of %s is missing in the writer's schema and has no default", f.name, r.name)
			}
			defaults, changed = append(defaults, f), true
			continue
		}
		convert, err := resolve(from, f.node)
		if err != nil {
			return nil, fmt.Errorf("field %s of %s: %w", f.name, r.name, err)
		}
		steps = append(steps, step{f.name, convert})
		changed = changed || convert != nil
	}
	if !changed {
		return nil, nil
	}
	return func(v any) (any, *scanError) {
		in := v.(map[string]any)
		out := make(map[string]any, len(steps)+len(defaults))
		for _, s := range steps {
			x := in[s.name]
			if s.convert != nil {
				var err *scanError
				if x, err = s.convert(x); err != nil {
					return nil, err.in(s.name)
				}
			}
			out[s.name] = x
		}
		for _, f := range defaults { // null, a number, a text or an empty array: nothing that a reader changes
			out[f.name] = f.def
		}
		return out, nil
	}, nil
}

func resolveArray(w, r *schemaNode) (conversion, error) {
	convert, err := resolve(w.items, r.items)
	if err != nil || convert == nil {
		return nil, err
	}
	return func(v any) (any, *scanError) {
		in := v.([]any)
		out := make([]any, len(in))
		for i, item := range in {
			x, err := convert(item)
			if err != nil {
				return nil, err.in("[" + strconv.Itoa(i) + "]")
			}
			out[i] = x
		}
		return out, nil
	}, nil
}

// resolveIntoUnion takes the first branch of the same type, or else the first that the value can widen to.
func resolveIntoUnion(w, r *schemaNode) (conversion, error) {
	var found *schemaNode
	var convert conversion
	for _, b := range r.branches {
		c, err := resolve(w, b)
		if err != nil {
			continue
		}
		if b.name == w.name {
			found, convert = b, c
			break
		}
		if found == nil {
			found, convert = b, c
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%s fits no branch of the reader's union", w.name)
	}
	if found.kind == avroNull {
		return nil, nil
	}
	return func(v any) (any, *scanError) {
		if convert != nil {
			var err *scanError
			if v, err = convert(v); err != nil {
				return nil, err
			}
		}
		return map[string]any{found.branch: v}, nil
	}, nil
}

func resolveFromUnion(w, r *schemaNode) (conversion, error) {
	type branch struct {
		name    string
		convert conversion
		fits    bool
	}
	branches := map[string]branch{}
	same, fits := true, false
	for _, b := range w.branches {
		convert, err := resolve(b, r)
		branches[b.branch] = branch{b.name, convert, err == nil}
		fits = fits || err == nil
		same = same && err == nil && r.kind == avroUnion && unchangedInUnion(b, r)
	}
	switch {
	case !fits:
		return nil, fmt.Errorf("no branch of the writer's union can be read as %s", r.name)
	case same:
		return nil, nil
	}
	return func(v any) (any, *scanError) {
		key := "null"
		if wrapped, ok := v.(map[string]any); ok { // goavro wraps all but null, in a map of one entry
			for k, inner := range wrapped {
				key, v = k, inner
			}
		}
		b := branches[key]
		if !b.fits {
			return nil, broken("a " + b.name + ", which the reader's schema does not allow here")
		}
		if b.convert == nil {
			return v, nil
		}
		return b.convert(v)
	}, nil
}

// unchangedInUnion reports whether a value of branch w has the same native form in the reader's union.
func unchangedInUnion(w, r *schemaNode) bool {
	for _, b := range r.branches {
		if b.branch == w.branch {
			convert, err := resolve(w, b)
			return err == nil && convert == nil
		}
	}
	return false
}
