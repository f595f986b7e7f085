package calendar

import (
	"slices"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/at"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/bg"
	"github.com/rickar/cal/v2/ch"
	"github.com/rickar/cal/v2/cz"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/es"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/gr"
	"github.com/rickar/cal/v2/hr"
	"github.com/rickar/cal/v2/ie"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/lt"
	"github.com/rickar/cal/v2/lv"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/ro"
	"github.com/rickar/cal/v2/se"
	"github.com/rickar/cal/v2/si"
	"github.com/rickar/cal/v2/sk"
)

// calendars holds the public holidays by id: the European Economic Area as far as the library knows it, its neighbours, and
// the German Länder.
func calendars() map[string][]*cal.Holiday {
	return map[string][]*cal.Holiday{
		"AT": at.Holidays,
		"BE": be.Holidays,
		"BG": bg.Holidays,
		// Cantons decide on all but these four, which every one of them keeps.
		"CH":    {ch.Neujahr, ch.Auffahrt, ch.Bundesfeiertag, ch.Weihnachtstag},
		"CZ":    cz.Holidays,
		"DE":    de.Holidays,
		"DE-BB": de.HolidaysBB,
		"DE-BE": de.HolidaysBE,
		"DE-BW": de.HolidaysBW,
		"DE-BY": de.HolidaysBY, // without 15 August and 8 August, which some municipalities keep
		"DE-HB": de.HolidaysHB,
		"DE-HE": de.HolidaysHE,
		"DE-HH": de.HolidaysHH,
		"DE-MV": with(de.HolidaysMV, since(2023, de.Frauentag)),
		"DE-NI": de.HolidaysNI,
		"DE-NW": de.HolidaysNW,
		"DE-RP": de.HolidaysRP,
		"DE-SH": de.HolidaysSH,
		"DE-SL": de.HolidaysSL,
		"DE-SN": de.HolidaysSN, // without Corpus Christi, which some municipalities keep
		"DE-ST": de.HolidaysST,
		"DE-TH": de.HolidaysTH,
		// Constitution Day is a day off by agreement, not by statute.
		"DK": without(dk.Holidays, dk.Grundlovsdag),
		"ES": es.Holidays, // without the days of the autonomous communities
		"FR": fr.Holidays, // without those of Alsace, Moselle and overseas
		"GB": gb.Holidays, // England and Wales
		"GR": gr.Holidays,
		"HR": hr.Holidays,
		"IE": ie.Holidays,
		"IT": it.Holidays,
		"LT": lt.Holidays,
		"LV": lv.Holidays,
		"NL": nl.Holidays,
		"NO": no.Holidays,
		"PL": with(pl.Holidays, fixed(2025, time.December, 24)),
		"RO": with(ro.Holidays, fixed(2024, time.January, 6), fixed(2024, time.January, 7)),
		// Three eves are days off by custom.
		"SE": without(se.Holidays, se.Midsommarafton, se.Julafton, se.Nyarsafton),
		"SI": si.Holidays,
		// Working days again, for good or for single years, since the budget laws of 2023 to 2025.
		"SK": without(sk.Holidays, sk.Liberation, sk.Constitution, sk.LadyOfSorrows, sk.Freedom),
	}
}

func with(list []*cal.Holiday, more ...*cal.Holiday) []*cal.Holiday {
	return append(slices.Clone(list), more...)
}

func without(list []*cal.Holiday, less ...*cal.Holiday) []*cal.Holiday {
	return slices.DeleteFunc(slices.Clone(list), func(h *cal.Holiday) bool { return slices.Contains(less, h) })
}

func since(year int, h *cal.Holiday) *cal.Holiday { return h.Clone(&cal.Holiday{StartYear: year}) }

func fixed(since int, month time.Month, day int) *cal.Holiday {
	return &cal.Holiday{Type: cal.ObservancePublic, StartYear: since, Month: month, Day: day, Func: cal.CalcDayOfMonth}
}
