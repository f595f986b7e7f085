package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/intake"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// badRequest is one message that must be rejected.
type badRequest struct {
	name    string
	reason  string
	says    string // what the message for people must contain
	byPlace bool   // keyed by its place: its request id is missing, unreadable or belongs to another request
	// make returns the message's value, for an otherwise good request.
	make func(b *badMaker, q dsr.SubjectRequest) []byte
}

// badMaker makes messages of which nobody would be proud.
type badMaker struct {
	t     *testing.T
	codec *event.Codec
	key   sealing.PublicKey
	other sealing.PublicKey
}

func (b *badMaker) encode(q dsr.SubjectRequest) []byte {
	b.t.Helper()
	v, err := b.codec.EncodeSubjectRequest(q)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// sealed seals the identifiers of q as q says, to the key.
func (b *badMaker) sealed(q dsr.SubjectRequest, key sealing.PublicKey) dsr.SubjectRequest {
	b.t.Helper()
	plain, err := b.codec.EncodeIdentifiers(q.Identifiers)
	if err != nil {
		b.t.Fatal(err)
	}
	if q.SealedIdentifiers, err = key.Seal(q.RequestID, plain); err != nil {
		b.t.Fatal(err)
	}
	q.Identifiers, q.KeyID = nil, key.KeyID()
	return q
}

func (b *badMaker) good(q dsr.SubjectRequest) dsr.SubjectRequest { return b.sealed(q, b.key) }

// marker is a text that the codec takes, to be replaced by one of the same length that it does not.
const marker = "MARKER-0123456789"

// forged encodes q, in which a field holds the marker, and puts something else of its length there.
func (b *badMaker) forged(q dsr.SubjectRequest, text string) []byte {
	b.t.Helper()
	v := b.encode(q)
	if bytes.Count(v, []byte(marker)) != 1 || len(text) > len(marker) {
		b.t.Fatal("the marker is not in the message, or the text does not fit")
	}
	return bytes.Replace(v, []byte(marker), []byte(text+strings.Repeat("-", len(marker)-len(text))), 1)
}

func badRequests() []badRequest {
	change := func(name, reason, says string, f func(q *dsr.SubjectRequest)) badRequest {
		return badRequest{name: name, reason: reason, says: says, make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			f(&q)
			return b.encode(b.good(q))
		}}
	}
	forge := func(name, text, says string, f func(q *dsr.SubjectRequest)) badRequest {
		return badRequest{name: name, reason: dsr.ReasonUndecodable, says: says, byPlace: true, make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			f(&q)
			return b.forged(b.good(q), text)
		}}
	}
	return []badRequest{
		{name: "garbage", reason: dsr.ReasonUndecodable, says: "malformed", byPlace: true, make: func(*badMaker, dsr.SubjectRequest) []byte { return []byte("\x07no frame at all") }},
		{name: "nothing", reason: dsr.ReasonUndecodable, says: "malformed", byPlace: true, make: func(*badMaker, dsr.SubjectRequest) []byte { return nil }},
		{name: "json_instead_of_avro", reason: dsr.ReasonUndecodable, says: "malformed", byPlace: true, make: func(_ *badMaker, q dsr.SubjectRequest) []byte {
			return fmt.Appendf(nil, `{"request_id": %q, "kind": "erasure"}`, q.RequestID)
		}},
		{name: "unknown_schema", reason: dsr.ReasonUnknownSchema, says: "deadbeefdeadbeef", byPlace: true, make: func(*badMaker, dsr.SubjectRequest) []byte {
			return []byte("\xc3\x01\xef\xbe\xad\xde\xef\xbe\xad\xde rest")
		}},
		{name: "schema_of_another_message", reason: dsr.ReasonUndecodable, byPlace: true, make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			v, err := b.codec.EncodeRejection(dsr.Rejection{RequestID: q.RequestID, Reason: "kind", Message: "m", Topic: "t", SHA256: make([]byte, 32), RejectedAt: q.ReceivedAt})
			if err != nil {
				b.t.Fatal(err)
			}
			return v
		}},
		{name: "trailing_bytes", reason: dsr.ReasonUndecodable, says: "trailing", byPlace: true, make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			return append(b.encode(b.good(q)), 0)
		}},
		{name: "cut_off", reason: dsr.ReasonUndecodable, byPlace: true, make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			v := b.encode(b.good(q))
			return v[:len(v)-3]
		}},
		{name: "request_id_is_no_uuid", reason: dsr.ReasonRequestID, says: "request_id", byPlace: true, make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			return bytes.Replace(b.encode(b.good(q)), []byte(q.RequestID), []byte("not-a-uuid-but-of-the-same-length-ok"), 1)
		}},
		{name: "request_id_is_missing", reason: dsr.ReasonRequestID, says: "request_id", byPlace: true, make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			return bytes.Replace(b.encode(b.good(q)), append([]byte{72}, q.RequestID...), []byte{0}, 1) // 72 is the length 36 in zig-zag
		}},
		change("unknown_kind", dsr.ReasonKind, "kind", func(q *dsr.SubjectRequest) { q.Kind = "rectification" }),
		{name: "no_identifiers", reason: dsr.ReasonIdentifiers, says: "nobody can be found", make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			q.Identifiers = nil
			return b.encode(q)
		}},
		{name: "sealed_nobody", reason: dsr.ReasonIdentifiers, says: "nobody can be found", make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			q.Identifiers = nil
			return b.encode(b.good(q))
		}},
		{name: "sealed_to_another_key", reason: dsr.ReasonIdentifiers, says: "key", make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			return b.encode(b.sealed(q, b.other))
		}},
		{name: "sealed_for_another_request", reason: dsr.ReasonIdentifiers, says: "open sealed identifiers", make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			to := b.good(q)
			to.RequestID = dsr.RequestID(uuid.NewString())
			to.SealedIdentifiers, q = b.good(q).SealedIdentifiers, to
			return b.encode(q)
		}},
		{name: "sealed_garbage", reason: dsr.ReasonIdentifiers, says: "open sealed identifiers", make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			q.Identifiers, q.SealedIdentifiers = nil, []byte("sealed?")
			return b.encode(q)
		}},
		{name: "sealed_something_else", reason: dsr.ReasonIdentifiers, says: "decode sealed identifiers", make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			sealed, err := b.key.Seal(q.RequestID, []byte("\x02\xff\xffnot identifiers"))
			if err != nil {
				b.t.Fatal(err)
			}
			q.Identifiers, q.SealedIdentifiers = nil, sealed
			return b.encode(q)
		}},
		{name: "identifiers_in_clear", reason: dsr.ReasonClear, says: "seal them", make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			q.Identifiers = []dsr.Identifier{{Kind: "customer_id", Value: "4711"}} // of nobody: it does stand on the intake
			return b.encode(q)
		}},
		change("kind_of_identifier_that_finds_nobody", dsr.ReasonIdentifiers, "customer_id, email", func(q *dsr.SubjectRequest) {
			q.Identifiers = []dsr.Identifier{{Kind: "passport", Value: "X-4711"}}
		}),
		{name: "identifier_that_is_no_address", reason: dsr.ReasonIdentifiers, says: "email", make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			q.Identifiers = []dsr.Identifier{{Kind: dsr.Email, Value: "Wilma <" + q.Identifiers[0].Value + ">"}}
			return b.encode(b.good(q))
		}},
		change("identifier_too_long", dsr.ReasonIdentifiers, "1024", func(q *dsr.SubjectRequest) {
			q.Identifiers = []dsr.Identifier{{Kind: "customer_id", Value: strings.Repeat("7", 1025)}}
		}),
		change("too_many_identifiers", dsr.ReasonTooManyIdentity, "at most 50", func(q *dsr.SubjectRequest) {
			for n := range 50 {
				q.Identifiers = append(q.Identifiers, dsr.Identifier{Kind: "customer_id", Value: fmt.Sprint(n)})
			}
		}),
		change("received_in_the_future", dsr.ReasonReceivedAt, "future", func(q *dsr.SubjectRequest) { q.ReceivedAt = q.ReceivedAt.Add(10 * time.Minute) }),
		change("received_in_a_far_future", dsr.ReasonReceivedAt, "future", func(q *dsr.SubjectRequest) { q.ReceivedAt = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		change("received_before_the_floor", dsr.ReasonReceivedAt, "floor", func(q *dsr.SubjectRequest) { q.ReceivedAt = q.ReceivedAt.AddDate(-2, 0, 0) }),
		change("received_at_zero", dsr.ReasonReceivedAt, "floor", func(q *dsr.SubjectRequest) { q.ReceivedAt = time.Unix(0, 0) }),
		change("unknown_system_in_the_scope", dsr.ReasonScope, "warehouse", func(q *dsr.SubjectRequest) {
			q.Scope = &dsr.Scope{Systems: []string{"shop", "warehouse"}}
		}),
		change("scope_of_a_thousand_names", dsr.ReasonField, "at most 1000", func(q *dsr.SubjectRequest) {
			q.Scope = &dsr.Scope{Systems: slices.Repeat([]string{"shop"}, 1001)}
		}),
		change("unknown_capacity", dsr.ReasonCapacity, "", func(q *dsr.SubjectRequest) { q.Capacity = "employee" }),
		change("unknown_establishment", dsr.ReasonEstablishment, "establishment", func(q *dsr.SubjectRequest) { q.Establishment = "atlantis" }),
		change("unknown_regulation", dsr.ReasonRegulation, "regulation", func(q *dsr.SubjectRequest) { q.Regulation = "lex-nova" }),
		change("unknown_decision", dsr.ReasonField, "decision", func(q *dsr.SubjectRequest) { q.Decision.Decision = "perhaps" }),
		change("text_too_long", dsr.ReasonField, "channel", func(q *dsr.SubjectRequest) { q.Channel = strings.Repeat("c", 1025) }),
		forge("nul_in_a_text", "web\x00form", "channel", func(q *dsr.SubjectRequest) { q.Channel = marker }),
		forge("nul_in_the_tenant", "\x00", "tenant", func(q *dsr.SubjectRequest) { q.Tenant = marker }),
		forge("invalid_utf8_in_a_text", "web\xff\xfeform", "channel", func(q *dsr.SubjectRequest) { q.Channel = marker }),
		forge("invalid_utf8_deep_inside", "\xc3\x28", "note", func(q *dsr.SubjectRequest) { q.Ground = &dsr.Ground{Article: "GDPR 17(1)(a)", Note: marker} }),
		{name: "corrects_is_no_uuid", reason: dsr.ReasonField, says: "corrects", make: func(b *badMaker, q dsr.SubjectRequest) []byte {
			q.Corrects = dsr.RequestID(uuid.NewString())
			return bytes.Replace(b.encode(b.good(q)), []byte(q.Corrects), []byte("not-a-uuid-but-of-the-same-length-ok"), 1)
		}},
	}
}

