package event

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// The writer's methods for each type of field. One without "must" fills in an optional field, a union of null and one type:
// "not given" is the zero value in Go and null on the wire.

const (
	sha256Bytes = 32
	priority    = "priority"
	// What goes before or into a field at most in all but huge messages, which grow once more.
	lengthBytes = 3
	numberBytes = 9
)

// must is a required text that may not be empty, any is a required one that may.
func (w *writer) must(field, v string) {
	if v == "" {
		w.fail(field, "not given")
	}
	w.any(field, v)
}

func (w *writer) any(field, v string) {
	i := w.required(field, avroString)
	w.checkText(field, v)
	w.form.setText(i, v)
}

func (w *writer) text(field, v string) {
	i := w.optional(field, avroString)
	if v == "" {
		w.form.null(i)
		return
	}
	w.checkText(field, v)
	w.form.setText(i, v)
}

func (w *writer) checkText(field, v string) {
	w.room += len(v) + lengthBytes
	switch {
	case !utf8.ValidString(v):
		w.fail(field, notUTF8)
	case strings.IndexByte(v, 0) >= 0:
		w.fail(field, holdsNUL)
	}
}

func (w *writer) texts(field string, v []string) {
	i := w.optional(field, avroArray)
	if len(v) == 0 {
		w.form.null(i)
		return
	}
	w.form.set(i, w.textItems(i, field, v))
}

// mustTexts is a required array that may not be empty.
func (w *writer) mustTexts(field string, v []string) {
	i := w.required(field, avroArray)
	if len(v) == 0 {
		w.fail(field, "not given")
	}
	w.form.set(i, w.textItems(i, field, v))
}

func (w *writer) textItems(i int, field string, v []string) []any {
	if !w.count(field, len(v)) {
		return nil
	}
	items := w.form.slots[i].list.resize(len(v))
	for k, s := range v {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			w.checkText(field+"["+strconv.Itoa(k)+"]", s)
		}
		w.room += len(s) + lengthBytes
		if last, ok := items[k].(string); !ok || last != s {
			items[k] = s
		}
	}
	return items
}

func (w *writer) bytes(field string, v []byte) {
	i := w.optional(field, avroBytes)
	if len(v) == 0 {
		w.form.null(i)
		return
	}
	w.room += len(v) + lengthBytes
	w.form.set(i, v)
}

func (w *writer) mustBytes(field string, v []byte) {
	i := w.required(field, avroBytes)
	if len(v) == 0 {
		w.fail(field, "not given")
	}
	w.room += len(v) + lengthBytes
	w.form.set(i, v)
}

// hash is an optional SHA-256, mustHash a required one.
func (w *writer) hash(field string, v []byte) {
	if len(v) > 0 && len(v) != sha256Bytes {
		w.fail(field, not32)
	}
	w.bytes(field, v)
}

func (w *writer) mustHash(field string, v []byte) {
	if len(v) != sha256Bytes {
		w.fail(field, not32)
	}
	w.mustBytes(field, v)
}

// int is an optional number, 0 where it is not given. A priority alone may be negative: such a request goes last.
func (w *writer) int(field string, v int32) {
	if v < 0 && field != priority {
		w.fail(field, negative)
	}
	i := w.optional(field, avroInt)
	if v == 0 {
		w.form.null(i)
		return
	}
	w.room += numberBytes
	w.form.setInt(i, v)
}

func (w *writer) mustInt(field string, v int32) {
	if v < 0 {
		w.fail(field, negative)
	}
	w.room += numberBytes
	w.form.setInt(w.required(field, avroInt), v)
}

func (w *writer) size(field string, v int64) {
	if v < 0 {
		w.fail(field, negative)
	}
	i := w.optional(field, avroLong)
	if v == 0 {
		w.form.null(i)
		return
	}
	w.room += numberBytes
	w.form.setLong(i, v)
}

func (w *writer) mustSize(field string, v int64) {
	if v < 0 {
		w.fail(field, negative)
	}
	w.room += numberBytes
	w.form.setLong(w.required(field, avroLong), v)
}

func (w *writer) bool(field string, v bool) {
	i := w.optional(field, avroBoolean)
	if !v {
		w.form.null(i)
		return
	}
	w.room++
	w.form.setBool(i, true)
}

func (w *writer) mustBool(field string, v bool) {
	w.form.setBool(w.required(field, avroBoolean), v)
}

// instant is cut to whole microseconds.
func (w *writer) instant(field string, t time.Time) {
	i := w.optional(field, avroTimestamp)
	if t.IsZero() {
		w.form.null(i)
		return
	}
	w.form.setLong(i, w.micros(field, t))
}

func (w *writer) instantPtr(field string, t *time.Time) {
	i := w.optional(field, avroTimestamp)
	if t == nil {
		w.form.null(i)
		return
	}
	w.form.setLong(i, w.micros(field, *t))
}

func (w *writer) mustInstant(field string, t time.Time) {
	i := w.required(field, avroTimestamp)
	if t.IsZero() {
		w.fail(field, "not given")
	}
	w.form.setLong(i, w.micros(field, t))
}

func (w *writer) micros(field string, t time.Time) int64 {
	if !inRange(t) {
		w.fail(field, farInstant)
	}
	w.room += numberBytes
	return t.UnixMicro()
}

func (w *writer) mustID(field string, id dsr.RequestID) { w.any(field, w.uuid(field, id)) }

func (w *writer) id(field string, id dsr.RequestID) {
	if id == "" {
		w.text(field, "")
		return
	}
	w.text(field, w.uuid(field, id))
}

func (w *writer) uuid(field string, id dsr.RequestID) string {
	u, err := dsr.ParseRequestID(string(id))
	if err != nil {
		w.fail(field, notUUID)
	}
	return string(u)
}
