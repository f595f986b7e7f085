package respondertest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

// Bench stands where coordinator and broker would: it dispatches to a responder, batch by batch, and keeps what it publishes.
// Its clock runs with the real one and can be set forward.
type Bench struct {
	System string
	Keys   *sealing.Keyset
	Codec  *event.Codec
	Store  *blob.Bucket // the export store, in memory

	mu     sync.Mutex
	ahead  time.Duration
	offset int64
	sent   []kafka.Message
	onSend func() // runs before anything is taken
}

// NewBench makes a bench for the system of that name.
func NewBench(tb testing.TB, system string) *Bench {
	tb.Helper()
	keys, err := sealing.GenerateKeyset()
	if err != nil {
		tb.Fatal(err)
	}
	codec, err := event.NewCodec()
	if err != nil {
		tb.Fatal(err)
	}
	b := &Bench{System: system, Keys: keys, Codec: codec, Store: memblob.OpenBucket(nil)}
	tb.Cleanup(func() { _ = b.Store.Close() })
	return b
}

// Responder makes an instance of the runtime over a system and its ledger. change may alter its configuration.
func (b *Bench) Responder(tb testing.TB, s responder.System, l responder.Ledger, change ...func(*responder.Config)) *responder.Responder {
	tb.Helper()
	c := responder.Config{
		System: b.System, Keys: b.Keys, Codec: b.Codec, Sender: b, ExportStore: b.Store, Clock: b.Now, Environment: "test",
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&c)
	}
	r, err := responder.New(c, s, l)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// Now is the bench's clock.
func (b *Bench) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Add(b.ahead)
}

// Forward sets the clock forward.
func (b *Bench) Forward(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ahead += d
}

// Send implements [kafka.Sender].
func (b *Bench) Send(_ context.Context, messages []kafka.Message) error {
	b.mu.Lock()
	onSend := b.onSend
	b.mu.Unlock()
	if onSend != nil {
		onSend()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, messages...)
	return nil
}

// Person is a data subject with a request of their own.
type Person struct {
	Request     dsr.RequestID
	Identifiers []dsr.Identifier
	Capacity    string
	Keys        []byte // sealed, as the first act acknowledged them
}

// Option changes a dispatch before it is encoded.
type Option func(*dsr.Dispatch)

// Dispatch makes the message by which the coordinator asks the system for one step: by default the first attempt at the first
// act of an erasure.
func (b *Bench) Dispatch(tb testing.TB, p Person, options ...Option) kafka.Message {
	tb.Helper()
	now := b.Now().UTC().Truncate(time.Microsecond)
	d := dsr.Dispatch{
		RequestID: p.Request, Kind: dsr.Erasure, Phase: dsr.Act, Round: 1, Attempt: 1, Systems: []string{"another", b.System},
		SubjectRef: "ref-" + string(p.Request), Capacity: p.Capacity, Regulation: dsr.GDPR, KeyID: b.Keys.KeyID(),
		ReceivedAt: now, DispatchedAt: now, AsOf: now, NotAfter: now.Add(30 * 24 * time.Hour),
		DispatchID: fmt.Sprintf("%s/dispatch", p.Request), Environment: "test",
	}
	for _, o := range options {
		o(&d)
	}
	if d.Phase != dsr.Package {
		plain, err := b.Codec.EncodeIdentifiers(p.Identifiers)
		if err != nil {
			tb.Fatal(err)
		}
		if d.SealedIdentifiers, err = b.Keys.Seal(plain, sealing.IdentifiersAD(d.RequestID, d.Phase)); err != nil {
			tb.Fatal(err)
		}
	}
	if len(p.Keys) > 0 && (d.Phase == dsr.Verify || d.Round > 1) {
		d.SealedKeys = []dsr.SealedKeys{{System: "another", Value: []byte("not for us")}, {System: b.System, Value: p.Keys}}
	}
	value, err := b.Codec.EncodeDispatch(d)
	if err != nil {
		tb.Fatal(err)
	}
	m := kafka.Message{Topic: dsr.DefaultTopicPrefix + dsr.DispatchTopic(d.Kind, d.Phase), Key: []byte(d.RequestID), Value: value, Time: now}
	event.Inject(context.Background(), event.Meta{ID: d.DispatchID, Type: event.TypeDispatchedRequest, Source: "lethe/coordinator", Subject: d.SubjectRef, Time: now},
		kafka.HeaderCarrier{Headers: &m.Headers})
	return m
}

// Look asks for the look of a round.
func Look(round int32) Option {
	return func(d *dsr.Dispatch) { d.Phase, d.Round = dsr.Verify, round }
}

// Act asks for the act of a round.
func Act(round int32) Option {
	return func(d *dsr.Dispatch) { d.Phase, d.Round = dsr.Act, round }
}

// Attempt makes it a later attempt.
func Attempt(n int32) Option { return func(d *dsr.Dispatch) { d.Attempt = n } }

