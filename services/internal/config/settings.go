package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Role is what a program does; some settings are needed for it.
type Role string

// The roles. Serve is the first three in one process.
const (
	Coordinator Role = "coordinator"
	Responder   Role = "responder"
	Packager    Role = "packager"
	Serve       Role = "serve"
	Publisher   Role = "request" // publishes requests, and needs the key to seal their identifiers
	Client      Role = "client"  // reads and writes topics: status, record, topics, deadletters
	KeyKeeper   Role = "keys"
)

// setting is one row of the table.
type setting struct {
	name  string // one * stands for a name that the operator chooses
	def   string // as the environment would give it; empty: none
	dev   string // with --dev, where it differs; {dir} is the directory of --dev
	needs []Role // that cannot do without
	// always: it cannot be left out of the part that it belongs to, whoever reads it.
	always bool
	doc    string
	bind   func(c *Config, name string) value
}

func (s setting) secret() bool {
	_, ok := s.bind(new(Config), "x").(databaseValue)
	return ok
}

const year = 365 * day

// settings is every setting there is.
func settings() []setting {
	all := []Role{Coordinator, Responder, Packager, Publisher, Client}
	return []setting{
		{
			name: "kafka.brokers", needs: all,
			doc: "Some brokers of the cluster, as host:port; the others are found through them. Not with --dev, which brings its own.",
			bind: func(c *Config, _ string) value {
				return listValue{&c.Kafka.Brokers, "list of host:port", hostPort, false}
			},
		},
		{
			name: "kafka.client_id", def: "lethe",
			doc:  "Names this program in the brokers' logs and quotas.",
			bind: func(c *Config, _ string) value { return matching(&c.Kafka.ClientID, topicChars, 100) },
		},
		{
			name: "kafka.topic_prefix", def: "lethe.",
			doc:  "Stands before the name of every topic and every consumer group. All programs of a pipeline share it.",
			bind: func(c *Config, _ string) value { return matching(&c.Kafka.TopicPrefix, topicChars, 100) },
		},
		{
			name: "kafka.partitions", def: "6", dev: "3",
			doc:  "Of each topic, when `lethe topics apply` makes it. It bounds how many instances of a role share the work.",
			bind: func(c *Config, _ string) value { return intValue{&c.Kafka.Partitions, 1, 10_000} },
		},
		{
			name: "kafka.replication", def: "3", dev: "1",
			doc:  "Copies of each partition, when `lethe topics apply` makes the topic.",
			bind: func(c *Config, _ string) value { return intValue{&c.Kafka.Replication, 1, 100} },
		},
		{
			name: "kafka.min_insync_replicas", def: "2", dev: "1",
			doc:  "Copies that must have a message before it counts as written (`min.insync.replicas` of each topic). With 1, a message that was acknowledged is lost with its broker.",
			bind: func(c *Config, _ string) value { return intValue{&c.Kafka.MinInsyncReplicas, 1, 100} },
		},
		{
			name: "kafka.max_message_bytes", def: "1048588",
			doc:  "Largest message (`max.message.bytes` of each topic); a larger one is refused where it is sent. The brokers must allow it.",
			bind: func(c *Config, _ string) value { return intValue{&c.Kafka.MaxMessageBytes, 100_000, 100_000_000} },
		},
		{
			name: "kafka.session_timeout", def: "10s", dev: "3s",
			doc: "After how long without a sign of life a process is taken for dead, and others take over its work. The brokers bound it (`group.min.session.timeout.ms`, 6 s by default).",
			bind: func(c *Config, _ string) value {
				return durationValue{&c.Kafka.SessionTimeout, 2 * time.Second, 10 * time.Minute}
			},
		},
		{
			name: "kafka.write_versions",
			doc:  "Versions in which messages are written, as a list of schema=version; the newest where a schema is not named. While programs of a pipeline are upgraded one after the other, it holds back a version that the older ones cannot read yet.",
			bind: func(c *Config, _ string) value { return versionsValue{&c.Kafka.WriteVersions} },
		},
		{
			name: "controller.name", dev: "A company in development", needs: []Role{Coordinator},
			doc:  "Who answers for the processing (GDPR Art. 4(7)): legal name and seat, as every record and report will say it.",
			bind: func(c *Config, _ string) value { return sentence(&c.Controller.Name) },
		},
		{
			name: "controller.acting_as", def: "controller",
			doc: "In what role: controller, processor (Art. 28) or joint controller (Art. 26).",
			bind: func(c *Config, _ string) value {
				return oneOf(&c.Controller.ActingAs, "controller", "processor", "joint")
			},
		},
		{
			name: "controller.establishment", dev: "dev", needs: []Role{Coordinator},
			doc:  "The establishment of a request that names none; one of `establishments`.",
			bind: func(c *Config, _ string) value { return matching(&c.Controller.Establishment, nameChars, 100) },
		},
		{
			name: "establishments.*.time_zone", always: true,
			doc:  "In which the days of a period are counted, by its name in the time zone database.",
			bind: func(c *Config, name string) value { return zoneValue{&c.establishment(name).TimeZone} },
		},
		{
			name: "establishments.*.calendar", always: true,
			doc:  "Whose public holidays move the end of a period (Regulation 1182/71, Art. 3): a country or a part of one, such as DE-BE, or `none` for Saturdays and Sundays alone.",
			bind: func(c *Config, name string) value { return calendarValue(&c.establishment(name).Calendar) },
		},
		{
			name: "keys.dir", dev: "{dir}/keys", needs: []Role{Coordinator, Responder, Packager, Publisher, KeyKeeper},
			doc:  "Directory of the key files, as `lethe keys init` makes it. A program opens only those that its role needs, and only if nobody else can read them.",
			bind: func(c *Config, _ string) value { return pathValue{&c.Keys.Dir} },
		},
		{
			name: "store.url", dev: "sqlite://{dir}/lethe.db", needs: []Role{Coordinator},
			doc:  "The coordinator's database: PostgreSQL 14 or newer, or an SQLite file for one instance.",
			bind: func(c *Config, _ string) value { return databaseValue{&c.Store.Database} },
		},
		{
			name: "store.schema", def: "lethe",
			doc:  "PostgreSQL schema of the coordinator's tables; made where it is missing.",
			bind: func(c *Config, _ string) value { return matching(&c.Store.Schema, schemaChars, 51) },
		},
		{
			name: "store.max_connections", def: "8",
			doc:  "PostgreSQL connections of one instance; the relay has one more.",
			bind: func(c *Config, _ string) value { return intValue{&c.Store.MaxConnections, 4, 1000} },
		},
		{
			name: "data_map.files", needs: []Role{Coordinator, Responder, Packager},
			doc:  "Files of the data map, and directories of which every *.yml and *.yaml is one.",
			bind: func(c *Config, _ string) value { return listValue{&c.DataMap.Files, "list of paths", nil, true} },
		},
		{
			name: "export.url", dev: "file://{dir}/exports", needs: []Role{Responder, Packager},
			doc:  "Where responders write exported data and the packager assembles it: a directory (file:///srv/exports) or a bucket. What else a bucket needs comes from its cloud's own environment variables.",
			bind: func(c *Config, _ string) value { return blobURL(&c.Export.URL, "file", "s3", "gs", "azblob") },
		},
		{
			name: "export.retention", def: "30d",
			doc:  "How long a package is kept for the person to fetch; its record states the day. Then the packager destroys it, and the parts that it was made from. Longer than limits.silence, so that a part is still there when the package is made.",
			bind: func(c *Config, _ string) value { return durationValue{&c.Export.Retention, day, 10 * year} },
		},
		{
			name: "intake.allow_clear_identifiers", def: "false",
			doc:  "Take requests whose identifiers are not sealed. They stand readable on the intake topic for as long as it keeps them.",
			bind: func(c *Config, _ string) value { return boolValue{&c.Intake.AllowClearIdentifiers} },
		},
		{
			name: "intake.require_identity", def: "false",
			doc:  "Keep back a request without a verified identity (Art. 12(6)) instead of trusting that upstream verified it.",
			bind: func(c *Config, _ string) value { return boolValue{&c.Intake.RequireIdentity} },
		},
		{
			name: "intake.require_decision", def: "false",
			doc:  "Keep back a request on which nobody has decided.",
			bind: func(c *Config, _ string) value { return boolValue{&c.Intake.RequireDecision} },
		},
		{
			name: "intake.received_floor", def: "365d",
			doc:  "How far back `received_at` may lie. For so long a repeated request id is recognised.",
			bind: func(c *Config, _ string) value { return durationValue{&c.Intake.ReceivedFloor, day, 10 * year} },
		},
		{
			name: "intake.max_identifiers", def: "50",
			doc:  "Identifiers that one request may carry.",
			bind: func(c *Config, _ string) value { return intValue{&c.Intake.MaxIdentifiers, 1, 1000} },
		},
		limit("silence", "7d", "2m", time.Second, 90*day, func(l *Limits) *time.Duration { return &l.Silence },
			"How long a system may stay silent in one phase; then the request goes on without it and ends incomplete, naming it."),
		limit("resolution", "24h", "30s", time.Second, 30*day, func(l *Limits) *time.Duration { return &l.Resolution },
			"How long one round of resolving identifiers may take; what depends on a silent source is then not searched."),
		limit("settle", "24h", "3s", 0, 30*day, func(l *Limits) *time.Duration { return &l.Settle },
			"From the last accepted erasure to the look: time for caches, queues and late writers to bring back what they hold."),
		limit("margin", "3d", "", 0, 25*day, func(l *Limits) *time.Duration { return &l.Margin },
			"Every wait ends this long before the answer is due."),
		limit("min_wait", "1h", "5s", time.Second, 7*day, func(l *Limits) *time.Duration { return &l.MinWait },
			"A wait lasts at least so long (or its own limit, where that is shorter), also for a request that came with its margin used up."),
		limit("gate_recheck", "10s", "1s", 100*time.Millisecond, time.Hour, func(l *Limits) *time.Duration { return &l.GateRecheck },
			"How often a request that waits for an earlier one of the same person looks for itself, in case it was not woken."),
		limit("status_delay", "1s", "", 0, time.Minute, func(l *Limits) *time.Duration { return &l.StatusDelay },
			"How long the news that one system has answered may wait for the status that tells it, so that several go in one; a change of state is told at once."),
		limit("held", "30d", "", time.Second, 90*day, func(l *Limits) *time.Duration { return &l.Held },
			"How long a request is kept back that lacks a verified identity or a decision."),
		limit("retry", "10s", "1s", 100*time.Millisecond, time.Hour, func(l *Limits) *time.Duration { return &l.Retry },
			"How soon a responder turns again to a request that was put off; each further pause of one that fails is longer, up to 15 minutes."),
		limit("defer", "24h", "2m", time.Second, 30*day, func(l *Limits) *time.Duration { return &l.Defer },
			"How long a responder goes on trying one request that fails while its system works; then it is a dead letter, acknowledged as failed."),
		limit("not_after", "30d", "", time.Minute, year, func(l *Limits) *time.Duration { return &l.NotAfter },
			"How long after its dispatch a request may still be acted on. A responder that reads it later refuses: the person may be a customer again."),
		{
			name: "limits.looks", def: "3",
			doc:  "Looks in a row that may still find something; then the request ends incomplete with the reason residue.",
			bind: func(c *Config, _ string) value { return intValue{&c.Limits.Looks, 1, 20} },
		},
		{
			name: "limits.resolved_values", def: "100",
			doc:  "Identifiers that one system may resolve a request to; more wait for a human.",
			bind: func(c *Config, _ string) value { return intValue{&c.Limits.ResolvedValues, 1, 100_000} },
		},
		limit("internal_retention", "14d", "", time.Minute, year, func(l *Limits) *time.Duration { return &l.InternalRetention },
			"How long internal topics keep a message. Longer than limits.silence, so that a system that was away finds its work; shorter than limits.not_after."),
		limit("ledger_retention", "60d", "", time.Minute, 10*year, func(l *Limits) *time.Duration { return &l.LedgerRetention },
			"How long a responder remembers what it did. Longer than limits.not_after, so that nothing is done twice."),
		limit("rejection_retention", "365d", "", day, 10*year, func(l *Limits) *time.Duration { return &l.RejectionRetention },
			"How long a rejected request is remembered after another one corrected it."),
		limit("record_retention", "1825d", "", day, 100*year, func(l *Limits) *time.Duration { return &l.RecordRetention },
			"How long a completion record is to be kept; it states the day."),
		{
			name: "systems.*.kind", always: true,
			doc:  "What kind of responder serves the system: sql, or objects (JSON Lines files and whole objects). The name of the part is the system's in the data map.",
			bind: func(c *Config, name string) value { return oneOf(&c.system(name).Kind, KindSQL, KindObjects) },
		},
		{
			name: "systems.*.dsn",
			doc:  "The system's database (kind sql): postgres://, mysql:// (MariaDB 10.11 or newer) or sqlite://. Only the responder of the system needs it, and `serve`. Through PgBouncer in transaction mode add default_query_exec_mode=exec to it. On PostgreSQL and MariaDB `lethe datamap grants` prints the rights that its role needs.",
			bind: func(c *Config, name string) value { return databaseValue{&c.system(name).Database} },
		},
		{
			name: "systems.*.replica_dsn",
			doc:  "A replica of the system's database, from which exports read: a streaming one of PostgreSQL, or one of MariaDB that is read_only and replicates by GTID from a primary with a binary log. It must have replayed what the primary had written when the export began; if it has not after 10 seconds, or is away, the export reads the primary and a warning says so. Looks always read the primary.",
			bind: func(c *Config, name string) value { return databaseValue{&c.system(name).Replica} },
		},
		{
			name: "systems.*.url",
			doc:  "The directory of the objects (kind objects), as file:///absolute/path. Only the responder of the system needs it, and `serve`.",
			bind: func(c *Config, name string) value { return blobURL(&c.system(name).URL, "file") },
		},
		{
			name: "systems.*.ledger",
			doc:  "Where the ledger stands: in_transaction (in the system's own database, so that counts survive every crash; the default of kind sql) or beside (in another database, where counts may become lower bounds; kind objects has no other).",
			bind: func(c *Config, name string) value {
				return oneOf(&c.system(name).Ledger, LedgerInTransaction, LedgerBeside)
			},
		},
		{
			name: "systems.*.ledger_dsn",
			doc:  "The database of a ledger that stands beside; likewise.",
			bind: func(c *Config, name string) value { return databaseValue{&c.system(name).LedgerDatabase} },
		},
		{
			name: "systems.*.rate_per_second", def: "0",
			doc:  "Requests a second that the system is asked to serve at most.",
			bind: func(c *Config, name string) value { return rateValue{&c.system(name).RatePerSecond} },
		},
		{
			name: "systems.*.batch", def: "500",
			doc:  "Requests that are worked in one batch at most.",
			bind: func(c *Config, name string) value { return intValue{&c.system(name).Batch, 1, 10_000} },
		},
		{
			name: "systems.*.chunk_rows", def: "50000",
			doc:  "Rows of one table that one transaction erases at most (kind sql): of a person who has more, so many at a time go, each time with their counts. Fewer hold locks for a shorter time. Tables that cannot be divided (rows that refer to each other or to rows that people share, among others) are erased whole.",
			bind: func(c *Config, name string) value { return intValue{&c.system(name).ChunkRows, 100, 10_000_000} },
		},
		{
			name: "systems.*.export_format", def: "jsonl",
			doc:  "What access and portability requests get from a database (kind sql): jsonl is JSON Lines; csv is RFC 4180 with a line of names, text in quotes, numbers without, null an empty field and the empty text two quotes.",
			bind: func(c *Config, name string) value { return oneOf(&c.system(name).ExportFormat, ExportJSONL, ExportCSV) },
		},
		{
			name: "systems.*.lock_timeout", def: "5s",
			doc: "How long a statement waits for a row that the application holds (kind sql, not SQLite; MariaDB: whole seconds). The batch is then undone, repeated and halved.",
			bind: func(c *Config, name string) value {
				return durationValue{&c.system(name).LockTimeout, 10 * time.Millisecond, time.Hour}
			},
		},
		{
			name: "systems.*.statement_timeout",
			doc:  "How long a statement of an erasure, a look or a resolution may take (kind sql, not SQLite), with the same end. Without it: what the server says, on MariaDB nothing. An export is not bounded by it.",
			bind: func(c *Config, name string) value {
				return durationValue{&c.system(name).StatementTimeout, 10 * time.Millisecond, 24 * time.Hour}
			},
		},
		{
			name: "health.address",
			doc:  "Where a service answers GET /livez and GET /readyz on HTTP, as host:port; it does not where this is missing. Several services on one machine need one each (`LETHE_HEALTH_ADDRESS`).",
			bind: func(c *Config, _ string) value { return textValue{&c.Health.Address, "host:port", hostPort} },
		},
		{
			name: "health.stalled", def: "15m",
			doc: "How long a partition may lie still although something waits in it and all that is needed is there; then /livez says no. Longer than the longest batch.",
			bind: func(c *Config, _ string) value {
				return durationValue{&c.Health.Stalled, time.Second, day}
			},
		},
		{
			name: "log.level", def: "info",
			doc:  "From which level on is logged. Error: someone must act. Warn: something is away or did not work, and Lethe waits or tries again by itself. Info: it works again, or a process changed state. What becomes of a request stands on `request-status`, not in the log.",
			bind: func(c *Config, _ string) value { return levelValue{&c.Log.Level} },
		},
		{
			name: "log.format", def: "json", dev: "text",
			doc:  "json for machines, text for people. Traces and metrics are set up by the standard OTEL_… variables.",
			bind: func(c *Config, _ string) value { return oneOf(&c.Log.Format, LogText, LogJSON) },
		},
	}
}

