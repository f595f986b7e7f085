package event_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/schemas"
)

// TestEveryFieldComesBack holds that the full samples are full, and that what goes in comes out.
func TestEveryFieldComesBack(t *testing.T) {
	c := newCodec(t)
	comesBack(t, "subject_request", fullRequest(), c.EncodeSubjectRequest, c.DecodeSubjectRequest)
	comesBack(t, "dispatched_request", fullDispatch(), c.EncodeDispatch, c.DecodeDispatch)
	comesBack(t, "acknowledgement", fullAcknowledgement(), c.EncodeAcknowledgement, c.DecodeAcknowledgement)
	comesBack(t, "request_status", fullStatus(), c.EncodeStatus, c.DecodeStatus)
	comesBack(t, "rejected_request", fullRejection(), c.EncodeRejection, c.DecodeRejection)
	comesBack(t, "completion", fullCompletion(), c.EncodeCompletion, c.DecodeCompletion)
}

func comesBack[T any](t *testing.T, name string, v T, encode func(T) ([]byte, error), decode func([]byte) (T, error)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		if empty := emptyFields(reflect.ValueOf(v), name); len(empty) > 0 {
			t.Errorf("the sample leaves out %v", empty)
		}
		b, err := encode(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v, got); d != "" {
			t.Error(d)
		}
	})
}

// emptyFields names the exported fields of a struct that are zero in it, and where it is a list, in all of its items.
func emptyFields(v reflect.Value, path string) []string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return []string{path}
		}
		return emptyFields(v.Elem(), path)
	case reflect.Struct:
		if v.Type().PkgPath() == "time" {
			break
		}
		var empty []string
		for i := range v.NumField() {
			empty = append(empty, emptyFields(v.Field(i), path+"."+v.Type().Field(i).Name)...)
		}
		return empty
	case reflect.Slice:
		if v.Len() == 0 {
			return []string{path}
		}
		if v.Type().Elem().Kind() != reflect.Struct {
			return nil
		}
		missing := map[string]int{}
		for i := range v.Len() {
			for _, e := range emptyFields(v.Index(i), path+"[]") {
				missing[e]++
			}
		}
		var empty []string
		for e, n := range missing {
			if n == v.Len() {
				empty = append(empty, e)
			}
		}
		return empty
	}
	if v.IsZero() {
		return []string{path}
	}
	return nil
}

// TestAnyValueComesBackAndGoavroAgrees holds three things of any value: it comes back as it was; goavro reads the same bytes
// and writes them again byte for byte; and what goavro writes, the codec reads.
func TestAnyValueComesBackAndGoavroAgrees(t *testing.T) {
	c := newCodec(t)
	anyComesBack(t, schemas.SubjectRequest, aSubjectRequest, c.EncodeSubjectRequest, c.DecodeSubjectRequest)
	anyComesBack(t, schemas.DispatchedRequest, aDispatch, c.EncodeDispatch, c.DecodeDispatch)
	anyComesBack(t, schemas.Acknowledgement, anAcknowledgement, c.EncodeAcknowledgement, c.DecodeAcknowledgement)
	anyComesBack(t, schemas.RequestStatus, aStatus, c.EncodeStatus, c.DecodeStatus)
	anyComesBack(t, schemas.RejectedRequest, aRejection, c.EncodeRejection, c.DecodeRejection)
	anyComesBack(t, schemas.Completion, aCompletion, c.EncodeCompletion, c.DecodeCompletion)
}

const frameBytes = 10

func anyComesBack[T any](t *testing.T, name string, values *rapid.Generator[T], encode func(T) ([]byte, error), decode func([]byte) (T, error)) {
	t.Helper()
	reference := goavroFor(t, name)
	t.Run(name, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			v := values.Draw(t, name)
			b, err := encode(v)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(v, got); d != "" {
				t.Fatal(d)
			}
			native, rest, err := reference.NativeFromBinary(b[frameBytes:])
			if err != nil || len(rest) != 0 {
				t.Fatalf("goavro leaves %d bytes: %v", len(rest), err)
			}
			again, err := reference.BinaryFromNative(b[:frameBytes:frameBytes], native)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(b, again); d != "" {
				t.Fatal("goavro writes other bytes: ", d)
			}
		})
	})
}

