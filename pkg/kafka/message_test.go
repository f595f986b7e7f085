package kafka

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"go.opentelemetry.io/otel/propagation"
	"pgregory.net/rapid"
)

var _ propagation.TextMapCarrier = HeaderCarrier{}

func TestHeaderCarrier_replaces_its_key_and_leaves_the_others(t *testing.T) {
	headers := []Header{{Key: "traceparent", Value: []byte("old")}, {Key: "ce_id", Value: []byte("1")}, {Key: "traceparent", Value: []byte("older")}}
	before := headers
	carrier := HeaderCarrier{&headers}
	carrier.Set("traceparent", "new")
	want := []Header{{Key: "ce_id", Value: []byte("1")}, {Key: "traceparent", Value: []byte("new")}}
	if diff := cmp.Diff(want, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if string(before[0].Value) != "old" {
		t.Error("the slice that the message shared was changed")
	}
	if got := carrier.Get("traceparent"); got != "new" {
		t.Errorf("Get gives %q", got)
	}
	if got := carrier.Get("tracestate"); got != "" {
		t.Errorf("Get of an absent key gives %q", got)
	}
	if diff := cmp.Diff([]string{"ce_id", "traceparent"}, carrier.Keys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// The size by which a message is refused is the one that is sent.
func TestRecordSize_is_what_the_encoder_writes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maybe := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 300))
		m := Message{Topic: "t", Key: maybe.Draw(t, "key"), Value: maybe.Draw(t, "value")}
		for range rapid.IntRange(0, 4).Draw(t, "headers") {
			m.Headers = append(m.Headers, Header{Key: rapid.String().Draw(t, "header"), Value: maybe.Draw(t, "header value")})
		}
		var out bytes.Buffer
		set := protocol.RecordSet{Version: 2, Records: &batchReader{batch: []entry{{message: &m}}}}
		if _, err := set.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		if got, want := m.recordSize()+batchOverhead, out.Len()-4; got != want { // four bytes of length stand in front
			t.Errorf("size is %d, the encoder wrote %d", got, want)
		}
	})
}

func TestJudge(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want verdict
	}{
		"no_leader_yet":        {kafkago.LeaderNotAvailable, transient},
		"replicas_missing":     {kafkago.NotEnoughReplicas, transient},
		"too_large":            {kafkago.MessageSizeTooLarge, permanent},
		"not_allowed":          {kafkago.TopicAuthorizationFailed, permanent},
		"missing":              {&MissingTopicsError{}, permanent},
		"broker_not_available": {kafkago.BrokerNotAvailable, away},
		"unknown_to_metadata":  {protocol.NewErrNoTopic("t"), transient},
		"whatever":             {bytes.ErrTooLarge, transient},
	} {
		t.Run(name, func(t *testing.T) {
			if got := judge(test.err); got != test.want {
				t.Errorf("verdict %d, want %d", got, test.want)
			}
		})
	}
}

func TestBrokerUnavailableError_warns_that_a_refused_handshake_looks_the_same(t *testing.T) {
	err := &BrokerUnavailableError{Brokers: []string{"a:1", "b:2"}, Cause: kafkago.BrokerNotAvailable}
	for _, want := range []string{"a:1, b:2", "password", "certificate"} {
		if !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("error %q does not mention %q", err, want)
		}
	}
}
