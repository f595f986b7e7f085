package config

import (
	"maps"
	"slices"
	"strings"
)

const (
	// PathVariable names the configuration file where the command line does not. It is no setting.
	PathVariable = "LETHE_CONFIG"

	prefix     = "LETHE_"
	fileSuffix = "_file" // of the companion of a secret, which names a file that holds it
)

// foreign reports whether a variable is no setting though it looks like one: those of the command line, and of this repository's
// scripts and tests (LETHE_CRASH_AT is read by builds with the tag lethetest alone).
func foreign(variable string) bool {
	switch variable {
	case PathVariable, "LETHE_CACHE", "LETHE_CRASH_AT":
		return true
	}
	return strings.HasPrefix(variable, "LETHE_TEST_")
}

// Variable is the environment variable that goes over a setting: kafka.brokers is LETHE_KAFKA_BROKERS. What is neither letter
// nor digit in the name of a system or establishment becomes an underscore too.
func Variable(name string) string {
	return prefix + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, name)
}

// target is the setting that a variable sets.
type target struct {
	name   string
	inFile bool
}

// readEnviron takes in the variables, over what the file gave. A variable that is set to nothing counts as not set: that is
// how compose files and charts pass on what they were not given.
func (l *loader) readEnviron(environ []string) {
	targets := l.targets()
	vars := map[string]string{}
	for _, e := range environ {
		name, v, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, prefix) && !foreign(name) && v != "" {
			vars[name] = v
		}
	}
	from := map[string]string{} // setting → variable
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		at := place{source: name}
		ts := targets[name]
		switch {
		case len(ts) == 0:
			l.unknown(at)
			continue
		case len(ts) > 1:
			l.add(at, "", "sets %s as well as %s: rename one of them", ts[0].name, ts[1].name)
			continue
		}
		t := ts[0]
		if other, twice := from[t.name]; twice {
			l.add(at, t.name, "is given twice, here and by %s", other)
			continue
		}
		from[t.name] = name
		l.given[t.name] = given{raw: raw{kind: plain, text: vars[name]}, at: at, inFile: t.inFile}
	}
}

// targets lists what each variable would set, given the names in the file.
func (l *loader) targets() map[string][]target {
	out := map[string][]target{}
	for _, s := range l.settings {
		for _, p := range l.partsOf(s) {
			name := p.full(s)
			out[Variable(name)] = append(out[Variable(name)], target{name, false})
			if s.secret() {
				out[Variable(name+fileSuffix)] = append(out[Variable(name+fileSuffix)], target{name, true})
			}
		}
	}
	return out
}

func (l *loader) unknown(at place) {
	for _, section := range []string{"systems", "establishments"} {
		if strings.HasPrefix(at.source, Variable(section)+"_") {
			l.add(at, "", "is no setting of one of the %s that the file names; a variable can only change what the file names", section)
			return
		}
	}
	l.add(at, "", "is no setting")
}
