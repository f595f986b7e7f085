// Package calendar knows the public holidays of a controller's establishment, which move the end of a period under
// Regulation (EEC, Euratom) 1182/71, Art. 3(4).
//
// The dates come from github.com/rickar/cal. A holiday that is missing here makes an answer due a working day earlier, which is
// harmless; a day that is taken for a holiday and is none would make it late. So whatever is kept in parts of a country only,
// or is a day off by custom, or has an uncertain future, is left out, and days are added only where the law is plain.
//
// Where to read next: [dsr.Rule.DueAt], which takes what [For] returns.
package calendar

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
)

// None is the id of the calendar without holidays: due dates then move off Saturdays and Sundays alone.
const None = "none"

// For returns the function that reports whether a day is a public holiday under the calendar with this id: a country
// (ISO 3166-1), a part of one (ISO 3166-2, such as "DE-BE" for Berlin), or [None]. The function looks at the date of the day in
// the day's own location and is safe for concurrent use. An unknown id is an error that lists the known ones.
func For(id string) (func(day time.Time) bool, error) {
	if id == None {
		return func(time.Time) bool { return false }, nil
	}
	holidays, ok := calendars()[id]
	if !ok {
		return nil, fmt.Errorf("no calendar of public holidays called %q; there are %s", id, strings.Join(IDs(), ", "))
	}
	// Not cacheable: the library's cache is a map without a lock.
	c := &cal.Calendar{Name: id, Holidays: holidays}
	return func(day time.Time) bool {
		actual, observed, _ := c.IsHoliday(day)
		return actual || observed
	}, nil
}

// IDs returns the ids of all calendars, sorted, [None] last.
func IDs() []string {
	return append(slices.Sorted(maps.Keys(calendars())), None)
}
