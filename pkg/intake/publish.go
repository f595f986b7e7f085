package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/pkg/span"
)

// Config is how requests are published. Zero fields mean the documented default.
type Config struct {
	TopicPrefix string       // default "lethe."
	Source      string       // the publishing system: SubjectRequest.Source where that is empty, and ce_source; default "lethe/upstream"
	Tracer      trace.Tracer // default the global provider's
}

// Publisher publishes subject requests. It is safe for concurrent use.
type Publisher struct {
	sender kafka.Sender
	codec  *event.Codec
	key    sealing.PublicKey
	cfg    Config
}

// New returns a publisher that seals to the coordinator's public key and sends by sender, a [kafka.Producer].
func New(sender kafka.Sender, codec *event.Codec, key sealing.PublicKey, cfg Config) *Publisher {
	if cfg.TopicPrefix == "" {
		cfg.TopicPrefix = dsr.DefaultTopicPrefix
	}
	if cfg.Source == "" {
		cfg.Source = "lethe/upstream"
	}
	if cfg.Tracer == nil {
		cfg.Tracer = otel.Tracer("github.com/lethe-dsr/lethe/pkg/intake")
	}
	return &Publisher{sender: sender, codec: codec, key: key, cfg: cfg}
}

// Publish seals and sends requests in one batch and returns when the broker has acknowledged every one. Identifiers in the
// requests are in clear here and nowhere else. Each request is checked before any is sent; what the broker did not take is
// named by a [kafka.SendError]. Sending the same request again is safe: the coordinator takes it once.
func (p *Publisher) Publish(ctx context.Context, rs ...dsr.SubjectRequest) error {
	msgs := make([]kafka.Message, len(rs))
	spans := make([]trace.Span, 0, len(rs))
	defer func() {
		for _, s := range spans {
			s.End()
		}
	}()
	var bad []error
	for i, r := range rs {
		value, err := p.encode(r)
		if err != nil {
			bad = append(bad, fmt.Errorf("request %d of %d: %w", i+1, len(rs), err))
			continue
		}
		key := []byte(r.RequestID)
		m := kafka.Message{Topic: p.cfg.TopicPrefix + dsr.TopicRequests, Key: key, Value: value}
		sctx, s := span.Send(ctx, p.cfg.Tracer, span.Message{Topic: m.Topic, Key: key, ID: string(r.RequestID)})
		spans = append(spans, s)
		event.Inject(sctx, event.Meta{ID: string(r.RequestID), Type: event.TypeSubjectRequest, Source: p.cfg.Source, Time: time.Now()}, kafka.HeaderCarrier{Headers: &m.Headers})
		msgs[i] = m
	}
	if err := errors.Join(bad...); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := p.sender.Send(ctx, msgs); err != nil {
		for _, s := range spans {
			span.Fail(s, "send")
		}
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

func (p *Publisher) encode(r dsr.SubjectRequest) ([]byte, error) {
	id, err := dsr.ParseRequestID(string(r.RequestID))
	if err != nil {
		return nil, err
	}
	if !r.Kind.Valid() {
		return nil, errors.New("kind is not erasure, portability or access")
	}
	if len(r.Identifiers) == 0 {
		return nil, errors.New("no identifier is given, so nobody can be found")
	}
	ids := make([]dsr.Identifier, len(r.Identifiers))
	for i, v := range r.Identifiers {
		if ids[i], err = v.Normalise(); err != nil {
			return nil, err
		}
	}
	plain, err := p.codec.EncodeIdentifiers(ids)
	if err != nil {
		return nil, err
	}
	r.RequestID, r.Identifiers, r.KeyID = id, nil, p.key.KeyID()
	if r.SealedIdentifiers, err = p.key.Seal(id, plain); err != nil {
		return nil, err
	}
	if r.Source == "" {
		r.Source = p.cfg.Source
	}
	return p.codec.EncodeSubjectRequest(r)
}
