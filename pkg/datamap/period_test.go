package datamap_test

import (
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

func TestParsePeriod(t *testing.T) {
	for _, s := range []string{"P10Y", "P1Y6M", "P35D", "P1Y2M3DT4H5M6S", "PT12H", "P0D"} {
		t.Run(s, func(t *testing.T) {
			p, err := datamap.ParsePeriod(s)
			if err != nil || p.String() != s {
				t.Errorf("got %s, %v", p, err)
			}
		})
	}
	t.Run("weeks_are_days", func(t *testing.T) {
		if p, err := datamap.ParsePeriod("P2W"); err != nil || p != (datamap.Period{Days: 14}) {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	for _, s := range []string{"", "P", "PT", "P1", "10Y", "P1Y2Y", "P2D1Y", "P0.5Y", "-P1Y", "P-1Y", "P1H", "PP1Y", "P1YT", "P01Y", "p1y", "P99999Y", "P10Y ", "P1S", "P1e3Y", "P١Y"} {
		t.Run("refused_"+s, func(t *testing.T) {
			if p, err := datamap.ParsePeriod(s); err == nil {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func TestPeriodAfter(t *testing.T) {
	for _, tt := range []struct{ name, period, from, want string }{
		{"a_month_ends_with_the_last_day_that_it_has", "P1M", "2027-01-31T10:00:00Z", "2027-02-28T10:00:00Z"},
		{"and_in_a_leap_year", "P1M", "2028-01-31T10:00:00Z", "2028-02-29T10:00:00Z"},
		{"a_leap_day_a_year_later", "P1Y", "2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z"},
		{"months_pass_the_year", "P14M", "2026-11-30T00:00:00Z", "2028-01-30T00:00:00Z"},
		{"days_and_the_clock_come_last", "P1M1DT1H", "2026-01-31T23:30:00Z", "2026-03-02T00:30:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := datamap.ParsePeriod(tt.period)
			if err != nil {
				t.Fatal(err)
			}
			from, _ := time.Parse(time.RFC3339, tt.from)
			if got := p.After(from).Format(time.RFC3339); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestUntil(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	ten, month := &datamap.Period{Years: 10}, &datamap.Period{Months: 1}
	newYear := time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		ground *datamap.Ground
		at     time.Time
		want   string
	}{
		{"from_the_end_of_the_year", &datamap.Ground{From: datamap.FromEndOfYear, Period: ten}, newYear, "2036-12-31"},
		{"the_year_is_the_one_where_the_erasure_is_read", &datamap.Ground{From: datamap.FromEndOfYear, Period: ten}, newYear.In(berlin), "2037-12-31"},
		{"from_the_day_of_the_erasure", &datamap.Ground{From: datamap.FromErasure, Period: month}, time.Date(2027, 1, 31, 9, 0, 0, 0, time.UTC), "2027-02-28"},
		{"without_a_period_it_is_unknown", &datamap.Ground{}, newYear, ""},
		{"without_a_ground_too", nil, newYear, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := tt.ground.Until(tt.at)
			if ok != (tt.want != "") || ok && got.Format(time.DateOnly) != tt.want {
				t.Errorf("got %v, %v", got, ok)
			}
		})
	}
}

func TestGoneBy(t *testing.T) {
	at := time.Date(2026, 11, 27, 9, 14, 0, 0, time.UTC)
	for _, tt := range []struct {
		horizon datamap.Horizon
		want    time.Time
		ok      bool
	}{
		{datamap.Horizon{State: datamap.None}, at, true},
		{datamap.Horizon{State: datamap.Within, Within: datamap.Period{Days: 35}}, time.Date(2027, 1, 1, 9, 14, 0, 0, time.UTC), true},
		{datamap.Horizon{State: datamap.Unknown}, time.Time{}, false},
	} {
		t.Run(tt.horizon.State, func(t *testing.T) {
			if got, ok := tt.horizon.GoneBy(at); !got.Equal(tt.want) || ok != tt.ok {
				t.Errorf("got %v, %v", got, ok)
			}
		})
	}
}
