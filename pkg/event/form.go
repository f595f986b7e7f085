package event

import "slices"

// form is a record in goavro's native form: a map with an entry for each field, and for a value of a union another map around
// it, whose one key is the type. Making those maps anew took longer than all the rest of writing, so a form is made once,
// grows with what is first filled in, and is filled in again for one value after another. Most words and numbers of a message
// are those of the message before; they stay as they stand.
type form struct {
	node   *schemaNode
	record map[string]any // a field that is not given is nil: null
	slots  []slot         // one for each field, in the order of the schema
}

// slot is what a form keeps for a field.
type slot struct {
	given  bool           // an optional field is not null: the record holds its union
	union  map[string]any // around the value of an optional field
	form   *form          // of an optional record
	list   list           // of an array
	filled bool           // text or number is what was filled in last, given or not
	text   string
	number int64
}

// list is an array in goavro's native form, and the forms of its items where they are records.
type list struct {
	values []any
	forms  []*form
}

func newForm(record *schemaNode) *form {
	f := &form{node: record, record: make(map[string]any, len(record.fields)), slots: make([]slot, len(record.fields))}
	for i := range record.fields {
		f.record[record.fields[i].name] = nil
	}
	return f
}

// set fills in a field: a required one, or the union of an optional one, which is then given.
func (f *form) set(i int, v any) {
	s, field := &f.slots[i], &f.node.fields[i]
	if field.node.given == nil {
		f.record[field.name] = v
		return
	}
	if s.union == nil {
		s.union = make(map[string]any, 1)
	}
	s.union[field.node.given.branch] = v
	f.give(i)
}

func (f *form) give(i int) {
	if s := &f.slots[i]; !s.given {
		s.given = true
		f.record[f.node.fields[i].name] = s.union
	}
}

func (f *form) setText(i int, v string) {
	s := &f.slots[i]
	if !s.filled || s.text != v {
		s.filled, s.text = true, v
		f.set(i, v)
	} else if s.union != nil {
		f.give(i)
	}
}

// setInt, setLong and setBool are set for the types that goavro takes for such a field.
func (f *form) setInt(i int, v int32) {
	if f.changed(i, int64(v)) {
		f.set(i, v)
	}
}

func (f *form) setLong(i int, v int64) {
	if f.changed(i, v) {
		f.set(i, v)
	}
}

func (f *form) setBool(i int, v bool) {
	var n int64
	if v {
		n = 1
	}
	if f.changed(i, n) {
		f.set(i, v)
	}
}

func (f *form) changed(i int, v int64) bool {
	s := &f.slots[i]
	if s.filled && s.number == v {
		if s.union != nil {
			f.give(i)
		}
		return false
	}
	s.filled, s.number = true, v
	return true
}

// null leaves an optional field out.
func (f *form) null(i int) {
	if s := &f.slots[i]; s.given {
		s.given = false
		f.record[f.node.fields[i].name] = nil
	}
}

// nested gives an optional record and returns its form.
func (f *form) nested(i int) *form {
	s := &f.slots[i]
	if s.form == nil {
		s.form = newForm(f.node.fields[i].node.given)
	}
	f.set(i, s.form.record)
	return s.form
}

// resize makes room for n values.
func (l *list) resize(n int) []any {
	l.values = slices.Grow(l.values[:0], n)[:n]
	return l.values
}

// records makes room for n records.
func (l *list) records(n int, item *schemaNode) []any {
	l.resize(n)
	for len(l.forms) < n {
		l.forms = append(l.forms, newForm(item))
	}
	for i := range n {
		l.values[i] = l.forms[i].record
	}
	return l.values
}
