package roles

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"gocloud.dev/blob"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/intake"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/internal/health"
	"github.com/lethe-dsr/lethe/services/internal/topics"
)

// Process is what the roles of one process share: connections to the cluster, keys, the data map. Close it when all roles have
// returned.
type Process struct {
	Config   config.Config
	Version  completion.Software
	Log      *slog.Logger
	Kafka    *kafka.Client
	Producer *kafka.Producer
	Codec    *event.Codec
	Map      *datamap.Map
	Keys     sealing.Dir
	Health   *health.Health // nil: nobody asks

	closers []func() error
}

// Open reads the data map and the key files and prepares, but does not make, connections.
func Open(cfg config.Config, version completion.Software, log *slog.Logger) (*Process, error) {
	p := &Process{Config: cfg, Version: version, Log: log}
	var errs []error
	var err error
	if p.Codec, err = event.NewCodecFor(event.Config{WriteVersion: cfg.Kafka.WriteVersions}); err != nil {
		errs = append(errs, err)
	}
	if len(cfg.DataMap.Files) > 0 { // the packager and the upstream side can do without
		if p.Map, err = datamap.Load(cfg.DataMap.Files...); err != nil {
			errs = append(errs, err)
		}
	}
	if p.Keys, err = sealing.OpenDir(cfg.Keys.Dir); err != nil {
		errs = append(errs, err)
	}
	if p.Kafka, err = Client(cfg, log); err != nil {
		errs = append(errs, err)
	}
	if p.Map != nil {
		errs = append(errs, checkMap(p.Map), checkSystems(cfg, p.Map))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p.Producer = p.Kafka.Producer(kafka.ProducerConfig{})
	return p, nil
}

// checkMap refuses a map in which something does not fit together: what would come of it nobody can say.
func checkMap(m *datamap.Map) error {
	var errs []error
	for _, f := range m.Check() {
		if f.Severity == datamap.SeverityError {
			errs = append(errs, errors.New(f.String()))
		}
	}
	return errors.Join(errs...)
}

// checkSystems holds the systems of the configuration against those of the data map: a responder for a system that is not in
// the map would answer nothing that anybody asks.
func checkSystems(cfg config.Config, m *datamap.Map) error {
	var errs []error
	for name := range cfg.Systems {
		if _, ok := m.System(name); !ok {
			errs = append(errs, fmt.Errorf("systems.%s: the data map has no system of this name", name))
		}
	}
	return errors.Join(errs...)
}

// Topics lists the topics of a pipeline.
func Topics(cfg config.Config) []kafka.TopicSpec {
	k, l := cfg.Kafka, cfg.Limits
	return topics.Specs(topics.Settings{
		Prefix: k.TopicPrefix, Partitions: k.Partitions, Replication: k.Replication, MinInsyncReplicas: k.MinInsyncReplicas, MaxMessageBytes: k.MaxMessageBytes,
		InternalRetention: l.InternalRetention, RequestRetention: l.InternalRetention, StatusRetention: l.LedgerRetention,
	})
}

// Ready waits for a broker and checks the topics: a missing or wrong one is an error that names it. A broker that goes away in between
// is waited for as well.
func (p *Process) Ready(ctx context.Context) error {
	pause := time.NewTicker(readyAgain)
	defer pause.Stop()
	for {
		err := p.Kafka.Wait(ctx)
		if err == nil {
			err = p.Kafka.Check(ctx, Topics(p.Config))
		}
		var away *kafka.BrokerUnavailableError
		if err == nil || ctx.Err() != nil || !errors.As(err, &away) {
			return errors.Join(err, ctx.Err()) // whoever ends the wait finds its own error in there
		}
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
}

const readyAgain = 200 * time.Millisecond

// Publisher returns a publisher of subject requests, as an upstream system in Go has one.
func (p *Process) Publisher(source string) (*intake.Publisher, error) {
	key, err := p.Keys.IntakePublic()
	if err != nil {
		return nil, err
	}
	return intake.New(p.Producer, p.Codec, key, intake.Config{TopicPrefix: p.Config.Kafka.TopicPrefix, Source: source}), nil
}

// exports opens the export store.
func (p *Process) exports(ctx context.Context) (*blob.Bucket, error) {
	b, err := openBucket(ctx, p.Config.Export.URL)
	if err != nil {
		return nil, fmt.Errorf("open export store: %w", err)
	}
	return b, nil
}

// Close releases the connections.
func (p *Process) Close() error {
	p.Producer.Close()
	p.Kafka.Close()
	var errs []error
	for _, c := range p.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// recordKeys are the files of the key that signs records.
func recordKey(dir string) string { return filepath.Join(dir, completion.PrivateKeyFile) }

// Client returns a client of the cluster for a tool that runs no role.
func Client(cfg config.Config, log *slog.Logger) (*kafka.Client, error) {
	return kafka.New(kafka.Config{Brokers: cfg.Kafka.Brokers, ClientID: cfg.Kafka.ClientID, Logger: log})
}