// TestBadInput: every kind of message that is no good is rejected where its sender sees it, with a reason and without a value,
// and the good ones around it complete.
func TestBadInput(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, m mode) {
		bad := badRequests()
		pl := newPipeline(t, m, 8*len(bad), limits{}).start(roleNames()...)
		public, err := pl.p.Keys.IntakePublic()
		if err != nil {
			t.Fatal(err)
		}
		others, err := sealing.GeneratePrivateKeys()
		if err != nil {
			t.Fatal(err)
		}
		b := &badMaker{t: t, codec: pl.p.Codec, key: public, other: others.Public()}

		// One good request before and after each bad one, so that batches hold both.
		var msgs []kafka.Message
		var good []dsr.RequestID
		var people, owed []person
		send := func(key string, value []byte) {
			msgs = append(msgs, kafka.Message{Topic: pl.prefix + dsr.TopicRequests, Key: []byte(key), Value: value, Headers: []kafka.Header{{Key: "upstream", Value: []byte("UPSTREAM-" + marker)}}})
		}
		addGood := func() {
			p := pl.c.cast(t, visitor)
			people = append(people, p)
			q := newRequest(dsr.Erasure, p.byMail())
			good = append(good, q.RequestID)
			send(string(q.RequestID), b.encode(b.good(q)))
		}
		addGood()
		sums := map[[sha256.Size]byte]badRequest{}
		ids := map[string]dsr.RequestID{}
		for _, c := range bad {
			p := pl.c.cast(t, buyer)
			owed = append(owed, p)
			q := newRequest(dsr.Erasure, p.byMail())
			q.Source = "web-shop"
			value := c.make(b, q)
			sums[sha256.Sum256(value)] = c
			ids[c.name] = q.RequestID
			if c.name == "sealed_for_another_request" {
				ids[c.name] = "" // another one than q's
			}
			send("UPSTREAM-"+c.name, value)
			addGood()
		}
		if err := pl.p.Producer.Send(t.Context(), msgs); err != nil {
			t.Fatal(err)
		}
		pl.until(t, "every rejection", func(w *watch) bool { return len(w.rejected) == len(bad) })
		got := map[string]dsr.Rejection{}
		pl.lock.Lock()
		rejected := maps.Clone(pl.rejected)
		pl.lock.Unlock()
		for key, rs := range rejected {
			c, ok := sums[[sha256.Size]byte(rs[0].SHA256)]
			if !ok || len(rs) != 1 {
				t.Fatalf("under %s are %d rejections, of a message that nobody sent: %v", key, len(rs), !ok)
			}
			got[c.name] = rs[0]
			t.Run(c.name, func(t *testing.T) { pl.rejects(t, c, ids[c.name], key, rs[0], owed) })
		}
		for _, c := range bad {
			if _, ok := got[c.name]; !ok {
				t.Errorf("%s was not rejected", c.name)
			}
		}
		t.Run("good_requests_around_them_complete", func(t *testing.T) {
			for i, id := range good {
				reports(t, pl.record(t, id, 0), dsr.Complete, erasureOf(people[i]))
			}
		})
		t.Run("over_the_limit_is_refused_where_it_is_sent", func(t *testing.T) { pl.refusesOversize(t) })
		t.Run("a_corrected_request_completes", func(t *testing.T) {
			p := owed[0]
			q := newRequest(dsr.Erasure, p.byMail())
			q.Corrects = ids["unknown_kind"]
			r := pl.record(t, pl.ask(t, q), 0)
			reports(t, r, dsr.Partial, erasureOf(p))
			if string(r.Request.Corrects) != string(q.Corrects) {
				t.Errorf("the record corrects %q", r.Request.Corrects)
			}
			listed := func(args ...string) (states []any) {
				for _, s := range pl.jsonLines(t, append([]string{"status"}, args...)...) {
					if s["request_id"] == string(q.Corrects) {
						states = append(states, s["state"], s["corrected_by"])
					}
				}
				return states
			}
			if d := cmp.Diff([]any{"rejected", string(r.Request.ID)}, listed()); d != "" {
				t.Errorf("the rejection that was corrected is listed as (-want +got):\n%s", d)
			}
			if states := listed("--open"); states != nil {
				t.Errorf("it is still listed as open: %v", states)
			}
		})
		t.Run("nothing_of_the_senders_key_and_headers_is_copied", func(t *testing.T) { pl.copiesNothing(t) })
		pl.c.othersUnchanged(t, append(people, owed[0])...)
		pl.nothingInClear(t, append(people, owed...)...)
	})
}

