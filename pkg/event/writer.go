package event

import (
	"fmt"
	"sync"
)

// writer fills in the form of one value, field after field, which goavro then writes. It keeps to what the reader accepts and
// holds the first thing that is wrong. What it has for each type of field is in fields.go.
//
// It is called in the order of the schema, through nested records as well; a call out of order is a mistake in this package
// and panics, in whichever test first touches the message. Nothing in a value can cause it.
type writer struct {
	trail
	sheet
	outer [maxDepth]sheet
	root  list // a list of one for a message
	items int  // of arrays, nested ones included
	room  int  // about so many bytes will be written
	clear bool // identifiers in clear were filled in
	err   *scanError
}

// sheet is the form at hand.
type sheet struct {
	form *form
	next int   // which of its fields comes next
	list *list // whose item it is
}

// writers keeps the writers of one record, or of an array of it, for the next value.
type writers struct {
	record *schemaNode
	pool   sync.Pool
}

// What a writer may still hold when it is kept: its forms, and the values that they were last filled with. One that was larger
// than most is forgotten, and so is one that held identifiers in clear.
const (
	keptItems = 200
	keptBytes = 64 << 10
)

func (ws *writers) take(n int) *writer {
	w, _ := ws.pool.Get().(*writer)
	if w == nil {
		w = &writer{}
	}
	w.root.records(n, ws.record)
	return w
}

// one returns a writer for one record.
func (ws *writers) one() *writer {
	w := ws.take(1)
	w.open(w.root.forms[0])
	return w
}

// array returns a writer for n records, of which item begins each.
func (ws *writers) array(n int) *writer {
	w := ws.take(n)
	w.items, w.list = n, &w.root
	w.enter("", noItem)
	return w
}

// done takes a writer back.
func (ws *writers) done(w *writer) {
	if w.reusable() {
		*w = writer{root: w.root}
		ws.pool.Put(w)
	}
}

func (w *writer) reusable() bool {
	return w.items <= keptItems && w.room <= keptBytes && !w.clear
}

func (w *writer) open(f *form) {
	w.form, w.next = f, 0
	w.room += len(f.slots) // at the least a byte each
}

func (w *writer) fail(field, reason string) {
	if w.err == nil {
		w.err = &scanError{path: w.path(field), reason: reason}
	}
}

// required returns the number of the next field, which must be the named one and of that kind.
func (w *writer) required(field string, kind avroKind) int {
	i, n := w.advance(field)
	if n.kind != kind {
		panic(fmt.Sprintf("event: field %s of %s is not of the kind that is asked for", field, w.form.node.name))
	}
	return i
}

// optional is required for a union of null and that kind.
func (w *writer) optional(field string, kind avroKind) int {
	i, n := w.advance(field)
	if n.given == nil || n.given.kind != kind {
		panic(fmt.Sprintf("event: field %s of %s is not optional of the kind that is asked for", field, w.form.node.name))
	}
	return i
}

func (w *writer) advance(field string) (int, *schemaNode) {
	i, record := w.next, w.form.node
	if i >= len(record.fields) || record.fields[i].name != field {
		panic(fmt.Sprintf("event: %s is not the next field of %s", field, record.name))
	}
	w.next++
	return i, record.fields[i].node
}

// finish demands that a record which was begun was also gone through to its end.
func (w *writer) finish() {
	if w.form != nil && w.next != len(w.form.slots) {
		panic(fmt.Sprintf("event: %s of %s was passed over", w.form.node.fields[w.next].name, w.form.node.name))
	}
}

// begin starts an optional record; where it is given, its fields and end follow.
func (w *writer) begin(field string, given bool) bool {
	i := w.optional(field, avroRecord)
	if !given {
		w.form.null(i)
		return false
	}
	f := w.form.nested(i)
	w.into(field)
	w.open(f)
	return true
}

// array starts an optional array of n records; where it returns true, item stands before the fields of each and end after the
// last.
func (w *writer) array(field string, n int) bool {
	i := w.optional(field, avroArray)
	if n == 0 || !w.count(field, n) {
		w.form.null(i)
		return false
	}
	l := &w.form.slots[i].list
	w.form.set(i, l.records(n, w.form.node.fields[i].node.given.items))
	w.into(field)
	w.list = l
	return true
}

func (w *writer) into(field string) {
	w.outer[w.depth] = w.sheet
	w.sheet = sheet{}
	w.enter(field, noItem)
}

// item goes to the next item of an array.
func (w *writer) item() {
	w.finish()
	at := &w.steps[w.depth-1]
	at.index++
	w.open(w.list.forms[at.index])
}

func (w *writer) end() {
	w.finish()
	w.depth--
	w.sheet = w.outer[w.depth]
}

// count adds the items of an array, and fails where that is too many to be worth filling in.
func (w *writer) count(field string, n int) bool {
	w.room += 2 * lengthBytes
	if w.items += n; w.items > maxItems {
		w.fail(field, tooMany)
		return false
	}
	return true
}
