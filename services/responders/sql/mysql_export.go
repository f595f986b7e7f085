package sql

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// exported leaves JSON to encode, and takes care that the driver gives text, or a float64, however it asked.
func (m mysql) exported(expr string, c *column) string {
	switch {
	case c.class == bytesClass:
		return expr
	case c.typ == "bit":
		return m.text(expr + " + 0")
	case c.typ == "float" || c.typ == "double":
		return "CAST(" + expr + " AS DOUBLE)"
	case slices.Contains(spatial, c.typ):
		return "ST_AsText(" + expr + ")"
	}
	return m.text(expr)
}

var spatial = []string{"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection"}

func (mysql) encode(to []byte, v any, c *column) ([]byte, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return append(to, "null"...), nil
	case []byte:
		s = string(v)
	case string:
		s = v
	case float64:
		s = strconv.FormatFloat(v, 'g', -1, 64)
	case float32:
		s = strconv.FormatFloat(float64(v), 'g', -1, 32)
	case int64:
		s = strconv.FormatInt(v, 10)
	default:
		return nil, ownErrorf("a value came as %T", v)
	}
	switch {
	case c.class == bytesClass:
		return appendJSON(to, base64.StdEncoding.EncodeToString([]byte(s)))
	case c.typ == "float" || c.typ == "double":
		bits := 64
		if c.typ == "float" {
			bits = 32
		}
		f, err := strconv.ParseFloat(s, bits)
		if err != nil {
			return nil, ownErrorf("a %s is no number", c.typ)
		}
		if bits == 32 {
			return appendJSON(to, float32(f))
		}
		return appendJSON(to, f)
	case c.class == integer || c.class == number || c.typ == "bit" || c.typ == "year":
		if n := strings.TrimLeft(s, "0"); c.class != number && n != s { // ZEROFILL
			s = "0"[:1-min(1, len(n))] + n
		}
		return append(to, s...), nil
	case c.class == jsonClass && json.Valid([]byte(s)):
		return compact(to, s)
	case c.typ == "datetime" || c.typ == "timestamp":
		return appendJSON(to, isoTime(s, c.typ == "timestamp"))
	}
	return appendJSON(to, s)
}

// isoTime writes an instant as ISO 8601 has it, in UTC where the column keeps instants. A zero date stays what it is.
func isoTime(s string, utc bool) string {
	if strings.HasPrefix(s, "0000-00-00") {
		return s
	}
	s = strings.Replace(s, " ", "T", 1)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if utc {
		s += "+00:00"
	}
	return s
}
