package objects

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// errNoRecord says that a line is no JSON object.
var errNoRecord = errors.New("no record")

// member is one member of a JSON object, both sides as they are written.
type member struct {
	name  string
	key   []byte
	value []byte
}

// jsonSpace is what may stand between tokens (RFC 8259, section 2).
const jsonSpace = " \t\r\n"

// members takes an object apart. The values stay as they are: numbers keep their digits, and order is kept.
func members(doc []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNoRecord
	}
	var out []member
	for dec.More() {
		before := dec.InputOffset()
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errNoRecord
		}
		key := bytes.TrimLeft(doc[before:dec.InputOffset()], ","+jsonSpace)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, errNoRecord
		}
		out = append(out, member{name, key, value})
	}
	if _, err := dec.Token(); err != nil || len(bytes.TrimLeft(doc[dec.InputOffset():], jsonSpace)) > 0 {
		return nil, errNoRecord
	}
	return out, nil
}

// record is a line, taken apart.
type record []member

func (r record) values(p path) []string {
	var out []string
	for _, m := range r {
		if m.name == p[0] {
			out = append(out, valuesAt(m.value, p[1:])...)
		}
	}
	return out
}

// elements takes an array apart.
func elements(doc []byte) ([]json.RawMessage, error) {
	var out []json.RawMessage
	if err := json.Unmarshal(doc, &out); err != nil {
		return nil, errNoRecord
	}
	return out, nil
}

func first(doc []byte) byte {
	if doc = bytes.TrimLeft(doc, jsonSpace); len(doc) > 0 {
		return doc[0]
	}
	return 0
}

// valuesAt collects the scalars at a path, as text; arrays on the way, and at its end, are gone through.
func valuesAt(doc []byte, p path) []string {
	switch first(doc) {
	case '{':
		if len(p) == 0 {
			return nil
		}
		ms, err := members(doc)
		if err != nil {
			return nil
		}
		return record(ms).values(p)
	case '[':
		es, err := elements(doc)
		if err != nil {
			return nil
		}
		var out []string
		for _, e := range es {
			out = append(out, valuesAt(e, p)...)
		}
		return out
	}
	if len(p) > 0 {
		return nil
	}
	if s, ok := scalar(doc); ok {
		return []string{s}
	}
	return nil
}

// scalar is the text by which a value is compared: 5, 5.0 and "5" are the same customer.
func scalar(doc []byte) (string, bool) {
	switch first(doc) {
	case '"':
		var s string
		if err := json.Unmarshal(doc, &s); err != nil {
			return "", false
		}
		return s, true
	case 't', 'f':
		return string(bytes.TrimSpace(doc)), true
	case 'n', 0:
		return "", false
	}
	s := string(bytes.TrimSpace(doc))
	if bytes.ContainsAny(doc, ".eE") {
		if f, err := strconv.ParseFloat(s, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return strconv.FormatInt(int64(f), 10), true
		}
	}
	return s, true
}

// edit says what becomes of the value at a path; nil takes the member out.
type edit struct {
	at     path
	become func(value []byte) []byte
}

// edited rewrites an object. Members that no edit names stay byte for byte.
func edited(doc []byte, edits []edit) ([]byte, error) {
	switch first(doc) {
	case '{':
		ms, err := members(doc)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		b.WriteByte('{')
		wrote := false
		for _, m := range ms {
			value, err := editedValue(m, edits)
			if err != nil {
				return nil, err
			}
			if value == nil {
				continue
			}
			if wrote {
				b.WriteByte(',')
			}
			wrote = true
			b.Write(m.key)
			b.WriteByte(':')
			b.Write(value)
		}
		b.WriteByte('}')
		return b.Bytes(), nil
	case '[':
		es, err := elements(doc)
		if err != nil {
			return nil, err
		}
		parts := make([][]byte, len(es))
		for i, e := range es {
			if parts[i], err = edited(e, edits); err != nil {
				return nil, err
			}
		}
		return append(append([]byte{'['}, bytes.Join(parts, []byte{','})...), ']'), nil
	}
	return doc, nil // a path that leads into a scalar names nothing
}

func editedValue(m member, edits []edit) ([]byte, error) {
	var inside []edit
	value := m.value
	for _, e := range edits {
		switch {
		case e.at[0] != m.name:
		case len(e.at) == 1:
			if value = e.become(value); value == nil {
				return nil, nil
			}
		default:
			inside = append(inside, edit{e.at[1:], e.become})
		}
	}
	if len(inside) == 0 {
		return value, nil
	}
	return edited(value, inside)
}

// trimmed is a line without what stands around the record.
func trimmed(line []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(line, byteOrderMark))
}
