package event_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/schemas"
)

// fuzz demands of any bytes: no panic; an error of one of the two kinds, or a value that comes back from its own bytes; and
// whatever the codec reads, goavro reads as well, to the last byte.
func fuzz[T any](f *testing.F, name string, framed int, encode func(T) ([]byte, error), decode func([]byte) (T, error), samples ...T) {
	f.Helper()
	reference := goavroFor(f, name)
	for _, s := range samples {
		b := encoded(f, encode, s)
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(append(bytes.Clone(b), 0))
		f.Add(bytes.ReplaceAll(b, []byte{2}, []byte{0xff}))
	}
	f.Add([]byte{})
	f.Add([]byte{0xC3, 0x01, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		v, err := decode(b)
		if !bytes.Equal(before, b) {
			t.Fatal("the message was changed")
		}
		if err != nil {
			if !errors.As(err, new(*event.MalformedError)) && !errors.As(err, new(*event.UnknownSchemaError)) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if framed > 0 {
			agrees(t, reference, b[framed:])
		} else {
			agrees(t, reference, b)
		}
		again, err := encode(v)
		if err != nil {
			// A value may lack what a writer must give; that is for the coordinator to refuse, not for the codec.
			if !errors.As(err, new(*event.MalformedError)) {
				t.Fatal(err)
			}
			return
		}
		w, err := decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v, w); d != "" {
			t.Fatal(d)
		}
	})
}

func agrees(t *testing.T, reference *goavro.Codec, body []byte) {
	t.Helper()
	_, rest, err := reference.NativeFromBinary(body)
	if err != nil || len(rest) > 0 {
		t.Fatalf("goavro leaves %d bytes: %v", len(rest), err)
	}
}

func FuzzDecodeSubjectRequest(f *testing.F) {
	c := newCodec(f)
	fuzz(f, schemas.SubjectRequest, frameBytes, c.EncodeSubjectRequest, c.DecodeSubjectRequest, smallRequest(), fullRequest())
}

func FuzzDecodeDispatch(f *testing.F) {
	c := newCodec(f)
	fuzz(f, schemas.DispatchedRequest, frameBytes, c.EncodeDispatch, c.DecodeDispatch, smallDispatch(), fullDispatch())
}

func FuzzDecodeAcknowledgement(f *testing.F) {
	c := newCodec(f)
	fuzz(f, schemas.Acknowledgement, frameBytes, c.EncodeAcknowledgement, c.DecodeAcknowledgement, smallAcknowledgement(), fullAcknowledgement())
}

func FuzzDecodeStatus(f *testing.F) {
	c := newCodec(f)
	fuzz(f, schemas.RequestStatus, frameBytes, c.EncodeStatus, c.DecodeStatus, fullStatus())
}

func FuzzDecodeRejection(f *testing.F) {
	c := newCodec(f)
	fuzz(f, schemas.RejectedRequest, frameBytes, c.EncodeRejection, c.DecodeRejection, fullRejection())
}

func FuzzDecodeCompletion(f *testing.F) {
	c := newCodec(f)
	fuzz(f, schemas.Completion, frameBytes, c.EncodeCompletion, c.DecodeCompletion, fullCompletion())
}

func FuzzDecodeIdentifiers(f *testing.F) {
	c := newCodec(f)
	fuzz(f, schemas.Identifiers, 0, c.EncodeIdentifiers, c.DecodeIdentifiers, fullRequest().Identifiers, []dsr.Identifier(nil))
}
