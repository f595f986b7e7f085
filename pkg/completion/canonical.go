package completion

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"
)

// writer writes canonical JSON (RFC 8785, JCS) in one pass: no white space, strings escaped as section 3.2.2.2 says, members in
// the order in which they are written, which must be that of their names' UTF-16 code units; all names here are ASCII, so that
// is the order of their bytes. Numbers are integers only, whose ECMAScript form is their decimal form.
type writer struct {
	b   []byte
	err error
}

var errUTF8 = errors.New("a text is not valid UTF-8")

const hexDigits = "0123456789abcdef"

func (w *writer) name(s string) {
	w.comma()
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) comma() {
	if n := len(w.b); n > 0 && w.b[n-1] != '{' && w.b[n-1] != '[' && w.b[n-1] != ':' {
		w.b = append(w.b, ',')
	}
}

func (w *writer) begin(c byte) { w.b = append(w.b, c) }
func (w *writer) end(c byte)   { w.b = append(w.b, c) }
func (w *writer) null()        { w.b = append(w.b, "null"...) }

// string writes a string. Only what JSON demands is escaped, in the shortest form; everything else stands as it is.
func (w *writer) string(s string) {
	if !utf8.ValidString(s) {
		w.err = errUTF8
	}
	w.b = append(w.b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		w.b = append(w.b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			w.b = append(w.b, '\\', c)
		case '\b':
			w.b = append(w.b, '\\', 'b')
		case '\t':
			w.b = append(w.b, '\\', 't')
		case '\n':
			w.b = append(w.b, '\\', 'n')
		case '\f':
			w.b = append(w.b, '\\', 'f')
		case '\r':
			w.b = append(w.b, '\\', 'r')
		default:
			w.b = append(w.b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	w.b = append(w.b, s[from:]...)
	w.b = append(w.b, '"')
}

// appendTime writes an instant as RFC 3339 in UTC, to the microsecond, without trailing zeros.
func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().Truncate(time.Microsecond).AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// Members of an object, each with its name.

func (w *writer) text(name, s string) {
	w.name(name)
	w.string(s)
}

func (w *writer) optional(name string, s Optional) {
	w.name(name)
	if s == "" {
		w.null()
		return
	}
	w.string(string(s))
}

func (w *writer) hex(name string, h Hex) {
	w.name(name)
	if len(h) == 0 {
		w.null()
		return
	}
	w.b = append(w.b, '"')
	w.b = hex.AppendEncode(w.b, h)
	w.b = append(w.b, '"')
}

func (w *writer) base64(name string, b []byte) {
	w.name(name)
	w.b = append(w.b, '"')
	w.b = base64.StdEncoding.AppendEncode(w.b, b)
	w.b = append(w.b, '"')
}

func (w *writer) bool(name string, v bool) {
	w.name(name)
	w.b = strconv.AppendBool(w.b, v)
}

func (w *writer) int(name string, v int32) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, int64(v), 10)
}

func (w *writer) count(name string, v Count) {
	w.name(name)
	w.b = appendCount(w.b, int64(v))
}

func (w *writer) time(name string, t time.Time) {
	w.name(name)
	w.b = appendTime(w.b, t)
}

func (w *writer) instant(name string, t *time.Time) {
	w.name(name)
	if t == nil {
		w.null()
		return
	}
	w.b = appendTime(w.b, *t)
}

func (w *writer) texts(name string, list []string) {
	w.name(name)
	w.begin('[')
	for _, s := range list {
		w.comma()
		w.string(s)
	}
	w.end(']')
}

// object writes a member that is an object.
func object[T any](w *writer, name string, v *T, members func(*writer, *T)) {
	w.name(name)
	w.begin('{')
	members(w, v)
	w.end('}')
}

// maybe writes a member that is an object or null.
func maybe[T any](w *writer, name string, v *T, members func(*writer, *T)) {
	if v == nil {
		w.name(name)
		w.null()
		return
	}
	object(w, name, v, members)
}

// list writes a member that is an array of objects.
func list[T any](w *writer, name string, items []T, members func(*writer, *T)) {
	w.name(name)
	w.begin('[')
	for i := range items {
		w.comma()
		w.begin('{')
		members(w, &items[i])
		w.end('}')
	}
	w.end(']')
}