func (pl *pipeline) rejects(t *testing.T, c badRequest, id dsr.RequestID, key string, r dsr.Rejection, owed []person) {
	t.Helper()
	place := fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)
	switch {
	case c.byPlace && (key != place || r.RequestID != ""):
		t.Errorf("the key is %s and the request id %q; want the place %s alone", key, r.RequestID, place)
	case !c.byPlace && (key != string(r.RequestID) || id != "" && r.RequestID != id):
		t.Errorf("the key is %s and the request id %q, want %s", key, r.RequestID, id)
	}
	if r.Reason != c.reason || !strings.Contains(r.Message, c.says) || r.Message == "" {
		t.Errorf("the reason is %q: %q; want %q and %q", r.Reason, r.Message, c.reason, c.says)
	}
	for _, p := range owed {
		for _, v := range p.values() {
			if strings.Contains(r.Message, v) {
				t.Error("the message holds a value")
			}
		}
	}
	if r.Topic != pl.prefix+dsr.TopicRequests || r.RejectedAt.IsZero() || !r.DueAt.After(r.ReceivedAt) || r.ReceivedAt.After(r.RejectedAt.Add(5*time.Minute)) || r.ReceivedAt.Before(r.RejectedAt.AddDate(-1, 0, -1)) {
		t.Errorf("topic %s, received at %s, rejected at %s, due at %s", r.Topic, r.ReceivedAt, r.RejectedAt, r.DueAt)
	}
	if r.Environment != string(pl.p.Config.Environment) {
		t.Errorf("environment %q", r.Environment)
	}
}