func goavroFor(t testing.TB, name string) *goavro.Codec {
	t.Helper()
	text, err := schemas.Current(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := goavro.NewCodec(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnyIdentifiersComeBackAndGoavroAgrees(t *testing.T) {
	c := newCodec(t)
	reference := goavroFor(t, schemas.Identifiers)
	rapid.Check(t, func(t *rapid.T) {
		v := listOf(anIdentifier).Draw(t, "identifiers")
		b, err := c.EncodeIdentifiers(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.DecodeIdentifiers(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v, got); d != "" {
			t.Fatal(d)
		}
		native, rest, err := reference.NativeFromBinary(b)
		if err != nil || len(rest) != 0 {
			t.Fatalf("goavro leaves %d bytes: %v", len(rest), err)
		}
		again, err := reference.BinaryFromNative(nil, native)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(b, again); d != "" {
			t.Fatal("goavro writes other bytes: ", d)
		}
	})
}

// TestCounts holds how counts travel.
func TestCounts(t *testing.T) {
	c := newCodec(t)
	send := func(t *testing.T, col dsr.Collection) dsr.Collection {
		t.Helper()
		a := smallAcknowledgement()
		a.Collections = []dsr.Collection{col}
		b, err := c.EncodeAcknowledgement(a)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.DecodeAcknowledgement(b)
		if err != nil {
			t.Fatal(err)
		}
		return got.Collections[0]
	}
	t.Run("a_lower_bound_is_said_of_each_count", func(t *testing.T) {
		got := withCounts(t, c, []any{count("found", 3, false), count("erased", 2, true)})
		if got.CountQuality != dsr.CountsLowerBound || got.Counts.Found != 3 || got.Counts.Erased != 2 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a_lower_bound_of_nothing_is_still_one", func(t *testing.T) {
		if got := send(t, dsr.Collection{Name: "n", Outcome: dsr.Erased, CountQuality: dsr.CountsLowerBound}); got.CountQuality != dsr.CountsLowerBound {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a_count_of_a_newer_writer_is_passed_over", func(t *testing.T) {
		got := withCounts(t, c, []any{count("shredded", 9, false), count("erased", 2, false)})
		if d := cmp.Diff(dsr.Counts{Erased: 2}, got.Counts); d != "" {
			t.Error(d)
		}
	})
}

func count(name string, value int64, lowerBound bool) any {
	return map[string]any{"name": name, "value": value, "lower_bound": lowerBound}
}

// withCounts decodes an acknowledgement whose counts another program wrote.
func withCounts(t *testing.T, c *event.Codec, counts []any) dsr.Collection {
	t.Helper()
	a, err := c.DecodeAcknowledgement(foreign(t, c, map[string]any{"collections": map[string]any{"array": []any{
		map[string]any{"name": "n", "outcome": "erased", "counts": map[string]any{"array": counts}},
	}}}))
	if err != nil {
		t.Fatal(err)
	}
	return a.Collections[0]
}

// foreign is an acknowledgement as goavro frames it, with some fields replaced.
func foreign(t *testing.T, c *event.Codec, fields map[string]any) []byte {
	t.Helper()
	b, err := c.EncodeAcknowledgement(smallAcknowledgement())
	if err != nil {
		t.Fatal(err)
	}
	reference := goavroFor(t, schemas.Acknowledgement)
	native, _, err := reference.NativeFromBinary(b[frameBytes:])
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range fields {
		native.(map[string]any)[k] = v
	}
	b, err = reference.BinaryFromNative(b[:frameBytes:frameBytes], native)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAValueSharesNoMemoryWithItsMessage: the message belongs to the consumer, which may use it again.
func TestAValueSharesNoMemoryWithItsMessage(t *testing.T) {
	c := newCodec(t)
	b := encoded(t, c.EncodeAcknowledgement, fullAcknowledgement())
	got, err := c.DecodeAcknowledgement(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if d := cmp.Diff(fullAcknowledgement(), got); d != "" {
		t.Error(d)
	}
}
