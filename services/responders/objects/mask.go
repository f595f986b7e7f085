package objects

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// mask is what a field's value becomes. A masked value is known by its form, so that a second erasure finds nothing to do and a
// look can tell it from what the application wrote since. Null stays null; of an array each element is masked.
type mask struct {
	at       path
	strategy string
	value    string
	prefix   string
	digits   int    // hexadecimal ones after the prefix
	label    string // goes into the hash: the same value in two fields gives two hashes
}

const (
	randomPrefix = "erased-"
	shortPrefix  = "~" // where there is no room for more: no value begins like this
	hashPrefix   = "hmac-"
	leastDigits  = 16
)

func newMask(f *datamap.Field) mask {
	m := mask{at: pathOf(f), strategy: f.Mask.Strategy, value: f.Mask.Value, label: f.Label()}
	limit := func(n int) int {
		if f.Length > 0 && n > f.Length {
			return f.Length
		}
		return n
	}
	switch m.strategy {
	case datamap.RandomStringRewrite:
		n := limit(f.Mask.Length)
		m.prefix = randomPrefix
		if n < len(randomPrefix)+leastDigits {
			m.prefix = shortPrefix
		}
		m.digits = n - len(m.prefix)
	case datamap.HMAC:
		m.prefix, m.digits = hashPrefix, max(limit(len(hashPrefix)+2*sha256.Size)-len(hashPrefix), leastDigits)
	}
	return m
}

// bare reports whether a value is not masked yet.
func (m *mask) bare(value []byte) bool {
	switch first(value) {
	case 'n', 0:
		return false
	case '[':
		if m.strategy == datamap.NullRewrite {
			return true
		}
		es, err := elements(value)
		if err != nil {
			return true
		}
		for _, e := range es {
			if m.bare(e) {
				return true
			}
		}
		return false
	}
	if m.strategy == datamap.NullRewrite {
		return true
	}
	if m.strategy == datamap.StringRewrite {
		return !bytes.Equal(bytes.TrimSpace(value), m.constant(value))
	}
	s, ok := scalar(value)
	digits, has := strings.CutPrefix(s, m.prefix)
	return !ok || !has || len(digits) != m.digits || strings.Trim(digits, "0123456789abcdef") != ""
}

// become masks a value.
func (m *mask) become(key, value []byte) []byte {
	if !m.bare(value) {
		return value
	}
	if m.strategy == datamap.NullRewrite {
		return []byte("null")
	}
	if first(value) == '[' {
		es, err := elements(value)
		if err == nil {
			parts := make([][]byte, len(es))
			for i, e := range es {
				parts[i] = m.become(key, e)
			}
			return append(append([]byte{'['}, bytes.Join(parts, []byte{','})...), ']')
		}
	}
	switch m.strategy {
	case datamap.StringRewrite:
		return m.constant(value)
	case datamap.RandomStringRewrite:
		b := make([]byte, (m.digits+1)/2)
		rand.Read(b) // crypto/rand never fails since Go 1.24
		return quoted(m.prefix + hex.EncodeToString(b)[:m.digits])
	}
	text, ok := scalar(value)
	if !ok { // an object: all of it
		text = string(value)
	}
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s\x00%s", m.label, text)
	return quoted(m.prefix + hex.EncodeToString(h.Sum(nil))[:m.digits])
}

// constant is the value of a string_rewrite: of the type that the old value had where that is a number or a boolean and the
// constant can be one.
func (m *mask) constant(old []byte) []byte {
	switch c := first(old); {
	case c == '"' || c == '{':
	case json.Valid([]byte(m.value)) && first([]byte(m.value)) != '"':
		return []byte(m.value)
	}
	return quoted(m.value)
}

func quoted(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return b
}