// refusesOversize publishes what no broker takes, beside what it does.
func (pl *pipeline) refusesOversize(t *testing.T) {
	t.Helper()
	large, small := newRequest(dsr.Erasure, pl.c.people[0].byMail()), newRequest(dsr.Erasure, []dsr.Identifier{{Kind: dsr.Email, Value: "nobody@post.example"}})
	large.Channel = strings.Repeat("c", 1<<21)
	err := pl.pub.Publish(t.Context(), large, small)
	var tooLarge *kafka.TooLargeError
	var partial *kafka.SendError
	switch {
	case !errors.As(err, &tooLarge) || tooLarge.Limit != pl.p.Config.Kafka.MaxMessageBytes || tooLarge.Size < 1<<21:
		t.Errorf("the error is %v", err)
	case !strings.Contains(err.Error(), fmt.Sprint(tooLarge.Limit)) || !strings.Contains(err.Error(), pl.prefix+dsr.TopicRequests):
		t.Errorf("the error names neither limit nor topic: %v", err)
	case !errors.As(err, &partial) || partial.Sent != 1:
		t.Errorf("the good request beside it was not sent: %v", err)
	}
	if r := pl.record(t, small.RequestID, 0); r.Result != dsr.NothingFound {
		t.Errorf("the request beside it is %s", r.Result)
	}
}