// Kind makes it a request of another kind.
func Kind(k dsr.Kind) Option { return func(d *dsr.Dispatch) { d.Kind = k } }

// Result is what a responder published.
type Result struct {
	Acknowledgements []dsr.Acknowledgement
	Bytes            [][]byte // of the acknowledgements
	DeadLetters      []kafka.Message
}

// Of returns the last acknowledgement of a request, and whether there is one.
func (r Result) Of(id dsr.RequestID) (dsr.Acknowledgement, bool) {
	for _, a := range slices.Backward(r.Acknowledgements) {
		if a.RequestID == id {
			return a, true
		}
	}
	return dsr.Acknowledgement{}, false
}

// BytesOf returns the last acknowledgement of a request as it was published.
func (r Result) BytesOf(id dsr.RequestID) []byte {
	for i, a := range slices.Backward(r.Acknowledgements) {
		if a.RequestID == id {
			return r.Bytes[i]
		}
	}
	return nil
}

// Published returns what was published since the last call.
func (b *Bench) Published(tb testing.TB) Result {
	tb.Helper()
	b.mu.Lock()
	sent := b.sent
	b.sent = nil
	b.mu.Unlock()
	var r Result
	for _, m := range sent {
		switch m.Topic {
		case dsr.DefaultTopicPrefix + dsr.TopicAcknowledgement:
			a, err := b.Codec.DecodeAcknowledgement(m.Value)
			if err != nil {
				tb.Fatalf("an acknowledgement cannot be read: %v", err)
			}
			if _, meta := event.Extract(context.Background(), kafka.HeaderCarrier{Headers: &m.Headers}); meta.ID != a.AckID || string(m.Key) != string(a.RequestID) {
				tb.Errorf("acknowledgement %s of %s travels as %s under key %s", a.AckID, a.RequestID, meta.ID, m.Key)
			}
			r.Acknowledgements = append(r.Acknowledgements, a)
			r.Bytes = append(r.Bytes, m.Value)
		case dsr.DefaultTopicPrefix + dsr.TopicDeadLetters:
			r.DeadLetters = append(r.DeadLetters, m)
		default:
			tb.Errorf("a message on topic %s", m.Topic)
		}
	}
	return r
}

// Deliver hands a batch to the responder, as the consumer would, until all of it is settled, and returns what was published.
func (b *Bench) Deliver(tb testing.TB, r *responder.Responder, msgs ...kafka.Message) Result {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	for try := 1; len(msgs) > 0; try++ {
		n, err := r.Handle(ctx, b.batch(msgs))
		if n == len(msgs) && err == nil {
			break
		}
		if try == 20 {
			tb.Fatalf("a batch is not settled after %d tries: %d of %d messages, %v", try, n, len(msgs), err)
		}
		msgs = msgs[n:]
	}
	return b.Published(tb)
}

// patience is how long a batch may take: a runtime that waits for a system that never comes back would wait for ever.
const patience = time.Minute

// Due lets the responder turn to what is deferred, and returns what was published.
func (b *Bench) Due(tb testing.TB, r *responder.Responder) Result {
	tb.Helper()
	if _, err := r.WorkDue(tb.Context()); err != nil {
		tb.Fatalf("work what is due: %v", err)
	}
	return b.Published(tb)
}

// batch gives the messages places in a partition.
func (b *Bench) batch(msgs []kafka.Message) kafka.Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	msgs = slices.Clone(msgs)
	for i := range msgs {
		msgs[i].Offset = b.offset
		b.offset++
	}
	return kafka.Batch{Topic: msgs[0].Topic, Messages: msgs, Next: b.offset}
}

// OpenKeys opens the row keys that an acknowledgement carries.
func (b *Bench) OpenKeys(tb testing.TB, a dsr.Acknowledgement) []responder.RowKey {
	tb.Helper()
	if len(a.SealedKeys) == 0 {
		return nil
	}
	plain, err := b.Keys.Open(a.SealedKeys, sealing.KeysAD(a.RequestID, a.System))
	if err != nil {
		tb.Fatal(err)
	}
	var keys []responder.RowKey
	if err := json.Unmarshal(plain, &keys); err != nil {
		tb.Fatal(err)
	}
	return keys
}

// OpenResolved opens the identifiers that an acknowledgement of phase resolve carries.
func (b *Bench) OpenResolved(tb testing.TB, a dsr.Acknowledgement) []dsr.Identifier {
	tb.Helper()
	if len(a.SealedResolved) == 0 {
		return nil
	}
	plain, err := b.Keys.Open(a.SealedResolved, sealing.ResolvedAD(a.RequestID))
	if err != nil {
		tb.Fatal(err)
	}
	ids, err := b.Codec.DecodeIdentifiers(plain)
	if err != nil {
		tb.Fatal(err)
	}
	return ids
}
