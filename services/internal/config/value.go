package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/services/internal/calendar"
)

// raw is a value as it was given.
type raw struct {
	kind  kind
	text  string // of a scalar
	items []raw
	base  string // what a relative path is relative to; empty: the working directory
}

type kind int

// Kinds of value. What comes from the environment, a secret's file or the table of defaults is plain: text that may stand for
// any type.
const (
	plain kind = iota
	null
	text
	number
	boolean
	list
	mapping
	unread // reported already
)

func (k kind) String() string {
	return [...]string{"text", "nothing", "text", "a number", "true or false", "a list", "a mapping", "nothing"}[k]
}

// value is where a setting goes, and how it is read and shown. The errors of set go on from the setting's name.
type value interface {
	set(r raw) error
	typ() string // for the reference
	show() string
}

// scalar returns the text of r if r is of the wanted kind.
func scalar(r raw, want kind) (string, error) {
	switch {
	case r.kind == plain, r.kind == want:
		return r.text, nil
	case r.kind == null:
		return "", errors.New("has no value")
	case want == text && (r.kind == number || r.kind == boolean):
		return "", fmt.Errorf("wants text, found %s: quote it", r.kind)
	}
	return "", fmt.Errorf("wants %s, found %s", want, r.kind)
}

// textValue is text, checked.
type textValue struct {
	to    *string
	name  string // of the type
	check func(string) error
}

func (v textValue) set(r raw) error {
	s, err := scalar(r, text)
	switch {
	case err != nil:
		return err
	case s == "":
		return errors.New("is empty")
	}
	if v.check != nil {
		if err := v.check(s); err != nil {
			return err
		}
	}
	*v.to = s
	return nil
}

func (v textValue) typ() string  { return v.name }
func (v textValue) show() string { return *v.to }

func oneOf(to *string, choices ...string) value {
	return textValue{to, strings.Join(choices, ", "), func(s string) error {
		if !slices.Contains(choices, s) {
			return fmt.Errorf("is %q, not one of %s", s, strings.Join(choices, ", "))
		}
		return nil
	}}
}

// blobURL is a URL of gocloud.dev/blob.
func blobURL(to *string, schemes ...string) value {
	return textValue{to, "URL: " + strings.Join(schemes, ", "), func(s string) error {
		u, err := url.Parse(s)
		if err != nil || !slices.Contains(schemes, u.Scheme) {
			return fmt.Errorf("is no URL of one of the schemes %s", strings.Join(schemes, ", "))
		}
		switch {
		case u.User != nil:
			return errors.New("holds a user or a password: they belong into the cloud's own environment variables")
		case u.Scheme == "file" && (u.Host != "" || len(u.Path) < 2):
			return errors.New("names no directory: write file:///absolute/path")
		case u.Scheme == "file" && (u.RawQuery != "" || u.Fragment != ""):
			return errors.New("has options: a directory takes none")
		case u.Scheme != "file" && u.Host == "":
			return errors.New("names no bucket")
		}
		return nil
	}}
}

func calendarValue(to *string) value {
	return textValue{to, "calendar id", func(s string) error {
		if _, err := calendar.For(s); err != nil {
			return fmt.Errorf("is %w", err)
		}
		return nil
	}}
}

// pathValue is the path of a file or directory; one in the configuration file is relative to that file.
type pathValue struct{ to *string }

func (v pathValue) set(r raw) error {
	s, err := scalar(r, text)
	switch {
	case err != nil:
		return err
	case s == "":
		return errors.New("is empty")
	}
	*v.to = at(r.base, s)
	return nil
}

func (v pathValue) typ() string  { return "path" }
func (v pathValue) show() string { return *v.to }

func at(base, path string) string {
	if filepath.IsAbs(path) || base == "" {
		return path
	}
	return filepath.Join(base, path)
}

// listValue is a list of texts; from the environment they are set apart by commas.
type listValue struct {
	to    *[]string
	name  string
	check func(string) error
	paths bool
}

func (v listValue) set(r raw) error {
	items := r.items
	switch r.kind {
	case plain:
		for s := range strings.SplitSeq(r.text, ",") {
			items = append(items, raw{plain, strings.TrimSpace(s), nil, r.base})
		}
	case list:
	case null:
		return errors.New("has no value")
	default:
		return fmt.Errorf("wants a list, found %s", r.kind)
	}
	out := make([]string, 0, len(items))
	for i, item := range items {
		s, err := scalar(item, text)
		switch {
		case err != nil:
			return fmt.Errorf("item %d: %w", i+1, err)
		case s == "":
			return fmt.Errorf("item %d: is empty", i+1)
		}
		if v.paths {
			s = at(item.base, s)
		}
		if v.check != nil {
			if err := v.check(s); err != nil {
				return fmt.Errorf("item %d: %w", i+1, err)
			}
		}
		if slices.Contains(out, s) {
			return fmt.Errorf("item %d: %q is there twice", i+1, s)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return errors.New("is an empty list")
	}
	*v.to = out
	return nil
}

func (v listValue) typ() string  { return v.name }
func (v listValue) show() string { return strings.Join(*v.to, ",") }
