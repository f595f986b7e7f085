package sql

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// myTakes reports whether a column of MariaDB takes a value in strict mode, as it is.
func myTakes(c *column, value string) bool {
	switch {
	case c.class == integer, c.class == uuidClass:
		_, ok := mysql{}.identifier(c, value)
		return ok
	case c.typ == "decimal":
		return decimalTakes(c, value)
	case c.class == number:
		f, err := strconv.ParseFloat(value, 64)
		return err == nil && (!c.unsigned || f >= 0)
	case c.class == jsonClass:
		return json.Valid([]byte(value))
	case c.class == text || c.class == bytesClass:
		return c.length == 0 || len([]rune(value)) <= c.length
	case c.typ == "bit":
		n, ok := new(big.Int).SetString(value, 10)
		return ok && n.Sign() >= 0 && n.BitLen() <= size(c, 1)
	case c.typ == "year":
		n, err := strconv.Atoi(value)
		return err == nil && len(value) == 4 && (n == 0 || n > 1900 && n < 2156)
	case c.typ == "enum":
		return slices.Contains(members(c), value)
	case c.typ == "set":
		return !slices.ContainsFunc(strings.Split(value, ","), func(s string) bool { return s != "" && !slices.Contains(members(c), s) })
	case strings.HasPrefix(c.typ, "inet"):
		a, err := netip.ParseAddr(value)
		return err == nil && (c.typ == "inet6" || a.Is4())
	}
	return momentTakes(c, value)
}

// momentTakes knows the spellings of days and instants with all their digits, the zero dates included.
func momentTakes(c *column, value string) bool {
	layouts := map[string][]string{
		"date": {time.DateOnly}, "time": {time.TimeOnly, "15:04:05.999999"},
		"datetime": {time.DateTime, "2006-01-02 15:04:05.999999", time.DateOnly}, "timestamp": {time.DateTime, "2006-01-02 15:04:05.999999", time.DateOnly},
	}[c.typ]
	if c.typ != "time" && (value == "0000-00-00" || c.typ != "date" && value == "0000-00-00 00:00:00") {
		return layouts != nil
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, value); err == nil {
			return c.typ != "timestamp" || t.Unix() > 0 && t.Year() < 2038
		}
	}
	return false
}

func decimalTakes(c *column, value string) bool {
	r, ok := new(big.Rat).SetString(value)
	if !ok || strings.ContainsAny(value, "/xXoObBpP_") || c.unsigned && r.Sign() < 0 {
		return false
	}
	parts := regexp.MustCompile(`\d+`).FindAllString(c.definition, 2)
	if len(parts) != 2 {
		return false
	}
	precision, _ := strconv.Atoi(parts[0]) // digits, by the expression
	scale, _ := strconv.Atoi(parts[1])
	limit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision-scale)), nil))
	return r.Abs(r).Cmp(limit) < 0
}

// size is the number in a definition such as bit(9).
func size(c *column, otherwise int) int {
	if n, err := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(c.definition)); err == nil {
		return n
	}
	return otherwise
}

// members are the values of an ENUM or SET.
func members(c *column) []string {
	var out []string
	for _, m := range regexp.MustCompile(`'((?:[^']|'')*)'`).FindAllStringSubmatch(c.definition, -1) {
		out = append(out, strings.ReplaceAll(m[1], "''", "'"))
	}
	return out
}
