package config

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
)

// Config is what an operator said, defaults filled in. Settings that have no default and that no given [Role] needs may be
// zero. What each means, and its default, stands in settings.go.
type Config struct {
	Environment Environment // not a setting: dev where Lethe runs with --dev

	Kafka          Kafka
	Controller     Controller
	Establishments map[string]*Establishment
	Keys           Keys
	Store          Store
	DataMap        DataMap
	Export         Export
	Intake         Intake
	Limits         Limits
	Systems        map[string]*System
	Health         Health
	Log            Log

	origin map[string]string // of each setting: what [Described.From] says
}

// Environment is what a record says about where it was made: what a developer tried out must never pass for proof.
type Environment string

// The environments.
const (
	Production Environment = "production"
	Dev        Environment = "dev"
)

// Kafka says where the brokers are and how topics are made.
type Kafka struct {
	Brokers           []string
	ClientID          string
	TopicPrefix       string
	Partitions        int
	Replication       int
	MinInsyncReplicas int
	MaxMessageBytes   int
	SessionTimeout    time.Duration
	WriteVersions     map[string]int // by the name of a schema; the newest where it is missing
}

// Controller says who answers for the processing (GDPR Art. 4(7)).
type Controller struct {
	Name          string
	ActingAs      string // controller, processor or joint
	Establishment string // a key of Config.Establishments
}

// Establishment is a place of the controller whose clock and public holidays deadlines follow.
type Establishment struct {
	TimeZone *time.Location
	Calendar string // see package calendar
}

// Keys says where key files are.
type Keys struct {
	Dir string
}

// Store is the coordinator's database.
type Store struct {
	Database       Database
	Schema         string // PostgreSQL
	MaxConnections int    // PostgreSQL
}

// DataMap names the files and directories of the data map.
type DataMap struct {
	Files []string
}

// Export is where exported data goes: parts, and the packages made from them.
type Export struct {
	URL       string
	Retention time.Duration
}

// Intake says what is taken in.
type Intake struct {
	AllowClearIdentifiers bool
	RequireIdentity       bool
	RequireDecision       bool
	ReceivedFloor         time.Duration
	MaxIdentifiers        int
}

// Limits are the waits and bounds of a request's life, and how long what it leaves behind is kept.
type Limits struct {
	Silence            time.Duration
	Resolution         time.Duration
	Settle             time.Duration
	Margin             time.Duration
	MinWait            time.Duration
	GateRecheck        time.Duration
	StatusDelay        time.Duration
	Held               time.Duration
	Retry              time.Duration
	Defer              time.Duration
	NotAfter           time.Duration
	Looks              int
	ResolvedValues     int
	InternalRetention  time.Duration
	LedgerRetention    time.Duration
	RejectionRetention time.Duration
	RecordRetention    time.Duration
}

// Kinds of system.
const (
	KindSQL     = "sql"
	KindObjects = "objects"
)

// Where a system's ledger stands.
const (
	LedgerInTransaction = "in_transaction" // in the system itself, in the transaction of the effect
	LedgerBeside        = "beside"         // in a database of its own
)

// System is how a responder reaches the system that it serves. What the system holds stands in the data map.
type System struct {
	Kind             string
	Database         Database // kind sql
	Replica          Database // kind sql, PostgreSQL; none: exports read Database
	URL              string   // kind objects
	Ledger           string
	LedgerDatabase   Database      // ledger beside
	LockTimeout      time.Duration // kind sql
	StatementTimeout time.Duration // kind sql; 0: the server's
	RatePerSecond    float64       // 0: no limit
	Batch            int
	ChunkRows        int    // kind sql
	ExportFormat     string // kind sql: ExportJSONL or ExportCSV
}

// Formats of what a responder for a database exports.
const (
	ExportJSONL = "jsonl"
	ExportCSV   = "csv"
)

// Health is where a service says whether it lives and is ready.
type Health struct {
	Address string // empty: nowhere
	Stalled time.Duration
}

// Log says what is logged, and how. The zero value is the default.
type Log struct {
	Level  slog.Level
	Format string // LogText or LogJSON
}

// Formats of a log.
const (
	LogText = "text"
	LogJSON = "json"
)

// System returns the system of this name; the error lists those that there are.
func (c Config) System(name string) (System, error) {
	if s, ok := c.Systems[name]; ok {
		return *s, nil
	}
	if len(c.Systems) == 0 {
		return System{}, fmt.Errorf("no system %q: the configuration has no systems", name)
	}
	return System{}, fmt.Errorf("no system %q in the configuration, which has %s", name, strings.Join(slices.Sorted(maps.Keys(c.Systems)), ", "))
}

// system returns the system of this name to be filled in.
func (c *Config) system(name string) *System { return entry(&c.Systems, name) }

func (c *Config) establishment(name string) *Establishment { return entry(&c.Establishments, name) }

func entry[T any](m *map[string]*T, name string) *T {
	if *m == nil {
		*m = map[string]*T{}
	}
	v, ok := (*m)[name]
	if !ok {
		v = new(T)
		(*m)[name] = v
	}
	return v
}

// names lists the parts in which a setting stands, sorted.
func (c Config) names(s setting) []string {
	switch section, _, _ := strings.Cut(s.name, "."); section {
	case "systems":
		return slices.Sorted(maps.Keys(c.Systems))
	case "establishments":
		return slices.Sorted(maps.Keys(c.Establishments))
	}
	return []string{""}
}
