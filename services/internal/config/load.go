package config

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Option says more about how a configuration is read.
type Option func(*loader)

// For says what the program does: what that needs and nobody gave is a problem.
func For(roles ...Role) Option {
	return func(l *loader) {
		for _, r := range roles {
			if r == Serve {
				l.roles = append(l.roles, Coordinator, Responder, Packager)
			}
			l.roles = append(l.roles, r)
		}
	}
}

// ForSystem says that the program is the responder of one system: that system must be there, and complete. Other systems may lack
// what only their own responders need, so that each process holds its own system's secrets alone. For(Responder) and For(Serve)
// demand all of them.
func ForSystem(name string) Option {
	return func(l *loader) {
		l.roles = append(l.roles, Responder)
		l.system = name
	}
}

// ForDev takes the defaults of --dev, under which everything that Lethe keeps stands in one directory and waits are short.
func ForDev(dir string) Option {
	return func(l *loader) { l.dev, l.dir = true, dir }
}

// Load reads the YAML file at path (none where it is empty), then the variables of environ (as [os.Environ] gives them) over it.
// The error is an [*Error] with every problem there is, unless the file itself could not be read.
func Load(path string, environ []string, options ...Option) (Config, error) {
	l := newLoader(options)
	if l.dev {
		dir, err := filepath.Abs(l.dir)
		if err != nil {
			return Config{}, fmt.Errorf("find the directory of --dev: %w", err)
		}
		l.dir = dir
	}
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("read configuration: %w", err)
		}
		l.readFile(path, data)
	}
	l.readEnviron(environ)
	c := l.apply()
	l.check(&c)
	if err := l.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Default is the configuration of somebody who said nothing.
func Default() Config {
	c, err := Load("", nil)
	if err != nil {
		panic(err) // the table of settings contradicts itself
	}
	return c
}

// loader is one reading of a configuration.
type loader struct {
	problems
	settings []setting
	known    map[string]bool  // names of settings, with *
	sections map[string]bool  // what their names begin with
	given    map[string]given // by full name
	parts    []part
	roles    []Role
	system   string // whose responder this is; empty: all, if it is one
	dev      bool
	dir      string
}

func newLoader(options []Option) *loader {
	l := &loader{settings: settings(), known: map[string]bool{}, sections: map[string]bool{}, given: map[string]given{}}
	for _, s := range l.settings {
		l.known[s.name] = true
		for i, r := range s.name {
			if r == '.' {
				l.sections[s.name[:i]] = true
			}
		}
	}
	for _, o := range options {
		o(l)
	}
	return l
}

// companion returns the name without the suffix of a secret's companion, where a secret has that name.
func (l *loader) companion(name string) (string, bool) {
	short, ok := strings.CutSuffix(name, fileSuffix)
	return short, ok && slices.ContainsFunc(l.settings, func(s setting) bool { return s.name == short && s.secret() })
}

var nameForm = regexp.MustCompile(nameChars)

func nameOK(s string) bool { return len(s) <= 100 && nameForm.MatchString(s) }

// partsOf lists the parts in which the setting stands: the one unnamed part for most.
func (l *loader) partsOf(s setting) []part {
	section, _, chosen := strings.Cut(s.name, ".*.")
	if !chosen {
		return []part{{}}
	}
	var out []part
	for _, p := range l.parts {
		if p.section == section {
			out = append(out, p)
		}
	}
	return out
}

// full is the setting's name in the part.
func (p part) full(s setting) string { return strings.Replace(s.name, "*", p.name, 1) }

// apply fills in what was given, and the defaults.
func (l *loader) apply() Config {
	c := Config{Environment: Production, origin: map[string]string{}}
	if l.dev {
		c.Environment = Dev
		l.devEstablishment()
	}
	for _, s := range l.settings {
		for _, p := range l.partsOf(s) {
			name := p.full(s)
			def := s.def
			if l.dev && s.dev != "" {
				def = l.inDir(s.dev)
			}
			if g, ok := l.given[name]; ok {
				l.set(&c, s, p, g)
			} else if def != "" {
				if err := s.bind(&c, p.name).set(raw{kind: plain, text: def}); err != nil {
					l.add(place{}, name, "by default %v", err)
				}
				c.origin[name] = "default"
			} else {
				l.missing(s, p, name)
			}
		}
	}
	return c
}

func (l *loader) set(c *Config, s setting, p part, g given) {
	name := p.full(s)
	if g.kind == unread {
		return // said already
	}
	c.origin[name] = g.at.String()
	if g.inFile {
		secret, err := secretOf(g.raw)
		if err != nil {
			l.add(g.at, name+fileSuffix, "%v", err)
			return
		}
		g.raw = secret
	}
	if err := s.bind(c, p.name).set(g.raw); err != nil {
		if g.inFile {
			name += fileSuffix
			err = fmt.Errorf("names a file whose content %w", err)
		}
		l.add(g.at, name, "%v", err)
	}
}

// maxSecret is far beyond what a database URL can be: whoever names a longer file has named the wrong one.
const maxSecret = 64 << 10

// secretOf reads the file that a secret's companion names.
func secretOf(r raw) (raw, error) {
	var path string
	if err := (pathValue{&path}).set(r); err != nil {
		return raw{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return raw{}, fmt.Errorf("names a file that cannot be read: %w", err)
	}
	data = bytes.TrimRight(data, "\r\n")
	switch {
	case len(data) == 0:
		return raw{}, fmt.Errorf("names an empty file, %s", path)
	case len(data) > maxSecret:
		return raw{}, fmt.Errorf("names a file of more than %d bytes, %s", maxSecret, path)
	}
	return raw{kind: plain, text: string(data)}, nil
}

// missing reports a setting that somebody needs and nobody gave.
func (l *loader) missing(s setting, p part, name string) {
	hint := hint(name, s.secret())
	if s.always {
		l.add(p.at, name, "is not set; %s", hint)
		return
	}
	if l.dev && s.name == brokers {
		return
	}
	for _, r := range l.roles {
		if slices.Contains(s.needs, r) {
			l.add(place{}, name, "is not set, and %s needs it; %s", r, hint)
			return
		}
	}
}

func hint(name string, secret bool) string {
	out := "set it in the file or by " + Variable(name)
	if secret {
		out += ", or its file by " + Variable(name+fileSuffix)
	}
	return out
}

// devEstablishment gives --dev an establishment where the operator names none.
func (l *loader) devEstablishment() {
	const section, name = "establishments", "dev"
	if slices.ContainsFunc(l.parts, func(p part) bool { return p.section == section }) {
		return
	}
	at := place{source: "default"}
	l.parts = append(l.parts, part{section, name, at})
	l.given[section+"."+name+".time_zone"] = given{raw: raw{kind: plain, text: "UTC"}, at: at}
	l.given[section+"."+name+".calendar"] = given{raw: raw{kind: plain, text: "none"}, at: at}
}

// inDir puts the directory of --dev into a default.
func (l *loader) inDir(s string) string {
	dir := filepath.ToSlash(l.dir)
	if strings.HasPrefix(s, "file://") {
		dir = (&url.URL{Path: dir}).EscapedPath()
	}
	return strings.ReplaceAll(s, "{dir}", dir)
}
