package dsr_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func days(dates ...string) func(time.Time) bool {
	set := map[string]bool{}
	for _, d := range dates {
		set[d] = true
	}
	return func(day time.Time) bool { return set[day.Format(time.DateOnly)] }
}

func TestDueAt(t *testing.T) {
	christmas := days("2026-12-25", "2026-12-26", "2027-01-01")
	for _, tc := range []struct {
		name, zone, received, want string
		holiday                    func(time.Time) bool
	}{
		{"same_date_next_month", "Europe/Berlin", "2026-11-24T08:55:00+01:00", "2026-12-24T23:59:59+01:00", nil},
		{"guideline_5_march_gives_until_5_april_or_the_next_working_day", "Europe/Berlin", "2027-03-05T10:00:00+01:00", "2027-04-05T23:59:59+02:00", nil},
		{"guideline_31_august_gives_until_30_september", "Europe/Berlin", "2026-08-31T10:00:00+02:00", "2026-09-30T23:59:59+02:00", nil},
		{"31_january_ends_on_the_last_of_february_moved_off_a_sunday", "Europe/Berlin", "2027-01-31T10:00:00+01:00", "2027-03-01T23:59:59+01:00", nil},
		{"31_january_ends_on_28_february_on_a_working_day", "Europe/Berlin", "2029-01-31T10:00:00+01:00", "2029-02-28T23:59:59+01:00", nil},
		{"31_january_ends_on_29_february_in_a_leap_year", "Europe/Berlin", "2028-01-31T10:00:00+01:00", "2028-02-29T23:59:59+01:00", nil},
		{"30_january_in_a_leap_year", "Europe/Berlin", "2028-01-30T10:00:00+01:00", "2028-02-29T23:59:59+01:00", nil},
		{"29_january_in_a_leap_year", "Europe/Berlin", "2028-01-29T10:00:00+01:00", "2028-02-29T23:59:59+01:00", nil},
		{"29_february_ends_on_29_march", "Europe/Berlin", "2028-02-29T10:00:00+01:00", "2028-03-29T23:59:59+02:00", nil},
		{"28_february_does_not_stretch_to_the_last_of_march", "Europe/Berlin", "2029-02-28T10:00:00+01:00", "2029-03-28T23:59:59+02:00", nil},
		{"end_on_a_saturday", "Europe/Berlin", "2026-12-02T10:00:00+01:00", "2027-01-04T23:59:59+01:00", nil},
		{"end_on_a_sunday", "Europe/Berlin", "2026-12-03T10:00:00+01:00", "2027-01-04T23:59:59+01:00", nil},
		{"end_on_a_holiday_then_a_weekend", "Europe/Berlin", "2026-11-25T10:00:00+01:00", "2026-12-28T23:59:59+01:00", christmas},
		{"end_on_a_holiday_that_is_not_known", "Europe/Berlin", "2026-11-25T10:00:00+01:00", "2026-12-25T23:59:59+01:00", nil},
		{"weekend_then_a_holiday_on_monday", "Europe/Berlin", "2026-03-05T10:00:00+01:00", "2026-04-07T23:59:59+02:00", days("2026-04-03", "2026-04-06")},
		{"holiday_before_the_end_moves_nothing", "Europe/Berlin", "2026-11-29T10:00:00+01:00", "2026-12-29T23:59:59+01:00", christmas},
		{"year_turn", "Europe/Berlin", "2026-12-15T10:00:00+01:00", "2027-01-15T23:59:59+01:00", christmas},
		{"31_december", "Europe/Berlin", "2026-12-31T23:59:59+01:00", "2027-02-01T23:59:59+01:00", nil},
		{"before_midnight_in_the_establishment", "Europe/Berlin", "2026-11-23T22:59:59Z", "2026-12-23T23:59:59+01:00", nil},
		{"after_midnight_in_the_establishment", "Europe/Berlin", "2026-11-23T23:00:00Z", "2026-12-24T23:59:59+01:00", nil},
		{"the_persons_own_zone_does_not_count", "Europe/Berlin", "2026-11-23T20:00:00-08:00", "2026-12-24T23:59:59+01:00", nil},
		{"the_same_instant_in_an_establishment_further_east", "Europe/Helsinki", "2026-11-23T22:30:00Z", "2026-12-24T23:59:59+02:00", nil},
		{"clocks_go_forward_in_between", "Europe/Berlin", "2026-03-24T23:30:00+01:00", "2026-04-24T23:59:59+02:00", nil},
		{"clocks_go_back_in_between", "Europe/Berlin", "2026-10-09T00:30:00+02:00", "2026-11-09T23:59:59+01:00", nil},
		{"ends_on_the_day_after_the_clocks_went_forward", "Europe/Berlin", "2026-02-28T12:00:00+01:00", "2026-03-30T23:59:59+02:00", nil},
		{"received_in_the_hour_that_happens_twice", "Europe/Berlin", "2026-10-25T02:30:00+01:00", "2026-11-25T23:59:59+01:00", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rule, ok := dsr.RuleFor("")
			if !ok {
				t.Fatal("the GDPR has no rule")
			}
			received, err := time.Parse(time.RFC3339, tc.received)
			if err != nil {
				t.Fatal(err)
			}
			got := rule.DueAt(received, zone(t, tc.zone), tc.holiday)
			if got.Format(time.RFC3339) != tc.want {
				t.Errorf("due at %s, want %s", got.Format(time.RFC3339), tc.want)
			}
		})
	}
}

