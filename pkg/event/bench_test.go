package event_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
)

func newCodec(t testing.TB) *event.Codec {
	t.Helper()
	c, err := event.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// BenchmarkCodec goes through messages as they follow one another: ids, instants, digests and amounts differ, words do not.
func BenchmarkCodec(b *testing.B) {
	c := newCodec(b)
	bench(b, "subject_request", smallRequest(), c.EncodeSubjectRequest, c.DecodeSubjectRequest, func(v *dsr.SubjectRequest, n int) {
		v.RequestID, v.ReceivedAt = nth(n), v.ReceivedAt.Add(time.Duration(n)*time.Second)
	})
	bench(b, "dispatched_request", smallDispatch(), c.EncodeDispatch, c.DecodeDispatch, func(v *dsr.Dispatch, n int) {
		v.RequestID, v.DispatchID, v.SubjectRef = nth(n), string(nth(-n)), v.SubjectRef[n%8:]+v.SubjectRef[:n%8]
		v.ReceivedAt = v.ReceivedAt.Add(time.Duration(n) * time.Second)
	})
	acknowledgement := func(v *dsr.Acknowledgement, n int) {
		v.RequestID, v.AckID = nth(n), string(nth(-n))
		v.FirstAt, v.DoneAt = v.FirstAt.Add(time.Duration(n)*time.Second), v.DoneAt.Add(time.Duration(n+1)*time.Second)
		v.Collections[0].Counts = dsr.Counts{Found: int64(n + 1), Erased: int64(n + 1)}
	}
	bench(b, "acknowledgement", smallAcknowledgement(), c.EncodeAcknowledgement, c.DecodeAcknowledgement, acknowledgement)
	bench(b, "acknowledgement_of_three_collections", fullAcknowledgement(), c.EncodeAcknowledgement, c.DecodeAcknowledgement, acknowledgement)
	bench(b, "request_status", fullStatus(), c.EncodeStatus, c.DecodeStatus, func(v *dsr.Status, n int) {
		v.RequestID, v.UpdatedAt = nth(n), v.UpdatedAt.Add(time.Duration(n)*time.Second)
	})
	bench(b, "completion", fullCompletion(), c.EncodeCompletion, c.DecodeCompletion, func(v *dsr.Completion, n int) {
		v.RequestID, v.RecordID, v.SealedAt = nth(n), string(nth(-n)), v.SealedAt.Add(time.Duration(n)*time.Second)
	})
	bench(b, "identifiers", []dsr.Identifier{{Kind: "email", Value: "a@example.org"}, {Kind: "customer_id", Value: "42"}}, c.EncodeIdentifiers, c.DecodeIdentifiers, func(v *[]dsr.Identifier, n int) {
		(*v)[0].Value = string(nth(n)) + "@example.org"
	})
}

// nth is one of many request ids.
func nth(n int) dsr.RequestID {
	return dsr.RequestID(fmt.Sprintf("7f3c2b1a-0d9e-4c8f-8a7b-%012x", uint16(n)))
}

func bench[T any](b *testing.B, name string, sample T, encode func(T) ([]byte, error), decode func([]byte) (T, error), vary func(*T, int)) {
	b.Helper()
	values, messages := make([]T, 64), make([][]byte, 64)
	for n := range values {
		var err error
		if messages[n], err = encode(sample); err != nil {
			b.Fatal(err)
		}
		if values[n], err = decode(messages[n]); err != nil { // a copy
			b.Fatal(err)
		}
		vary(&values[n], n)
		if messages[n], err = encode(values[n]); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("encode/"+name, func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			if _, err := encode(values[n%len(values)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode/"+name, func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			if _, err := decode(messages[n%len(messages)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
