package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Where a ground counts its period from a field of the row (from_field), the line states the latest day over the rows that stay. A row
// without such a day counts from the erasure, as all do where the map names no field.

// oldness is how old the rows of one person are that stay.
type oldness struct {
	latest  time.Time // the last of their days; zero: none has one
	undated int64     // rows without a day
}

// dates plans from which column the day of a row is read.
func (b *planner) dates(r *rowset) {
	g := r.rows.Ground
	if g == nil || g.FromField == nil {
		return
	}
	c, ok := r.table.column(g.FromField.Name)
	if !ok {
		return // reported
	}
	if !b.d.dated(c) {
		b.at(g.Pos, "the ground for %s counts from %s, which has type %s: it takes a date or an instant", r.label(), g.FromField.Label(), c.typ)
		return
	}
	r.day = c
}

// age reads the days of the rows that stay, by one statement.
func (b *batch) age(ctx context.Context, r *rowset, out *answers) error {
	if r.day == nil || !b.made[r] || r.rows.Policy == "" || r.rows.Policy == datamap.Delete && !r.up {
		return nil
	}
	p := r.p
	day := "t." + p.d.quote(r.day.name)
	which := "x.g = 0"
	if r.rows.Policy == datamap.Delete {
		which += " AND x.s = 1"
	}
	query := fmt.Sprintf("SELECT x.d, coalesce(%s, ''), sum(CASE WHEN %s THEN 0 ELSE 1 END) FROM %s AS x %s %s AS t ON %s WHERE %s GROUP BY x.d",
		p.d.text("max(CASE WHEN "+p.d.hasDay(day)+" THEN "+day+" END)"), p.d.hasDay(day), p.d.temporaryName(r.name), p.d.join(), p.tableName(r.table), r.sameKey("x", "t"), which)
	return failed("read the days of "+r.label(), b.db.read(ctx, func(row scanner) error {
		var d int
		var latest string
		var undated int64
		if err := row.Scan(&d, &latest, &undated); err != nil {
			return err
		}
		t := &out.tally(d, r).age
		t.undated += undated
		latest, _, _ = strings.Cut(strings.Replace(latest, " ", "T", 1), "T")
		at, err := time.Parse(time.DateOnly, latest)
		switch {
		case err != nil && undated == 0:
			t.undated++ // a day that is none: as if it were missing
		case err == nil && at.After(t.latest):
			t.latest = at
		}
		return nil
	}, query))
}

// until is the last day on which the rows may stay; false where the map states no period.
func (a *answers) until(r *rowset, t *tally) (time.Time, bool) {
	var out time.Time
	for _, from := range []struct {
		at    time.Time
		holds bool
	}{{a.now, t.age.undated > 0 || t.age.latest.IsZero()}, {t.age.latest, !t.age.latest.IsZero()}} {
		if !from.holds {
			continue
		}
		day, ok := r.rows.Ground.Until(from.at)
		if !ok {
			return day, false
		}
		if day.After(out) {
			out = day
		}
	}
	return out, true
}

// aged states until when rows stay by their own days.
func (a *answers) aged(c *dsr.Collection, r *rowset, t *tally) {
	until, ok := a.until(r, t)
	if !ok {
		return
	}
	c.Until = &until
	if t.age.undated > 0 {
		note(c, fmt.Sprintf("rows without a day in %s: %d; their period counts from the erasure", r.day.name, t.age.undated))
	}
	if until.Before(a.now.Truncate(24 * time.Hour)) {
		note(c, "the period of these rows has ended: nothing in the data map says why they are still there")
	}
}

// PostgreSQL and MariaDB know what a day is; SQLite keeps text, and only what is written as ISO 8601 is one.

func (postgres) dated(c *column) bool {
	return c.typ == "date" || strings.HasPrefix(c.typ, "timestamp")
}

func (mysql) dated(c *column) bool {
	return slices.Contains([]string{"date", "datetime", "timestamp"}, c.typ)
}

func (lite) dated(c *column) bool { return c.class != bytesClass && c.class != jsonClass }

func (postgres) hasDay(expr string) string { return expr + " IS NOT NULL AND isfinite(" + expr + ")" }

func (mysql) hasDay(expr string) string { return expr + " IS NOT NULL AND YEAR(" + expr + ") > 0" }

func (lite) hasDay(expr string) string {
	return expr + " IS NOT NULL AND " + expr + " GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]*'"
}