func TestDueAtOfARuleInDays(t *testing.T) {
	got := dsr.Rule{ID: "invented", Days: 45}.DueAt(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), time.UTC, nil)
	if want := time.Date(2027, 1, 8, 23, 59, 59, 0, time.UTC); !got.Equal(want) {
		t.Errorf("due at %s, want %s", got, want)
	}
}

func TestRuleForAnUnknownRegulation(t *testing.T) {
	if r, ok := dsr.RuleFor("unheard-of"); ok || r != (dsr.Rule{}) {
		t.Errorf("got %+v, %v", r, ok)
	}
	if r, ok := dsr.RuleFor(dsr.GDPR); !ok || r.ID != "gdpr-12-3" {
		t.Errorf("got %+v, %v", r, ok)
	}
}

// The end is a working day at its last second, at least 28 days after the day of the receipt, and a later receipt never gives
// an earlier end.
func TestDueAtHolds(t *testing.T) {
	zones := []*time.Location{
		time.UTC, zone(t, "Europe/Berlin"), zone(t, "Atlantic/Azores"), zone(t, "America/St_Johns"),
		zone(t, "Africa/Cairo"), zone(t, "Pacific/Kiritimati"), zone(t, "Australia/Lord_Howe"),
	}
	rule, _ := dsr.RuleFor(dsr.GDPR)
	rapid.Check(t, func(t *rapid.T) {
		loc := rapid.SampledFrom(zones).Draw(t, "zone")
		received := time.Unix(rapid.Int64Range(1.5e9, 4e9).Draw(t, "received"), 0)
		later := received.Add(time.Duration(rapid.Int64Range(0, 90*86400).Draw(t, "later")) * time.Second)
		holiday := func(day time.Time) bool { return day.YearDay()%7 == 3 }
		due := rule.DueAt(received, loc, holiday)
		if h, m, s := due.Clock(); h != 23 || m != 59 || s != 59 || due.Location() != loc {
			t.Fatalf("%s is not the last second of a day", due)
		}
		if wd := due.Weekday(); wd == time.Saturday || wd == time.Sunday || holiday(due) {
			t.Fatalf("%s is no working day", due)
		}
		if due.Sub(received) < 28*24*time.Hour-2*time.Hour {
			t.Fatalf("%s is less than a month after %s", due, received)
		}
		if next := rule.DueAt(later, loc, holiday); next.Before(due) {
			t.Fatalf("received later but due earlier: %s, %s", due, next)
		}
	})
}