// copiesNothing looks for what the sender put beside its requests, on every topic but the intake itself.
func (pl *pipeline) copiesNothing(t *testing.T) {
	t.Helper()
	var names []string
	for _, spec := range roles.Topics(pl.p.Config) {
		if spec.Name != pl.prefix+dsr.TopicRequests {
			names = append(names, spec.Name)
		}
	}
	l := &leaks{needles: []needle{{"UPSTREAM-", [][]byte{[]byte("UPSTREAM-")}}}, found: map[string]bool{}}
	for m, err := range pl.p.Kafka.Tail(context.WithoutCancel(t.Context()), kafka.TailConfig{Topics: names}) {
		if err != nil {
			t.Fatal(err)
		}
		l.message(m)
	}
	l.look("log", []byte(pl.log.String()))
	if d := cmp.Diff(map[string]bool{}, l.found); d != "" {
		t.Errorf("copied to (-want +got): %s", d)
	}
}

// TestPublisherRefuses: what the coordinator is bound to reject does not leave the sender's process.
func TestPublisherRefuses(t *testing.T) {
	codec, err := event.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := sealing.GeneratePrivateKeys()
	if err != nil {
		t.Fatal(err)
	}
	pub := intake.New(nil, codec, keys.Public(), intake.Config{})
	by := []dsr.Identifier{{Kind: dsr.Email, Value: "wilma@post.example"}}
	for _, tc := range []struct {
		name, says string
		change     func(*dsr.SubjectRequest)
	}{
		{"no_uuid", "request id", func(q *dsr.SubjectRequest) { q.RequestID = "7" }},
		{"unknown_kind", "kind", func(q *dsr.SubjectRequest) { q.Kind = "rectification" }},
		{"nobody", "nobody can be found", func(q *dsr.SubjectRequest) { q.Identifiers = nil }},
		{"no_address", "email", func(q *dsr.SubjectRequest) { q.Identifiers = []dsr.Identifier{{Kind: dsr.Email, Value: "wilma"}} }},
		{"nul", "channel", func(q *dsr.SubjectRequest) { q.Channel = "web\x00form" }},
		{"invalid_utf8", "channel", func(q *dsr.SubjectRequest) { q.Channel = "web\xffform" }},
		{"without_the_instant_of_receipt", "received_at", func(q *dsr.SubjectRequest) { q.ReceivedAt = time.Time{} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := newRequest(dsr.Erasure, by)
			tc.change(&q)
			err := pub.Publish(t.Context(), q)
			if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "wilma") {
				t.Errorf("the error is %v, want one about %q that holds no value", err, tc.says)
			}
		})
	}
}
