package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

var errDuration = errors.New("is no duration: write it as 7d, 36h, 90m, 10s or 1d12h")

// ParseDuration reads a Go duration that may begin with a number of days of 24 hours: 7d, 1d12h, 36h, 10s. A bare number,
// zero included, is refused: its unit would be a guess.
func ParseDuration(s string) (time.Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		d, err := time.ParseDuration(s)
		if err != nil || s == "0" {
			return 0, errDuration
		}
		return d, nil
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil {
		return 0, errDuration
	}
	if n > 100_000 {
		return 0, fmt.Errorf("is longer than 100000 days")
	}
	d := time.Duration(n) * day
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || strings.ContainsAny(rest[:1], "+-") || rest == "0" {
		return 0, errDuration
	}
	return d + more, nil
}

// FormatDuration writes a duration as [ParseDuration] reads it, in the shortest way: 7d, 1d12h, 36m.
func FormatDuration(d time.Duration) string {
	if d < 0 {
		return d.String()
	}
	var out string
	if n := d / day; n > 0 {
		out, d = fmt.Sprintf("%dd", n), d%day
	}
	if d == 0 && out != "" {
		return out
	}
	text := d.String() // such as 1h0m0s
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return out + text
}
