package event

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxItems bounds the array items of one message, nested ones included. goavro makes a map of each, some hundred bytes for
// as few as three on the wire: without a bound a message of a megabyte would take a hundred.
const maxItems = 20_000

// Instants outside these years are mistakes, and goavro would wrap the farthest around in silence. The bounds are the years
// that RFC 3339 can write, without the instant that stands for "not given" in Go.
const (
	minMicros = -62135596800_000_000 + 1 // 0001-01-01T00:00:00.000001Z
	maxMicros = 253402300799_999_999     // 9999-12-31T23:59:59.999999Z
)

// scanner walks the binary form of one value along its schema and allocates nothing. It runs before goavro, which takes an
// array's announced length at its word (four bytes make it allocate 300 MB; its own limit is a package variable, which a
// library has no business to set), lets text through that is not UTF-8, and quotes values in its errors.
type scanner struct {
	buf   []byte
	items int
}

// scanError is where and why; it becomes a MalformedError of the schema.
type scanError struct {
	path, reason string
}

func (e *scanError) in(field string) *scanError {
	switch {
	case e.path == "":
		e.path = field
	case e.path[0] == '[':
		e.path = field + e.path
	default:
		e.path = field + "." + e.path
	}
	return e
}

// Why a value is refused, in the words that sender and operator read.
const (
	cutOff     = "cut off"
	notUTF8    = "text that is not UTF-8"
	holdsNUL   = "text with a NUL byte"
	farInstant = "an instant outside the years 1 to 9999"
	negative   = "a negative number"
	notUUID    = "not a UUID"
	not32      = "not the 32 bytes of a SHA-256"
	tooMany    = "more than 20000 array items in one message"
)

func broken(reason string) *scanError { return &scanError{reason: reason} }

// scan checks that buf is one value of the schema and nothing more.
func scan(n *schemaNode, buf []byte) *scanError {
	s := scanner{buf: buf}
	if err := s.value(n); err != nil {
		return err
	}
	if len(s.buf) > 0 {
		return broken(fmt.Sprintf("%d trailing bytes", len(s.buf)))
	}
	return nil
}

func (s *scanner) value(n *schemaNode) *scanError {
	switch n.kind {
	case avroNull:
		return nil
	case avroBoolean:
		return s.boolean()
	case avroInt:
		v, err := s.long()
		if err == nil && (v < math.MinInt32 || v > math.MaxInt32) {
			return broken("an int out of its range")
		}
		return err
	case avroLong:
		_, err := s.long()
		return err
	case avroTimestamp:
		v, err := s.long()
		if err == nil && (v < minMicros || v > maxMicros) {
			return broken(farInstant)
		}
		return err
	case avroBytes:
		_, err := s.bytes()
		return err
	case avroString:
		return s.text()
	case avroArray:
		return s.array(n)
	case avroRecord:
		for i := range n.fields {
			f := &n.fields[i]
			if f.node.given != nil && len(s.buf) > 0 && s.buf[0] == 0 { // null, as most optional fields are
				s.buf = s.buf[1:]
				continue
			}
			if err := s.value(f.node); err != nil {
				return err.in(f.name)
			}
		}
		return nil
	case avroUnion:
		v, err := s.long()
		switch {
		case err != nil:
			return err
		case v < 0 || v >= int64(len(n.branches)):
			return broken("a union branch that the schema does not have")
		}
		return s.value(n.branches[v])
	}
	return broken("a type that is not known")
}

func (s *scanner) boolean() *scanError {
	if len(s.buf) == 0 {
		return broken(cutOff)
	}
	if s.buf[0] > 1 {
		return broken("a boolean that is neither true nor false")
	}
	s.buf = s.buf[1:]
	return nil
}

func (s *scanner) long() (int64, *scanError) {
	if len(s.buf) > 0 && s.buf[0] < 0x80 { // in one byte, as most are
		b := int64(s.buf[0])
		s.buf = s.buf[1:]
		return b>>1 ^ -(b & 1), nil
	}
	v, n := binary.Varint(s.buf) // Avro's zig-zag form is the same
	switch {
	case n == 0:
		return 0, broken(cutOff)
	case n < 0:
		return 0, broken("a number of more than 64 bits")
	}
	s.buf = s.buf[n:]
	return v, nil
}

func (s *scanner) bytes() ([]byte, *scanError) {
	n, err := s.long()
	switch {
	case err != nil:
		return nil, err
	case n < 0:
		return nil, broken("a negative length")
	case n > int64(len(s.buf)):
		return nil, broken(cutOff)
	}
	b := s.buf[:n]
	s.buf = s.buf[n:]
	return b, nil
}

// text refuses NUL beside what is not UTF-8: no text needs it, PostgreSQL stores none, and one such row would fail its batch.
func (s *scanner) text() *scanError {
	b, err := s.bytes()
	switch {
	case err != nil:
		return err
	case !utf8.Valid(b):
		return broken(notUTF8)
	case bytes.IndexByte(b, 0) >= 0:
		return broken(holdsNUL)
	}
	return nil
}

func (s *scanner) array(n *schemaNode) *scanError {
	index := 0
	for {
		count, err := s.long()
		if err != nil {
			return err
		}
		if count < 0 { // the size of the block in bytes follows
			if count == math.MinInt64 {
				return broken("an array of more items than the message has bytes")
			}
			count = -count
			if size, err := s.long(); err != nil {
				return err
			} else if size < 0 || size > int64(len(s.buf)) {
				return broken("an array block longer than the message")
			}
		}
		if count == 0 {
			return nil
		}
		if count > int64(len(s.buf)/n.items.minBytes) {
			return broken("an array of more items than the message has bytes")
		}
		if s.items += int(count); s.items > maxItems {
			return broken(tooMany)
		}
		for range count {
			if err := s.value(n.items); err != nil {
				return err.in("[" + strconv.Itoa(index) + "]")
			}
			index++
		}
	}
}

// inRange reports whether Avro can carry t in a form that the scanner accepts.
func inRange(t time.Time) bool {
	s := t.Unix()
	return s >= minMicros/1_000_000 && s <= maxMicros/1_000_000
}
