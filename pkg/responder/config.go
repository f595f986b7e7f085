package responder

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"gocloud.dev/blob"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

// Config is what a responder needs to know. System, Keys and Brokers (or Client) are required.
type Config struct {
	System  string          // the name under which the coordinator addresses the system
	Keys    *sealing.Keyset // topic keys: identifiers travel sealed under them
	Brokers []string        // host:port of some brokers of the cluster

	// Client and Sender are given instead of Brokers by a process that has several roles over one cluster. Both stay the
	// caller's to close. Sender publishes acknowledgements and dead letters: a [kafka.Producer].
	Client *kafka.Client
	Sender kafka.Sender

	TopicPrefix string       // default "lethe."
	Group       string       // consumer group; default TopicPrefix and the system's name
	Phases      []dsr.Phase  // in which the system is addressed; default resolve, act, verify, and for a Packager package alone
	Codec       *event.Codec // default: one that writes the newest schemas

	ExportStore *blob.Bucket // where exports go; nil: a system that exports cannot
	MapHash     []byte       // SHA-256 of the data map that this responder works by; nil: not said
	Version     string       // of this responder, for the record; default: the main module's
	Environment string       // dev or production; empty: that of each dispatch
	Instance    string       // names this process in acknowledgements; default: the host's name

	BatchSize        int           // dispatches served at once, at most; default 500
	RatePerSecond    float64       // dispatches a second over all partitions; 0: as fast as the system answers
	RebalanceTimeout time.Duration // of the consumer group; default 30 s. Work longer than a third of it is deferred
	SessionTimeout   time.Duration // of the consumer group: how soon others take over from a process that died; default 10 s
	DeferLimit       time.Duration // how long a deferred dispatch is retried before it is a dead letter; default 24 h
	PollEvery        time.Duration // how often deferred dispatches are looked for, and answers polled; default 10 s
	LongWork         time.Duration // how long one call may take for a deferred dispatch; default 1 h
	LedgerRetention  time.Duration // how long settled steps are remembered; default 60 days. Longer than not_after: 30 days
	MaxMessageBytes  int           // an acknowledgement may have; default 900,000, below Kafka's own default

	Clock  func() time.Time // default: the ledger's (Timed), else the machine's
	Logger *slog.Logger     // default slog.Default()
	Tracer trace.Tracer     // default: the global provider's
	Meter  metric.Meter     // default: the global provider's
}

const scope = "github.com/lethe-dsr/lethe/pkg/responder"

func (c Config) withDefaults(s System) (Config, error) {
	var errs []error
	if !validSystem(c.System) {
		errs = append(errs, fmt.Errorf("system name %q: give 1 to 255 printable ASCII characters without spaces", c.System))
	}
	if c.Keys == nil {
		errs = append(errs, errors.New("no topic keys given"))
	}
	if len(c.MapHash) != 0 && len(c.MapHash) != 32 {
		errs = append(errs, fmt.Errorf("map hash of %d bytes, a SHA-256 has 32", len(c.MapHash)))
	}
	if c.Client == nil && c.Sender == nil && len(c.Brokers) == 0 {
		errs = append(errs, errors.New("no brokers given"))
	}
	for _, n := range []struct {
		name     string
		negative bool
	}{
		{"batch size", c.BatchSize < 0},
		{"rate", c.RatePerSecond < 0},
		{"message size", c.MaxMessageBytes < 0},
		{"rebalance timeout", c.RebalanceTimeout < 0},
		{"session timeout", c.SessionTimeout < 0},
		{"defer limit", c.DeferLimit < 0},
		{"poll interval", c.PollEvery < 0},
		{"long work", c.LongWork < 0},
		{"ledger retention", c.LedgerRetention < 0},
	} {
		if n.negative {
			errs = append(errs, fmt.Errorf("%s is negative", n.name))
		}
	}
	if c.Codec == nil {
		codec, err := event.NewCodec()
		if err != nil {
			errs = append(errs, err)
		}
		c.Codec = codec
	}
	if len(errs) > 0 {
		return c, fmt.Errorf("configure responder: %w", errors.Join(errs...))
	}
	c.TopicPrefix = cmp.Or(c.TopicPrefix, dsr.DefaultTopicPrefix)
	c.Group = cmp.Or(c.Group, c.TopicPrefix+c.System)
	if c.Phases == nil {
		c.Phases = []dsr.Phase{dsr.Resolve, dsr.Act, dsr.Verify}
		if _, ok := s.(Packager); ok {
			c.Phases = []dsr.Phase{dsr.Package}
		}
	}
	c.Version = cmp.Or(c.Version, buildVersion())
	if c.Instance == "" {
		c.Instance, _ = os.Hostname() // it only names; a host without a name has none
	}
	c.BatchSize = cmp.Or(c.BatchSize, 500)
	c.RebalanceTimeout = cmp.Or(c.RebalanceTimeout, 30*time.Second)
	c.DeferLimit = cmp.Or(c.DeferLimit, 24*time.Hour)
	c.PollEvery = cmp.Or(c.PollEvery, 10*time.Second)
	c.LongWork = cmp.Or(c.LongWork, time.Hour)
	c.LedgerRetention = cmp.Or(c.LedgerRetention, 60*24*time.Hour)
	c.MaxMessageBytes = cmp.Or(c.MaxMessageBytes, 900_000)
	if c.RatePerSecond > 0 {
		// A batch waits for its tokens before it begins; what fits into a second keeps that wait short.
		c.BatchSize = max(1, min(c.BatchSize, int(c.RatePerSecond)))
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Logger = c.Logger.With("system", c.System)
	if c.Tracer == nil {
		c.Tracer = otel.Tracer(scope)
	}
	if c.Meter == nil {
		c.Meter = otel.Meter(scope)
	}
	return c, nil
}

// topics are those on which the system may be addressed in its phases, with the prefix.
func (c Config) topics() []string {
	var ts []string
	for _, p := range c.Phases {
		for _, k := range []dsr.Kind{dsr.Erasure, dsr.Portability, dsr.Access} {
			if t := c.TopicPrefix + dsr.DispatchTopic(k, p); !slices.Contains(ts, t) {
				ts = append(ts, t)
			}
		}
	}
	return ts
}

// validSystem keeps out what could not stand in a key, a path or a header. The data map decides what a system is called.
func validSystem(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return false
		}
	}
	return true
}

func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return cmp.Or(info.Main.Version, "unknown")
}
