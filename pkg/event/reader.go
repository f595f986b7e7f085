package event

import (
	"bytes"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// reader reads a value of the newest schema in goavro's native form. The scanner has been over the bytes before, and goavro
// has kept to the schema, so that nothing about the form can be wrong any more. It keeps the first thing that is wrong with
// the content and goes on, so that the sender of a bad message can be told by its other fields which one it was.
//
// A method without "must" reads an optional field, whose native form is nil or a map of one entry.
type reader struct {
	trail
	level
	outer [maxDepth]level
	err   *scanError
}

// level is the record at hand and, where it is an item, all the items.
type level struct {
	record map[string]any
	items  []any
}

func newReader(record any) reader {
	m, _ := record.(map[string]any)
	return reader{level: level{record: m}}
}

func (r *reader) fail(field, reason string) {
	if r.err == nil {
		r.err = &scanError{path: r.path(field), reason: reason}
	}
}

// optional returns what the union of a field holds in that branch, nil for null.
func (r *reader) optional(field, branch string) any {
	union, _ := r.record[field].(map[string]any)
	return union[branch]
}

func (r *reader) must(field string) string { return string(r.word(field)) }

// word is a required text as it stands in the message, to be looked at and not kept.
func (r *reader) word(field string) []byte {
	b, _ := r.record[field].([]byte)
	return b
}

func (r *reader) text(field string) string {
	b, _ := r.optional(field, inBytes).([]byte)
	return string(b)
}

func (r *reader) texts(field string) []string { return textItems(r.optional(field, inArray)) }

func (r *reader) mustTexts(field string) []string { return textItems(r.record[field]) }

func textItems(v any) []string {
	items, _ := v.([]any)
	if len(items) == 0 {
		return nil
	}
	texts := make([]string, len(items))
	for i, item := range items {
		b, _ := item.([]byte)
		texts[i] = string(b)
	}
	return texts
}

func (r *reader) bytes(field string) []byte { return copied(r.optional(field, inBytes)) }

func (r *reader) mustBytes(field string) []byte { return copied(r.record[field]) }

// copied copies: goavro's bytes are those of the message, whose memory belongs to the consumer.
func copied(v any) []byte {
	b, _ := v.([]byte)
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}

func (r *reader) hash(field string) []byte {
	b := r.bytes(field)
	if b != nil && len(b) != sha256Bytes {
		r.fail(field, not32)
	}
	return b
}

func (r *reader) mustHash(field string) []byte {
	b := r.mustBytes(field)
	if len(b) != sha256Bytes {
		r.fail(field, not32)
	}
	return b
}

func (r *reader) int(field string) int32 {
	v, _ := r.optional(field, inInt).(int32)
	if v < 0 && field != priority {
		r.fail(field, negative)
	}
	return v
}

func (r *reader) mustInt(field string) int32 {
	v, _ := r.record[field].(int32)
	if v < 0 {
		r.fail(field, negative)
	}
	return v
}

func (r *reader) size(field string) int64 { return r.natural(field, r.optional(field, inLong)) }

func (r *reader) mustSize(field string) int64 { return r.natural(field, r.record[field]) }

func (r *reader) natural(field string, v any) int64 {
	n, _ := v.(int64)
	if n < 0 {
		r.fail(field, negative)
	}
	return n
}

func (r *reader) bool(field string) bool {
	v, _ := r.optional(field, inBoolean).(bool)
	return v
}

func (r *reader) mustBool(field string) bool {
	v, _ := r.record[field].(bool)
	return v
}

func (r *reader) instant(field string) time.Time {
	micros, given := r.optional(field, inLong).(int64)
	if !given {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

func (r *reader) instantPtr(field string) *time.Time {
	t := r.instant(field)
	if t.IsZero() { // the scanner lets no such instant through
		return nil
	}
	return &t
}

func (r *reader) mustInstant(field string) time.Time {
	micros, _ := r.record[field].(int64)
	return time.UnixMicro(micros).UTC()
}

func (r *reader) mustID(field string) dsr.RequestID { return r.uuid(field, r.must(field)) }

func (r *reader) id(field string) dsr.RequestID {
	s := r.text(field)
	if s == "" {
		return ""
	}
	return r.uuid(field, s)
}

func (r *reader) uuid(field, s string) dsr.RequestID {
	id, err := dsr.ParseRequestID(s)
	if err != nil {
		r.fail(field, notUUID)
	}
	return id
}

// begin goes into an optional record; where it is given, its fields and end follow.
func (r *reader) begin(field string) bool {
	union, _ := r.record[field].(map[string]any)
	for _, v := range union { // of one entry
		record, _ := v.(map[string]any)
		r.into(field)
		r.record = record
		return true
	}
	return false
}

// array goes into an optional array of records and says how many there are; where there are any, more stands before each.
func (r *reader) array(field string) int {
	items, _ := r.optional(field, inArray).([]any)
	return r.list(field, items)
}

func (r *reader) list(field string, items []any) int {
	if len(items) > 0 {
		r.into(field)
		r.items = items
	}
	return len(items)
}

func (r *reader) into(field string) {
	r.outer[r.depth] = r.level
	r.level = level{}
	r.enter(field, noItem)
}

// more goes to the next item, or out of the array after the last.
func (r *reader) more() bool {
	at := &r.steps[r.depth-1]
	at.index++
	if at.index == len(r.items) {
		r.end()
		return false
	}
	r.record, _ = r.items[at.index].(map[string]any)
	return true
}

func (r *reader) end() {
	r.depth--
	r.level = r.outer[r.depth]
}
