package sql

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// errNoDocument says that a value is no JSON. It never holds the value.
var errNoDocument = errors.New("no JSON document")

// rewrite masks the values at the mask's path in a document. Every other byte stays as it is.
func (m *mask) rewrite(key, doc []byte) ([]byte, error) {
	if !json.Valid(doc) {
		return nil, errNoDocument
	}
	s := splicer{doc: doc, whole: m.strategy == datamap.NullRewrite, become: func(v []byte) []byte { return m.become(key, v) }}
	s.walk(s.space(0), m.in.path)
	return append(s.out, doc[s.copied:]...), nil
}

// splicer walks over a valid document and replaces values in it.
type splicer struct {
	doc, out []byte
	copied   int  // of doc
	whole    bool // an array at the end of the path is one value, and not its elements
	become   func(value []byte) []byte
}

// walk goes along a path from the value at i, and returns where that value ends.
func (s *splicer) walk(i int, path []string) int {
	switch c := s.doc[i]; {
	case c == '[' && !(len(path) == 0 && s.whole):
		for i = s.space(i + 1); s.doc[i] != ']'; {
			if i = s.space(s.walk(i, path)); s.doc[i] == ',' {
				i = s.space(i + 1)
			}
		}
		return i + 1
	case len(path) == 0:
		end := s.skip(i)
		s.out = append(append(s.out, s.doc[s.copied:i]...), s.become(s.doc[i:end])...)
		s.copied = end
		return end
	case c == '{':
		for i = s.space(i + 1); s.doc[i] != '}'; {
			end := s.skip(i)
			name, _ := unquoted(s.doc[i:end])
			i = s.space(s.space(end) + 1) // behind the colon
			if name == path[0] {
				i = s.walk(i, path[1:])
			} else {
				i = s.skip(i)
			}
			if i = s.space(i); s.doc[i] == ',' {
				i = s.space(i + 1)
			}
		}
		return i + 1
	}
	return s.skip(i) // a path that leads into a scalar names nothing
}

func (s *splicer) space(i int) int {
	for i < len(s.doc) && bytes.IndexByte([]byte(" \t\r\n"), s.doc[i]) >= 0 {
		i++
	}
	return i
}

// skip returns where the value at i ends.
func (s *splicer) skip(i int) int {
	depth := 0
	for {
		switch s.doc[i] {
		case '"':
			for i++; s.doc[i] != '"'; i++ {
				if s.doc[i] == '\\' {
					i++
				}
			}
			i++
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\r', '\n':
			i++
		default:
			for i < len(s.doc) && bytes.IndexByte([]byte(",:]} \t\r\n"), s.doc[i]) < 0 {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

func unquoted(value []byte) (string, bool) {
	var s string
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return "", false
	}
	return s, true
}

// become masks one value inside a document, as it stands there. What is masked already, and null, stay.
func (m *mask) become(key, value []byte) []byte {
	s, isText := unquoted(value)
	if !isText {
		s = string(value)
	}
	switch {
	case string(value) == "null":
		return value
	case m.strategy == datamap.NullRewrite:
		return []byte("null")
	case m.strategy == datamap.StringRewrite:
		if s == m.value {
			return value
		}
		return m.constant(isText)
	case isText && m.isHash(s): // or random: of the same form
		return value
	case m.strategy == datamap.RandomStringRewrite:
		b := make([]byte, (m.digits+1)/2)
		rand.Read(b) // crypto/rand never fails since Go 1.24
		return jsonText(m.prefix + hex.EncodeToString(b)[:m.digits])
	}
	return jsonText(m.hash(key, s))
}

// constant is a string_rewrite's value: a number or a boolean where the old value was no text and the constant is one, in the form
// in which every engine gives it back.
func (m *mask) constant(wasText bool) []byte {
	f, err := strconv.ParseFloat(m.value, 64)
	plain := err == nil && strconv.FormatFloat(f, 'f', -1, 64) == m.value && len(m.value) < 16
	if !wasText && (plain || m.value == "true" || m.value == "false") {
		return []byte(m.value)
	}
	return jsonText(m.value)
}

func jsonText(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return bytes.TrimSpace(b.Bytes())
}
