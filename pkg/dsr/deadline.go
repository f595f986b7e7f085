package dsr

import "time"

// Rule is how long a regulation gives for an answer. A regulation's clock is data, not code.
type Rule struct {
	ID     string // goes into the record
	Months int
	Days   int
}

// RuleFor returns the clock of a regulation.
func RuleFor(regulation string) (Rule, bool) {
	switch regulation {
	case "", GDPR:
		return Rule{ID: "gdpr-12-3", Months: 1}, true
	}
	return Rule{}, false
}

// DueAt is the last second in which an answer is in time for a request received at the given instant, in the establishment's
// time zone. It follows GDPR Art. 12(3) (one month from receipt) with Regulation (EEC, Euratom) 1182/71:
//
//   - Art. 3(1): the day of the receipt is not counted;
//   - Art. 3(2)(c): a period in months ends with the last hour of the day of the same date in the last month, and with the
//     last day of that month where it has no such date;
//   - Art. 3(4): an end on a Saturday, a Sunday or a public holiday moves to the end of the next working day.
//
// holiday reports whether a day is a public holiday of the establishment; nil means that none is known.
func (r Rule) DueAt(received time.Time, zone *time.Location, holiday func(day time.Time) bool) time.Time {
	local := received.In(zone)
	y, m, d := local.Date()
	y, m, d = addMonths(y, m, d, r.Months)
	day := time.Date(y, m, d+r.Days, 12, 0, 0, 0, zone) // noon exists on every day, whatever the clocks do
	for !workingDay(day, holiday) {
		y, m, d = day.Date()
		day = time.Date(y, m, d+1, 12, 0, 0, 0, zone)
	}
	y, m, d = day.Date()
	return time.Date(y, m, d, 23, 59, 59, 0, zone)
}

func addMonths(y int, m time.Month, d, months int) (int, time.Month, int) {
	first := time.Date(y, m+time.Month(months), 1, 12, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.Year(), first.Month(), min(d, last)
}

func workingDay(day time.Time, holiday func(time.Time) bool) bool {
	if wd := day.Weekday(); wd == time.Saturday || wd == time.Sunday {
		return false
	}
	return holiday == nil || !holiday(day)
}
