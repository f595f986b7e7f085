package datamap

import (
	"fmt"
	"math"
	"time"

	"github.com/sosodev/duration"
)

// Period is a length of calendar time: years, months and days, then a time of the clock. The zero Period is no time at all.
type Period struct {
	Years, Months, Days int
	Clock               time.Duration
}

const maxPart = 9999 // of each part of a period; keeps dates within four-digit years for a while

// ParsePeriod reads an ISO 8601 duration in whole, positive parts: P10Y, P1Y6M, P35D, P2W, PT12H.
func ParsePeriod(s string) (Period, error) {
	d, err := duration.Parse(s)
	if err != nil {
		return Period{}, fmt.Errorf("%q is no ISO 8601 duration such as P10Y or P35D", s)
	}
	// The library lets P1Y2Y and P2D1Y pass and keeps what it read last; what it would write itself is unambiguous.
	if s != d.String() && s != "P0D" {
		return Period{}, fmt.Errorf("%q is no ISO 8601 duration such as P10Y or P35D, in this order and each part once", s)
	}
	for _, part := range []float64{d.Years, d.Months, d.Weeks, d.Days, d.Hours, d.Minutes, d.Seconds} {
		if d.Negative || part != math.Trunc(part) || part > maxPart {
			return Period{}, fmt.Errorf("%q: the parts of a period are whole numbers from 0 to %d", s, maxPart)
		}
	}
	return Period{
		Years: int(d.Years), Months: int(d.Months), Days: int(d.Days) + 7*int(d.Weeks),
		Clock: time.Duration(d.Hours)*time.Hour + time.Duration(d.Minutes)*time.Minute + time.Duration(d.Seconds)*time.Second,
	}, nil
}

// After returns the instant a period later, in t's location. Where the month has no such day it is the month's last
// (Regulation 1182/71, Art. 3(2)(c)).
func (p Period) After(t time.Time) time.Time {
	y, m, d := t.Date()
	first := time.Date(y+p.Years, m+time.Month(p.Months), 1, 0, 0, 0, 0, time.UTC)
	day := min(d, first.AddDate(0, 1, -1).Day())
	h, mi, s := t.Clock()
	return time.Date(first.Year(), first.Month(), day+p.Days, h, mi, s, t.Nanosecond(), t.Location()).Add(p.Clock)
}

// String returns the ISO 8601 form, P0D for no time at all.
func (p Period) String() string {
	if p == (Period{}) {
		return "P0D"
	}
	d := duration.Duration{
		Years: float64(p.Years), Months: float64(p.Months), Days: float64(p.Days),
		Hours: float64(p.Clock / time.Hour), Minutes: float64(p.Clock % time.Hour / time.Minute), Seconds: (p.Clock % time.Minute).Seconds(),
	}
	return d.String()
}

// longer compares periods by where they lead from one fixed day: a month has no length of its own.
func (p Period) longer(q Period) bool {
	from := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return p.After(from).After(q.After(from))
}

// period returns nil for a key that is absent or wrong.
func (r *reader) period(n *node, what string) *Period {
	if n == nil {
		return nil
	}
	if n.kind != textNode {
		r.wrong(n, what, "an ISO 8601 duration")
		return nil
	}
	p, err := ParsePeriod(n.text)
	if err != nil {
		r.errs.add(n.pos, "%s: %v", what, err)
		return nil
	}
	return &p
}
