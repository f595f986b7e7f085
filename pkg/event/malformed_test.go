package event_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/schemas"
)

func encoded[T any](t testing.TB, encode func(T) ([]byte, error), v T) []byte {
	t.Helper()
	b, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeRefuses(t *testing.T) {
	c := newCodec(t)
	request := encoded(t, c.EncodeSubjectRequest, smallRequest())
	ack := encoded(t, c.EncodeAcknowledgement, smallAcknowledgement())
	header := bytes.Clone(request[:frameBytes])
	// The first fields of a subject request: id, kind, receipt.
	prefix := func(id, kind string, micros int64) []byte {
		b := bytes.Clone(header)
		for _, s := range []string{id, kind} {
			b = append(binary.AppendVarint(b, int64(len(s))), s...)
		}
		return binary.AppendVarint(b, micros)
	}
	nulls := func(b []byte, n int) []byte { return append(b, make([]byte, n)...) }
	swap := func(old, with string) []byte { return bytes.Replace(request, []byte(old), []byte(with), 1) }

	for _, tc := range []struct {
		name string
		in   []byte
		want event.MalformedError
	}{
		{"nothing", nil, event.MalformedError{Reason: "empty"}},
		{"garbage", []byte("hello world, this is text"), event.MalformedError{Reason: "not in Avro single-object encoding"}},
		{"a_frame_cut_off", request[:9], event.MalformedError{Reason: "not in Avro single-object encoding"}},
		{"the_confluent_framing", []byte{0, 0, 0, 0, 7, 1, 2}, event.MalformedError{Reason: "in Confluent framing, and no schema registry is configured"}},
		{"another_message", ack, event.MalformedError{Schema: "subject_request", Reason: "its schema is acknowledgement"}},
		{"a_frame_around_nothing", header, event.MalformedError{Schema: "subject_request", Field: "request_id", Reason: "cut off"}},
		{"a_body_cut_off", request[:len(request)-1], event.MalformedError{Schema: "subject_request", Field: "signature", Reason: "cut off"}},
		{"a_trailing_byte", append(bytes.Clone(request), 0), event.MalformedError{Schema: "subject_request", Reason: "1 trailing bytes"}},
		{"text_that_is_not_utf8", swap("erasure", "eras\xffre"), event.MalformedError{Schema: "subject_request", Field: "kind", Reason: "text that is not UTF-8"}},
		{"text_with_nul", swap("erasure", "eras\x00re"), event.MalformedError{Schema: "subject_request", Field: "kind", Reason: "text with a NUL byte"}},
		{"an_instant_after_9999", nulls(prefix(string(requestID), "erasure", 253402300800_000_000), 22), event.MalformedError{Schema: "subject_request", Field: "received_at", Reason: "an instant outside the years 1 to 9999"}},
		{"an_instant_before_1", nulls(prefix(string(requestID), "erasure", math.MinInt64), 22), event.MalformedError{Schema: "subject_request", Field: "received_at", Reason: "an instant outside the years 1 to 9999"}},
		{"the_zero_time_of_other_languages", nulls(prefix(string(requestID), "erasure", -62135596800_000_000), 22), event.MalformedError{Schema: "subject_request", Field: "received_at", Reason: "an instant outside the years 1 to 9999"}},
		{"a_union_branch_that_is_none", append(prefix(string(requestID), "erasure", 0), 4), event.MalformedError{Schema: "subject_request", Field: "tenant", Reason: "a union branch that the schema does not have"}},
		{"a_negative_union_branch", append(prefix(string(requestID), "erasure", 0), 1), event.MalformedError{Schema: "subject_request", Field: "tenant", Reason: "a union branch that the schema does not have"}},
		{"a_negative_length", append(bytes.Clone(header), 1), event.MalformedError{Schema: "subject_request", Field: "request_id", Reason: "a negative length"}},
		{"a_number_of_more_than_64_bits", append(bytes.Clone(header), bytes.Repeat([]byte{0xff}, 11)...), event.MalformedError{Schema: "subject_request", Field: "request_id", Reason: "a number of more than 64 bits"}},
		{"a_request_id_that_is_none", swap(string(requestID), strings.Repeat("x", 36)), event.MalformedError{Schema: "subject_request", Field: "request_id", Reason: "not a UUID"}},
		{"the_nil_request_id", swap(string(requestID), "00000000-0000-0000-0000-000000000000"), event.MalformedError{Schema: "subject_request", Field: "request_id", Reason: "not a UUID"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := c.DecodeSubjectRequest(tc.in)
			var got *event.MalformedError
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if d := cmp.Diff(&tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDecodeRefusesWhatGoavroWrites(t *testing.T) {
	c := newCodec(t)
	array := func(v ...any) any { return map[string]any{"array": v} }
	collection := func(more map[string]any) any {
		m := map[string]any{"name": "n", "outcome": "erased"}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	for _, tc := range []struct {
		name, field, reason string
		fields              map[string]any
	}{
		{"a_negative_round", "round", "a negative number", map[string]any{"round": int32(-1)}},
		{"a_negative_number", "number", "a negative number", map[string]any{"number": map[string]any{"int": int32(-1)}}},
		{"a_short_digest", "map_hash", "not the 32 bytes of a SHA-256", map[string]any{"map_hash": map[string]any{"bytes": []byte{1}}}},
		{"a_parent_that_is_no_id", "parent_request_id", "not a UUID", map[string]any{"parent_request_id": map[string]any{"string": "x"}}},
		{
			"a_negative_count", "collections[1].counts[1].value", "a negative number",
			map[string]any{"collections": array(collection(nil), collection(map[string]any{"counts": array(count("found", 1, false), count("erased", -1, false))}))},
		},
		{
			"a_count_twice", "collections[0].counts[1].name", "a count that stands there twice",
			map[string]any{"collections": array(collection(map[string]any{"counts": array(count("found", 1, false), count("found", 2, false))}))},
		},
		{
			"a_part_without_digest", "parts[0].sha256", "not the 32 bytes of a SHA-256",
			map[string]any{"parts": array(map[string]any{"system": "s", "path": "p", "sha256": []byte{}, "size_bytes": int64(1)})},
		},
		{
			"nested_text_that_is_not_utf8", "collections[0].ground.note", "text that is not UTF-8",
			map[string]any{"collections": array(collection(map[string]any{"ground": map[string]any{"lethe.v1.Ground": map[string]any{"note": map[string]any{"string": "\xff"}}}}))},
		},
		{"text_in_a_list_that_is_not_utf8", "systems[1]", "text that is not UTF-8", map[string]any{"systems": array("ok", "\xff")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := c.DecodeAcknowledgement(foreign(t, c, tc.fields))
			var got *event.MalformedError
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if d := cmp.Diff(&event.MalformedError{Schema: schemas.Acknowledgement, Field: tc.field, Reason: tc.reason}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestABadIDLeavesTheRestReadable: the sender of such a request is still told which it was and when its answer is due.
func TestABadIDLeavesTheRestReadable(t *testing.T) {
	c := newCodec(t)
	b := bytes.Replace(encoded(t, c.EncodeSubjectRequest, fullRequest()), []byte(requestID), []byte(strings.Repeat("x", 36)), 1)
	got, err := c.DecodeSubjectRequest(b)
	if err == nil {
		t.Fatal("decoded")
	}
	want := fullRequest()
	want.RequestID = ""
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestUpperCaseIDsComeOutInLowerCase(t *testing.T) {
	c := newCodec(t)
	v := smallRequest()
	v.RequestID = dsr.RequestID(strings.ToUpper(string(requestID)))
	got, err := c.DecodeSubjectRequest(encoded(t, c.EncodeSubjectRequest, v))
	if err != nil || got.RequestID != requestID {
		t.Errorf("%s, %v", got.RequestID, err)
	}
	b := bytes.Replace(encoded(t, c.EncodeSubjectRequest, smallRequest()), []byte(requestID), []byte(v.RequestID), 1)
	if got, err = c.DecodeSubjectRequest(b); err != nil || got.RequestID != requestID {
		t.Errorf("%s, %v", got.RequestID, err)
	}
}

func TestUnknownSchemaIsNamed(t *testing.T) {
	c := newCodec(t)
	b := encoded(t, c.EncodeStatus, fullStatus())
	binary.LittleEndian.PutUint64(b[2:], 0x0123456789abcdef)
	_, err := c.DecodeStatus(b)
	var unknown *event.UnknownSchemaError
	if !errors.As(err, &unknown) || unknown.Fingerprint != 0x0123456789abcdef {
		t.Fatalf("got %v", err)
	}
	at := event.At("lethe.request-status", 3, 41, err)
	if want := "decode message at lethe.request-status/3@41: unknown schema: this build holds none with fingerprint 0123456789abcdef"; at.Error() != want {
		t.Errorf("got  %s\nwant %s", at, want)
	}
	var place *event.DecodeError
	if !errors.As(at, &place) || place.Offset != 41 || !errors.As(at, &unknown) {
		t.Errorf("the place or the cause is lost: %#v", at)
	}
	if event.At("t", 0, 0, nil) != nil {
		t.Error("no error became one")
	}
}

func TestIdentify(t *testing.T) {
	c := newCodec(t)
	name, n, err := c.Identify(encoded(t, c.EncodeStatus, fullStatus()))
	if name != schemas.RequestStatus || n != 1 || err != nil {
		t.Errorf("%s v%d, %v", name, n, err)
	}
	if _, _, err := c.Identify([]byte{0xC3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8}); !errors.As(err, new(*event.UnknownSchemaError)) {
		t.Errorf("got %v", err)
	}
}

// TestEncodeRefuses: what a reader would refuse never leaves the writer.
func TestEncodeRefuses(t *testing.T) {
	c := newCodec(t)
	request := func(change func(*dsr.SubjectRequest)) error {
		v := fullRequest()
		change(&v)
		_, err := c.EncodeSubjectRequest(v)
		return err
	}
	ack := func(change func(*dsr.Acknowledgement)) error {
		v := fullAcknowledgement()
		change(&v)
		_, err := c.EncodeAcknowledgement(v)
		return err
	}
	for _, tc := range []struct {
		name, want string
		err        error
	}{
		{"no_request_id", "field request_id: not a UUID", request(func(v *dsr.SubjectRequest) { v.RequestID = "" })},
		{"no_kind", "field kind: not given", request(func(v *dsr.SubjectRequest) { v.Kind = "" })},
		{"no_receipt", "field received_at: not given", request(func(v *dsr.SubjectRequest) { v.ReceivedAt = time.Time{} })},
		{"a_far_instant", "field received_at: an instant outside the years 1 to 9999", request(func(v *dsr.SubjectRequest) { v.ReceivedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) })},
		{"a_far_nested_instant", "field identity.verified_at: an instant outside the years 1 to 9999", request(func(v *dsr.SubjectRequest) { v.Identity.VerifiedAt = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC) })},
		{"an_identifier_that_is_not_utf8", "field identifiers[1].value: text that is not UTF-8", request(func(v *dsr.SubjectRequest) { v.Identifiers[1].Value = "secret\xff" })},
		{"a_scope_with_nul", "field scope.systems[1]: text with a NUL byte", request(func(v *dsr.SubjectRequest) { v.Scope.Systems = []string{"a", "b\x00"} })},
		{"a_ground_of_a_decision", "field decision.grounds[1].law: text that is not UTF-8", request(func(v *dsr.SubjectRequest) { v.Decision.Grounds[1].Law = "\xff" })},
		{"a_decision_without_a_word", "field decision.decision: not given", request(func(v *dsr.SubjectRequest) { v.Decision.Decision = "" })},
		{"an_id_that_is_none", "field corrects: not a UUID", request(func(v *dsr.SubjectRequest) { v.Corrects = "secret" })},
		{"no_system", "field system: not given", ack(func(v *dsr.Acknowledgement) { v.System = "" })},
		{"a_negative_round", "field round: a negative number", ack(func(v *dsr.Acknowledgement) { v.Round = -1 })},
		{"a_negative_count", "field collections[1].counts[0].value: a negative number", ack(func(v *dsr.Acknowledgement) { v.Collections[1].Counts.Found = -1 })},
		{"a_short_digest", "field parts[0].sha256: not the 32 bytes of a SHA-256", ack(func(v *dsr.Acknowledgement) { v.Parts[0].SHA256 = []byte{1} })},
		{"more_items_than_a_message_holds", "field resolved_kinds: more than 20000 array items in one message", ack(func(v *dsr.Acknowledgement) { v.ResolvedKinds = make([]string, 20_001) })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.err == nil || !strings.HasSuffix(tc.err.Error(), tc.want) {
				t.Fatalf("got %v, want …%s", tc.err, tc.want)
			}
			if strings.Contains(tc.err.Error(), "secret") {
				t.Errorf("the error quotes the value: %v", tc.err)
			}
		})
	}
}

// TestABombDoesNotGoOff: a few bytes that announce a long array must not make anybody allocate it.
func TestABombDoesNotGoOff(t *testing.T) {
	c := newCodec(t)
	const tooLong = "an array of more items than the message has bytes"
	for _, tc := range []struct {
		name, reason string
		in           []byte
	}{
		{"two_billion_items", tooLong, binary.AppendVarint(nil, math.MaxInt32-1)},
		{"a_hundred_items_in_no_bytes", tooLong, binary.AppendVarint(nil, 100)},
		{"more_than_an_int_holds", tooLong, binary.AppendVarint(nil, math.MaxInt64)},
		{"a_negative_block", tooLong, append(binary.AppendVarint(binary.AppendVarint(nil, -math.MaxInt32), 2), 0, 0)},
		{"the_most_negative_block", tooLong, binary.AppendVarint(binary.AppendVarint(nil, math.MinInt64), 5)},
		{"a_block_longer_than_the_message", "an array block longer than the message", binary.AppendVarint(binary.AppendVarint(nil, -1), math.MaxInt64)},
		{"a_block_of_negative_length", "an array block longer than the message", binary.AppendVarint(binary.AppendVarint(nil, -1), -5)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const runs = 100
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range runs {
				if _, err := c.DecodeIdentifiers(tc.in); err == nil || !strings.HasSuffix(err.Error(), tc.reason) {
					t.Fatalf("got %v", err)
				}
			}
			runtime.ReadMemStats(&after)
			if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 4096 {
				t.Errorf("%d bytes were allocated for %d on the wire", got, len(tc.in))
			}
		})
	}
	t.Run("many_small_items", func(t *testing.T) {
		b := binary.AppendVarint(nil, 500_000)
		b = append(b, make([]byte, 1_000_001)...)
		_, err := c.DecodeIdentifiers(b)
		if err == nil || !strings.Contains(err.Error(), "more than 20000 array items") {
			t.Errorf("got %v", err)
		}
	})
}

// TestArraysInBlocks: other writers cut arrays into blocks, with or without their length in bytes.
func TestArraysInBlocks(t *testing.T) {
	c := newCodec(t)
	item := func(s string) []byte { return append([]byte{byte(2 * len(s))}, append([]byte(s), 2, 'v')...) }
	var b []byte
	b = append(append(append(b, 4), item("a")...), item("b")...) // two items
	b = append(append(append(b, 1), byte(2*4)), item("c")...)    // one item, four bytes long
	b = append(append(append(b, 2), item("d")...), 0)            // one item, the end
	got, err := c.DecodeIdentifiers(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []dsr.Identifier{{Kind: "a", Value: "v"}, {Kind: "b", Value: "v"}, {Kind: "c", Value: "v"}, {Kind: "d", Value: "v"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
