package completion

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Optional is a text that may be absent: empty here, null in JSON.
type Optional string

// MarshalJSON returns null for an absent text.
func (o Optional) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(o))
}

// Hex is a hash or another string of bytes: lower-case hexadecimal in JSON, null where it is empty.
type Hex []byte

// String returns the hexadecimal form.
func (h Hex) String() string { return hex.EncodeToString(h) }

// MarshalJSON returns the hexadecimal form, or null.
func (h Hex) MarshalJSON() ([]byte, error) {
	if len(h) == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(h.String())
}

// UnmarshalJSON reads what MarshalJSON writes.
func (h *Hex) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil || s == nil {
		*h = nil
		return err
	}
	v, err := hex.DecodeString(*s)
	if err != nil {
		return fmt.Errorf("decode hexadecimal: %w", err)
	}
	*h = v
	return nil
}

// Date is a calendar day, YYYY-MM-DD, in whatever zone it was meant; empty here and null in JSON where there is none.
type Date string

// DateOf returns the calendar day of an instant in the instant's own location; the empty Date for the zero time.
func DateOf(t time.Time) Date {
	if t.IsZero() {
		return ""
	}
	return Date(t.Format(time.DateOnly))
}

// MarshalJSON returns null for no date.
func (d Date) MarshalJSON() ([]byte, error) { return Optional(d).MarshalJSON() }

// Time returns midnight UTC of the day, and false where there is none.
func (d Date) Time() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, string(d))
	return t, err == nil
}

// Count is a number of rows, objects or records. Above 2^53 it is a string in JSON: many readers would round it.
type Count int64

const maxJSONInteger = 1 << 53

// MarshalJSON returns a number up to 2^53, a string above.
func (c Count) MarshalJSON() ([]byte, error) { return appendCount(nil, int64(c)), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Count) UnmarshalJSON(b []byte) error {
	s := string(b)
	if len(s) >= 2 && s[0] == '"' {
		s = s[1 : len(s)-1]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("decode count: not a whole number of 64 bits")
	}
	*c = Count(n)
	return nil
}

func appendCount(b []byte, n int64) []byte {
	if n > maxJSONInteger || n < -maxJSONInteger {
		b = append(b, '"')
		b = strconv.AppendInt(b, n, 10)
		return append(b, '"')
	}
	return strconv.AppendInt(b, n, 10)
}

// Counts says how many rows, objects or records a collection's outcome touched.
type Counts struct {
	Found         Count `json:"found"`
	Erased        Count `json:"erased"`
	Anonymised    Count `json:"anonymised"`
	Pseudonymised Count `json:"pseudonymised"`
	Detached      Count `json:"detached"`
	Retained      Count `json:"retained"`
	Exported      Count `json:"exported"`
	Withheld      Count `json:"withheld"`
	Cascaded      Count `json:"cascaded"`
	Remaining     Count `json:"remaining"`
}
