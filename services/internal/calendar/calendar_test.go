package calendar_test

import (
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/internal/calendar"
)

func holidays(t *testing.T, id string, year int) string {
	t.Helper()
	is, err := calendar.For(id)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for d := time.Date(year, 1, 1, 12, 0, 0, 0, time.UTC); d.Year() == year; d = d.AddDate(0, 0, 1) {
		if is(d) {
			got = append(got, d.Format("2.1."))
		}
	}
	return strings.Join(got, " ")
}

// Dates as published by the authorities, not as computed by the library.
func TestPublishedDates(t *testing.T) {
	for _, tc := range []struct {
		id   string
		year int
		want string
	}{
		{"DE", 2026, "1.1. 3.4. 6.4. 1.5. 14.5. 25.5. 3.10. 25.12. 26.12."},
		{"DE", 2027, "1.1. 26.3. 29.3. 1.5. 6.5. 17.5. 3.10. 25.12. 26.12."},
		{"DE-BE", 2026, "1.1. 8.3. 3.4. 6.4. 1.5. 14.5. 25.5. 3.10. 25.12. 26.12."},
		{"DE-BY", 2026, "1.1. 6.1. 3.4. 6.4. 1.5. 14.5. 25.5. 4.6. 3.10. 1.11. 25.12. 26.12."},
		{"DE-MV", 2027, "1.1. 8.3. 26.3. 29.3. 1.5. 6.5. 17.5. 3.10. 31.10. 25.12. 26.12."},
		{"DE-SN", 2026, "1.1. 3.4. 6.4. 1.5. 14.5. 25.5. 3.10. 31.10. 18.11. 25.12. 26.12."},
		{"DE-TH", 2027, "1.1. 26.3. 29.3. 1.5. 6.5. 17.5. 20.9. 3.10. 31.10. 25.12. 26.12."},
		{"DE-SL", 2026, "1.1. 3.4. 6.4. 1.5. 14.5. 25.5. 4.6. 15.8. 3.10. 1.11. 25.12. 26.12."},
		{"AT", 2026, "1.1. 6.1. 6.4. 1.5. 14.5. 25.5. 4.6. 15.8. 26.10. 1.11. 8.12. 25.12. 26.12."},
		{"CH", 2026, "1.1. 14.5. 1.8. 25.12."},
		{"FR", 2026, "1.1. 6.4. 1.5. 8.5. 14.5. 25.5. 14.7. 15.8. 1.11. 11.11. 25.12."},
		{"NL", 2026, "1.1. 3.4. 6.4. 27.4. 5.5. 14.5. 25.5. 25.12. 26.12."},
		{"BE", 2027, "1.1. 29.3. 1.5. 6.5. 17.5. 21.7. 15.8. 1.11. 11.11. 25.12."},
		{"IE", 2026, "1.1. 2.2. 17.3. 6.4. 4.5. 1.6. 3.8. 26.10. 25.12. 26.12."},
		{"GB", 2027, "1.1. 26.3. 29.3. 3.5. 31.5. 30.8. 25.12. 26.12. 27.12. 28.12."},
		{"GB", 2028, "1.1. 3.1. 14.4. 17.4. 1.5. 29.5. 28.8. 25.12. 26.12."},
		{"IT", 2027, "1.1. 6.1. 29.3. 25.4. 1.5. 2.6. 15.8. 1.11. 8.12. 25.12. 26.12."},
		{"ES", 2026, "1.1. 6.1. 3.4. 1.5. 15.8. 12.10. 1.11. 6.12. 8.12. 25.12."},
		{"PL", 2026, "1.1. 6.1. 6.4. 1.5. 3.5. 4.6. 15.8. 1.11. 11.11. 24.12. 25.12. 26.12."},
		{"RO", 2026, "1.1. 2.1. 6.1. 7.1. 24.1. 10.4. 12.4. 13.4. 1.5. 31.5. 1.6. 15.8. 30.11. 1.12. 25.12. 26.12."},
		{"GR", 2026, "1.1. 6.1. 23.2. 25.3. 10.4. 13.4. 1.5. 1.6. 15.8. 28.10. 25.12. 26.12."},
		{"DK", 2026, "1.1. 2.4. 3.4. 6.4. 14.5. 25.5. 25.12. 26.12."},
		{"SE", 2026, "1.1. 6.1. 3.4. 6.4. 1.5. 14.5. 6.6. 20.6. 31.10. 25.12. 26.12."},
		{"SK", 2026, "1.1. 6.1. 3.4. 6.4. 1.5. 5.7. 29.8. 1.11. 24.12. 25.12. 26.12."},
		{"CZ", 2026, "1.1. 3.4. 6.4. 1.5. 8.5. 5.7. 6.7. 28.9. 28.10. 17.11. 24.12. 25.12. 26.12."},
		{"none", 2026, ""},
	} {
		t.Run(tc.id, func(t *testing.T) {
			if d := cmp.Diff(tc.want, holidays(t, tc.id, tc.year)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAnUnknownIDListsTheKnownOnes(t *testing.T) {
	for _, id := range []string{"", "de-be", "DE-XX", "ZZ"} {
		_, err := calendar.For(id)
		if err == nil || !strings.Contains(err.Error(), "AT, BE, BG") || !strings.HasSuffix(err.Error(), "SK, none") {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestEveryCalendarKeepsNewYear(t *testing.T) {
	for _, id := range calendar.IDs() {
		is, err := calendar.For(id)
		if err != nil {
			t.Fatal(err)
		}
		if got := is(time.Date(2027, 1, 1, 23, 59, 0, 0, time.UTC)); got != (id != calendar.None) {
			t.Errorf("%s: %v", id, got)
		}
	}
}

func TestTheDayIsTakenInItsOwnLocation(t *testing.T) {
	is, err := calendar.For("DE")
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	if is(at) || !is(at.In(berlin)) {
		t.Error("half past midnight in Berlin is New Year there and not yet in UTC")
	}
}

func TestDueDateOfAnEstablishment(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rule, _ := dsr.RuleFor(dsr.GDPR)
	for _, tc := range []struct{ id, received, want string }{
		{"DE-BE", "2026-11-24", "2026-12-24"},
		{"DE-BE", "2026-11-25", "2026-12-28"},
		{"DE-BE", "2027-02-08", "2027-03-09"}, // International Women's Day
		{"DE-BB", "2027-02-08", "2027-03-08"},
		{"DE-BY", "2026-12-06", "2027-01-07"}, // Epiphany
		{"DE-BE", "2026-12-06", "2027-01-06"},
		{"PL", "2026-11-24", "2026-12-28"},
		{"none", "2026-11-25", "2026-12-25"},
	} {
		holiday, err := calendar.For(tc.id)
		if err != nil {
			t.Fatal(err)
		}
		received, err := time.ParseInLocation(time.DateOnly, tc.received, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if got := rule.DueAt(received, berlin, holiday).Format(time.DateOnly); got != tc.want {
			t.Errorf("%s, received %s: due %s, want %s", tc.id, tc.received, got, tc.want)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	is, err := calendar.For("DE-BE")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2000 {
				is(time.Unix(int64(i)*86400, 0))
			}
		})
	}
	wg.Wait()
}

func BenchmarkHoliday(b *testing.B) {
	is, err := calendar.For("DE-BE")
	if err != nil {
		b.Fatal(err)
	}
	day := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		is(day)
	}
}
