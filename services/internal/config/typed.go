package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/schemas"
)

// intValue is a whole number within bounds.
type intValue struct {
	to       *int
	min, max int
}

func (v intValue) set(r raw) error {
	s, err := scalar(r, number)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		return errors.New("wants a whole number")
	case n < v.min || n > v.max:
		return fmt.Errorf("is %d, must be from %d to %d", n, v.min, v.max)
	}
	*v.to = n
	return nil
}

func (v intValue) typ() string  { return fmt.Sprintf("number, %d to %d", v.min, v.max) }
func (v intValue) show() string { return strconv.Itoa(*v.to) }

// rateValue is a number a second, not negative.
type rateValue struct{ to *float64 }

const maxRate = 1e6

func (v rateValue) set(r raw) error {
	s, err := scalar(r, number)
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil:
		return errors.New("wants a number")
	case !(f >= 0 && f <= maxRate): // NaN is neither
		return fmt.Errorf("is %s, must be from 0 to %.0f", s, maxRate)
	}
	*v.to = f
	return nil
}

func (v rateValue) typ() string  { return "number, 0: no limit" }
func (v rateValue) show() string { return strconv.FormatFloat(*v.to, 'g', -1, 64) }

type boolValue struct{ to *bool }

func (v boolValue) set(r raw) error {
	s, err := scalar(r, boolean)
	if err != nil {
		return err
	}
	switch s {
	case "true", "false":
	default:
		return errors.New("wants true or false")
	}
	*v.to = s == "true"
	return nil
}

func (v boolValue) typ() string  { return "true, false" }
func (v boolValue) show() string { return strconv.FormatBool(*v.to) }

// durationValue is a duration within bounds.
type durationValue struct {
	to       *time.Duration
	min, max time.Duration
}

func (v durationValue) set(r raw) error {
	if r.kind == number {
		return errors.New("wants a duration with its unit, such as 7d or 36h")
	}
	s, err := scalar(r, text)
	if err != nil {
		return err
	}
	d, err := ParseDuration(s)
	switch {
	case err != nil:
		return err
	case d < v.min || d > v.max:
		return fmt.Errorf("is %s, must be from %s to %s", s, FormatDuration(v.min), FormatDuration(v.max))
	}
	*v.to = d
	return nil
}

func (v durationValue) typ() string {
	return fmt.Sprintf("duration, %s to %s", FormatDuration(v.min), FormatDuration(v.max))
}
func (v durationValue) show() string { return FormatDuration(*v.to) }

type databaseValue struct{ to *Database }

func (v databaseValue) set(r raw) error {
	s, err := scalar(r, text)
	if err != nil {
		return err
	}
	d, err := ParseDatabase(s)
	if err != nil {
		return err
	}
	*v.to = d
	return nil
}

func (v databaseValue) typ() string  { return "database URL, secret" }
func (v databaseValue) show() string { return v.to.String() }

type zoneValue struct{ to **time.Location }

func (v zoneValue) set(r raw) error {
	s, err := scalar(r, text)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" { // a record must say the same on every machine
		return fmt.Errorf("is no name of the time zone database, such as Europe/Berlin")
	}
	*v.to = zone
	return nil
}

func (v zoneValue) typ() string { return "time zone" }

func (v zoneValue) show() string {
	if *v.to == nil {
		return ""
	}
	return (*v.to).String()
}

type levelValue struct{ to *slog.Level }

func (v levelValue) set(r raw) error {
	s, err := scalar(r, text)
	if err != nil {
		return err
	}
	for _, level := range levels() {
		if s == levelName(level) {
			*v.to = level
			return nil
		}
	}
	return fmt.Errorf("is %q, not one of %s", s, v.typ())
}

func levels() []slog.Level {
	return []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
}

func levelName(l slog.Level) string { return strings.ToLower(l.String()) }

func (v levelValue) typ() string {
	var names []string
	for _, level := range levels() {
		names = append(names, levelName(level))
	}
	return strings.Join(names, ", ")
}
func (v levelValue) show() string { return levelName(*v.to) }

// versionsValue is a version of each of some schemas, as a list of schema=version.
type versionsValue struct{ to *map[string]int }

func (v versionsValue) set(r raw) error {
	var items []string
	if err := (listValue{&items, v.typ(), nil, false}).set(r); err != nil {
		return err
	}
	out := make(map[string]int, len(items))
	for i, item := range items {
		name, text, _ := strings.Cut(item, "=")
		if !slices.Contains(schemas.Messages(), name) {
			return fmt.Errorf("item %d: %q is no schema=version of one of %s", i+1, item, strings.Join(schemas.Messages(), ", "))
		}
		history, err := schemas.History(name)
		if err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > len(history) {
			return fmt.Errorf("item %d: %q is none of the versions 1 to %d", i+1, text, len(history))
		}
		if _, twice := out[name]; twice {
			return fmt.Errorf("item %d: %s is there twice", i+1, name)
		}
		out[name] = n
	}
	*v.to = out
	return nil
}

func (v versionsValue) typ() string { return "list of schema=version" }

func (v versionsValue) show() string {
	var items []string
	for _, name := range slices.Sorted(maps.Keys(*v.to)) {
		items = append(items, name+"="+strconv.Itoa((*v.to)[name]))
	}
	return strings.Join(items, ",")
}
