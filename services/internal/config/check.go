package config

import (
	"maps"
	"slices"
	"strings"
)

const brokers = "kafka.brokers"

// check holds settings against each other. It leaves out what was not read, for that is said already.
func (l *loader) check(c *Config) {
	if l.dev {
		if g, ok := l.given[brokers]; ok {
			l.add(g.at, brokers, "is not used with --dev, which brings its own broker")
		}
	}
	if c.Kafka.MinInsyncReplicas > c.Kafka.Replication {
		l.against("kafka.min_insync_replicas", "kafka.replication", "is more than %s, so that nothing could be written", "kafka.replication")
	}
	l.checkEstablishment(c)
	l.checkStore(c)
	l.checkRetention(c)
	if _, err := c.System(l.system); l.system != "" && err != nil {
		l.add(place{}, "", "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Systems)) {
		l.checkSystem(c, name, c.Systems[name])
	}
}

// serves reports whether this process answers for the system.
func (l *loader) serves(name string) bool {
	return slices.Contains(l.roles, Responder) && (l.system == "" || l.system == name)
}

func (l *loader) checkEstablishment(c *Config) {
	const name = "controller.establishment"
	if e := c.Controller.Establishment; e != "" && c.Establishments[e] == nil {
		known := "there are none"
		if len(c.Establishments) > 0 {
			known = "there are " + strings.Join(slices.Sorted(maps.Keys(c.Establishments)), ", ")
		}
		l.against(name, name, "is %q, which is none of the establishments: %s", e, known)
	}
}

func (l *loader) checkStore(c *Config) {
	switch c.Store.Database.Engine() {
	case SQLite:
	case MySQL:
		l.against("store.url", "store.url", "names a MariaDB database: the coordinator's is PostgreSQL or SQLite, and MariaDB is for systems")
		return
	default:
		return
	}
	for _, name := range []string{"store.schema", "store.max_connections"} {
		if g, ok := l.given[name]; ok {
			l.add(g.at, name, "is for PostgreSQL, and store.url names an SQLite file")
		}
	}
}

// checkRetention holds what keeps twice from being more than once: a message is gone before it may no longer be acted on, and
// that is before the ledger forgets that it was.
func (l *loader) checkRetention(c *Config) {
	for _, pair := range []struct {
		shorter, longer string
		holds           bool
		because         string
	}{
		{
			"limits.silence", "limits.internal_retention", c.Limits.Silence <= c.Limits.InternalRetention,
			"a system that was away must still find its work",
		},
		{
			"limits.internal_retention", "limits.not_after", c.Limits.InternalRetention < c.Limits.NotAfter,
			"a message that is still there must still be worked",
		},
		{
			"limits.not_after", "limits.ledger_retention", c.Limits.NotAfter < c.Limits.LedgerRetention,
			"what may still be done must not be done twice",
		},
	} {
		if !pair.holds {
			l.against(pair.shorter, pair.longer, "must be shorter than %s: %s", pair.longer, pair.because)
		}
	}
	if c.Export.Retention > 0 && c.Limits.Silence >= c.Export.Retention {
		l.against("export.retention", "limits.silence", "must be longer than limits.silence: what the first system exported must still be there when the last one has answered")
	}
}

// against adds a problem between two settings, at the first of them that was given.
func (l *loader) against(name, other, format string, args ...any) {
	for _, n := range []string{name, other} {
		if g, ok := l.given[n]; ok {
			l.add(g.at, name, format, args...)
			return
		}
	}
	l.add(place{}, name, format, args...)
}

func (l *loader) checkSystem(c *Config, name string, s *System) {
	part := "systems." + name
	wants := func(setting, why string) {
		full := part + "." + setting
		if _, ok := l.given[full]; !ok && l.serves(name) {
			l.add(l.partAt("systems", name), full, "is not set, and %s needs it; %s", why, hint(full, setting != "url"))
		}
	}
	refuses := func(setting, why string) {
		full := part + "." + setting
		if g, ok := l.given[full]; ok {
			l.add(g.at, full, "is of no use to %s", why)
		}
	}
	switch s.Kind {
	case KindSQL:
		wants("dsn", "kind sql")
		refuses("url", "kind sql")
		switch e := s.Database.Engine(); {
		case e == SQLite:
			refuses("replica_dsn", "SQLite: exports read replicas of PostgreSQL and MariaDB")
		case e != "" && s.Replica.Engine() != "" && s.Replica.Engine() != e:
			refuses("replica_dsn", "the system: its database is of another kind")
		}
		if s.Database.Engine() == SQLite {
			refuses("lock_timeout", "SQLite")
			refuses("statement_timeout", "SQLite")
		}
	case KindObjects:
		wants("url", "kind objects")
		refuses("dsn", "kind objects")
		refuses("replica_dsn", "kind objects")
		refuses("chunk_rows", "kind objects")
		refuses("export_format", "kind objects")
		refuses("lock_timeout", "kind objects")
		refuses("statement_timeout", "kind objects")
	default: // missing or misspelt
		return
	}
	if s.Ledger == "" && l.given[part+".ledger"].at == (place{}) {
		s.Ledger = LedgerInTransaction
		if s.Kind == KindObjects {
			s.Ledger = LedgerBeside
		}
		c.origin[part+".ledger"] = "default"
	}
	switch {
	case s.Ledger == LedgerInTransaction && s.Kind == KindObjects:
		l.add(l.given[part+".ledger"].at, part+".ledger", "cannot be in_transaction for kind objects: files have no transactions")
	case s.Ledger == LedgerInTransaction:
		refuses("ledger_dsn", "a ledger in the system's own transaction")
	case s.Ledger == LedgerBeside:
		wants("ledger_dsn", "a ledger that stands beside")
	}
}

func (l *loader) partAt(section, name string) place {
	for _, p := range l.parts {
		if p.section == section && p.name == name {
			return p.at
		}
	}
	return place{}
}
