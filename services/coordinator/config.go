package coordinator

import (
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// Config is what a coordinator needs. Everything without a documented default is required.
type Config struct {
	Store    store.Store
	Kafka    *kafka.Client
	Producer *kafka.Producer
	Codec    *event.Codec
	Map      *datamap.Map
	Keys     Keys
	Signer   *completion.Signer

	Policy        lifecycle.Policy
	Responsible   Responsible
	Establishment map[string]Establishment // by the name that a request may carry
	Default       string                   // the establishment of a request that names none

	TopicPrefix   string        // default "lethe."
	Group         string        // default TopicPrefix and "coordinator"
	Session       time.Duration // of the consumer groups: how soon others take over from an instance that died; default 10 s
	AllowClear    bool          // accept identifiers in clear on the intake
	ReceivedFloor time.Duration // how far back received_at may lie; default one year
	MaxIdentifier int           // identifiers that one request may carry; default 50
	Batch         int           // messages in a transaction at most; default 500
	Shards        int           // of the outbox; default 16. All instances must agree
	RecordRetain  time.Duration // how long a record is to be kept; default 5 years
	ExportRetain  time.Duration // how long a package is kept for the person to fetch; default: the record states no day
	Software      completion.Software

	Logger *slog.Logger // default slog.Default()
	Meter  metric.Meter // default the global provider's
}

// Responsible says who answers for the processing (GDPR Art. 4(7), 26, 28); it stands in every record.
type Responsible struct {
	Controller string
	ActingAs   string // controller, processor or joint
}

// Establishment is a place of the controller whose calendar and clock a deadline follows.
type Establishment struct {
	Zone       *time.Location
	CalendarID string
	Holiday    func(day time.Time) bool
}

func (c Config) withDefaults() (Config, error) {
	var missing []error
	need := func(ok bool, name string) {
		if !ok {
			missing = append(missing, errors.New("coordinator config: "+name+" is required"))
		}
	}
	need(c.Store != nil, "Store")
	need(c.Kafka != nil, "Kafka")
	need(c.Producer != nil, "Producer")
	need(c.Codec != nil, "Codec")
	need(c.Map != nil, "Map")
	need(c.Signer != nil, "Signer")
	need(c.Keys.Intake != nil && c.Keys.Topics != nil && c.Keys.Store != nil && c.Keys.Subjects != nil, "Keys")
	_, ok := c.Establishment[c.Default]
	need(ok, "Establishment[Default]")
	if err := errors.Join(missing...); err != nil {
		return c, err
	}
	if c.TopicPrefix == "" {
		c.TopicPrefix = "lethe."
	}
	if c.Group == "" {
		c.Group = c.TopicPrefix + "coordinator"
	}
	c.ReceivedFloor = orDefault(c.ReceivedFloor, 365*24*time.Hour)
	c.RecordRetain = orDefault(c.RecordRetain, 5*365*24*time.Hour)
	c.MaxIdentifier = orDefault(c.MaxIdentifier, 50)
	c.Batch = orDefault(c.Batch, 500)
	c.Shards = orDefault(c.Shards, 16)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}