func limit(name, def, dev string, shortest, longest time.Duration, field func(*Limits) *time.Duration, doc string) setting {
	return setting{
		name: "limits." + name, def: def, dev: dev, doc: doc,
		bind: func(c *Config, _ string) value { return durationValue{field(&c.Limits), shortest, longest} },
	}
}

const (
	topicChars  = `^[A-Za-z0-9._-]+$`              // what Kafka allows in a topic
	nameChars   = `^[A-Za-z0-9]([A-Za-z0-9._-]*)$` // a name that the operator chooses
	schemaChars = `^[a-z_][a-z0-9_]*$`             // a PostgreSQL name that needs no quotes
)

// matching is text of a pattern.
func matching(to *string, pattern string, most int) value {
	return textValue{to, "text", func(s string) error {
		switch {
		case len(s) > most:
			return fmt.Errorf("is longer than %d characters", most)
		case !regexp.MustCompile(pattern).MatchString(s):
			return fmt.Errorf("is %q, which does not match %s", s, pattern)
		}
		return nil
	}}
}

// sentence is one line of text for people.
func sentence(to *string) value {
	return textValue{to, "text", func(s string) error {
		switch {
		case len(s) > 500:
			return errors.New("is longer than 500 bytes")
		case strings.TrimSpace(s) != s, strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return errors.New("is not one line without spaces around it")
		}
		return nil
	}}
}

func hostPort(s string) error {
	host, port, err := net.SplitHostPort(s)
	if n, nerr := strconv.Atoi(port); err != nil || nerr != nil || host == "" || n < 1 || n > 65535 {
		return fmt.Errorf("%q is not host:port", s)
	}
	return nil
}
