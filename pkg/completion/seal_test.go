package completion

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gowebpki/jcs"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

func TestSealedRecordVerifies(t *testing.T) {
	r := erasure()
	sealed := seal(t, r)
	v, err := Verify(sealed.Envelope, testSigner(1).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	want := *r
	want.Schema, want.Result, want.Clock.OnTime = SchemaV1, dsr.Complete, NotAnswered
	if d := cmp.Diff(&want, v.Record, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	if v.SHA256 != sealed.SHA256 || v.SHA256 != sha256.Sum256(sealed.Envelope) || v.KeyID != testSigner(1).KeyID() || sealed.Result != dsr.Complete {
		t.Errorf("%x, %s, %s", v.SHA256, v.KeyID, sealed.Result)
	}
}

func TestSameRecordGivesTheSameBytes(t *testing.T) {
	a, b := seal(t, erasure()), seal(t, erasure())
	if !bytes.Equal(a.Envelope, b.Envelope) {
		t.Error("two seals differ")
	}
	c := erasure()
	c.AsOf = c.AsOf.In(time.FixedZone("", 3600)).Add(900) // the same microsecond in another zone
	if !bytes.Equal(a.Envelope, seal(t, c).Envelope) {
		t.Error("the zone, or what is below a microsecond, came through")
	}
}

func TestSealedPropertyVerifies(t *testing.T) {
	s := testSigner(1)
	v := s.Verifier()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		sealed, err := Seal(r, s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Verify(sealed.Envelope, v)
		if err != nil {
			t.Fatal(err)
		}
		if got.Record.Result != sealed.Result {
			t.Fatal(got.Record.Result)
		}
	})
}

// The envelope is a DSSE envelope to the library too, and canonical JSON to an independent canonicalisation.
func TestEnvelopeIsDSSE(t *testing.T) {
	s := testSigner(1)
	sealed := seal(t, erasure())
	canonical, err := jcs.Transform(sealed.Envelope)
	if err != nil || !bytes.Equal(canonical, sealed.Envelope) {
		t.Errorf("the envelope is not canonical: %v", err)
	}
	var e dsse.Envelope
	if err := json.Unmarshal(sealed.Envelope, &e); err != nil {
		t.Fatal(err)
	}
	ev, err := dsse.NewEnvelopeVerifier(libraryKey{s})
	if err != nil {
		t.Fatal(err)
	}
	keys, payload, err := ev.VerifyAndDecode(context.Background(), &e)
	if err != nil || len(keys) != 1 || keys[0].KeyID != s.KeyID() {
		t.Fatalf("%v, %v", keys, err)
	}
	if canonical, err := jcs.Transform(payload); err != nil || !bytes.Equal(canonical, payload) {
		t.Errorf("the payload is not canonical: %v", err)
	}
}

type libraryKey struct{ s *Signer }

func (k libraryKey) KeyID() (string, error)   { return k.s.id, nil }
func (k libraryKey) Public() crypto.PublicKey { return k.s.public()[0] }
func (k libraryKey) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(k.s.public()[0], data, sig) {
		return errors.New("no")
	}
	return nil
}

func TestSealRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Record)
		want   string
	}{
		{"a_result_that_the_lines_do_not_support", func(r *Record) { r.Result = dsr.Complete; r.Systems[0].Collections[0].Outcome = dsr.Failed }, "claims to be complete, its lines support incomplete"},
		{"on_time_that_the_clock_does_not_support", func(r *Record) { r.Clock.OnTime = OnTime }, "on_time"},
		{"an_addendum_without_previous", func(r *Record) { r.Type, r.Number = TypeAddendum, 1 }, "previous"},
		{"an_addendum_with_number_0", func(r *Record) {
			r.Type, r.Previous = TypeAddendum, &Previous{RecordID: r.RecordID, SHA256: hash("")}
		}, "number"},
		{"a_record_with_number_1", func(r *Record) { r.Number = 1 }, "number"},
		{"a_record_with_previous", func(r *Record) { r.Previous = &Previous{RecordID: r.RecordID, SHA256: hash("")} }, "previous"},
		{"a_record_id_that_is_no_uuid", func(r *Record) { r.RecordID = "17" }, "record_id"},
		{"a_short_nonce", func(r *Record) { r.Nonce = r.Nonce[:31] }, "nonce"},
		{"no_instant", func(r *Record) { r.AsOf = time.Time{} }, "as_of"},
		{"a_year_that_rfc3339_cannot_write", func(r *Record) { r.Clock.DueAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "due_at"},
		{"a_negative_count", func(r *Record) { r.Systems[0].Collections[0].Counts.Cascaded = -1 }, "negative"},
		{"a_system_that_was_not_expected", func(r *Record) { r.Coverage.Expected[0] = "shops" }, "systems[0]"},
		{"a_system_twice", func(r *Record) { r.Systems = append(r.Systems, r.Systems[0]) }, "systems[3] stands there twice"},
		{"a_collection_twice", func(r *Record) {
			r.Systems[0].Collections = append(r.Systems[0].Collections, r.Systems[0].Collections[0])
		}, "twice"},
		{"a_word_that_is_no_outcome", func(r *Record) { r.Systems[0].Collections[0].Outcome = "deleted" }, "outcome"},
		{"broken_utf8", func(r *Record) { r.Responsible.Controller = "a\xff" }, "UTF-8"},
		{"no_retention", func(r *Record) { r.RetainUntil = "" }, "retain_until"},
		{"gone_by_nothing", func(r *Record) { r.Backups[0].GoneBy = nil }, "gone_by"},
		{"an_environment_that_is_none", func(r *Record) { r.Environment = "staging" }, "environment"},
		{"a_channel_that_is_left_out", func(r *Record) { r.Request.Channel = "" }, "unknown is a word"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := erasure()
			tc.change(r)
			_, err := Seal(r, testSigner(1))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want one about %q", err, tc.want)
			}
		})
	}
}

// forge signs whatever it is given with a good key: what only the key's holder could do.
func forge(t *testing.T, change func(map[string]any)) []byte {
	t.Helper()
	sealed := seal(t, erasure())
	payload, _, err := open(sealed.Envelope, testSigner(1).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(payload, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	plain, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	payload, err = jcs.Transform(plain)
	if err != nil {
		t.Fatal(err)
	}
	return sign(payload, testSigner(1))
}

func TestVerifyNamesTheDefect(t *testing.T) {
	good := seal(t, erasure()).Envelope
	known := testSigner(1).Verifier()
	edit := func(old, new string) []byte {
		b := bytes.Replace(good, []byte(old), []byte(new), 1)
		if bytes.Equal(b, good) {
			t.Fatalf("%q is not in the envelope", old)
		}
		return b
	}
	payload, _, err := open(good, known)
	if err != nil {
		t.Fatal(err)
	}
	spaced := append([]byte("{ "), payload[1:]...)
	var e dsse.Envelope
	if err := json.Unmarshal(good, &e); err != nil {
		t.Fatal(err)
	}
	withSig := func(sig string) []byte {
		e := e
		e.Signatures = []dsse.Signature{{KeyID: e.Signatures[0].KeyID, Sig: sig}}
		return reencode(&e)
	}
	looseBits := func() []byte { // the last letter before the padding carries two bits that base64 throws away
		sig := []byte(e.Signatures[0].Sig)
		i := len(sig) - 3
		alphabet := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
		sig[i] = alphabet[strings.IndexByte(alphabet, sig[i])|1]
		return withSig(string(sig))
	}
	for _, tc := range []struct {
		name string
		in   []byte
		want Defect
	}{
		{"nothing", nil, NotJSON},
		{"garbage", []byte("garbage"), NotJSON},
		{"cut_off", good[:len(good)-1], NotJSON},
		{"a_second_value", append(bytes.Clone(good), "{}"...), NotJSON},
		{"a_line_break_at_the_end", append(bytes.Clone(good), '\n'), NotJSON},
		{"a_space", edit(`,"payloadType"`, `, "payloadType"`), NotCanonical},
		{"a_name_in_capitals", edit(`"payloadType"`, `"PayloadType"`), NotCanonical},
		{"a_name_twice", edit(`{"payload"`, `{"payloadType":"x","payload"`), NotCanonical},
		{"a_name_more", edit(`{"payload"`, `{"extra":1,"payload"`), NotJSON},
		{"an_escape", edit(`"payloadType":"application/`, `"payloadType":"application\/`), NotCanonical},
		{"another_payload_type", edit(`v1+json`, `v2+json`), WrongPayloadType},
		{"no_signature", reencode(&dsse.Envelope{PayloadType: PayloadType, Payload: e.Payload}), WrongSignatures},
		{"two_signatures", reencode(&dsse.Envelope{PayloadType: PayloadType, Payload: e.Payload, Signatures: []dsse.Signature{e.Signatures[0], e.Signatures[0]}}), WrongSignatures},
		{"an_unknown_key", seal2(t), UnknownKey},
		{"base64_in_the_url_alphabet", withSig(strings.NewReplacer("+", "-", "/", "_").Replace(e.Signatures[0].Sig)), NotCanonical},
		{"base64_with_a_line_break", withSig(e.Signatures[0].Sig[:10] + "\n" + e.Signatures[0].Sig[10:]), NotCanonical},
		{"base64_with_loose_bits", looseBits(), NotCanonical},
		{"a_short_signature", withSig("AAAA"), SignatureMismatch},
		{"another_payload", reencode(&dsse.Envelope{PayloadType: PayloadType, Payload: base64.StdEncoding.EncodeToString([]byte("{}")), Signatures: e.Signatures}), SignatureMismatch},
		{"signed_garbage", sign([]byte("garbage"), testSigner(1)), PayloadNotJSON},
		{"signed_with_white_space", sign(spaced, testSigner(1)), PayloadNotCanonical},
		{"signed_with_a_member_more", forge(t, func(m map[string]any) { m["extra"] = 1 }), PayloadNotJSON},
		{"signed_with_a_member_less", forge(t, func(m map[string]any) { delete(m, "models") }), PayloadNotCanonical},
		{"signed_under_another_schema", forge(t, func(m map[string]any) { m["schema"] = "lethe.completion-record.v9" }), SchemaViolation},
		{"signed_with_a_negative_count", forge(t, func(m map[string]any) {
			m["systems"].([]any)[0].(map[string]any)["collections"].([]any)[0].(map[string]any)["counts"].(map[string]any)["found"] = -1
		}), SchemaViolation},
		{"signed_complete_with_an_open_line", forge(t, func(m map[string]any) {
			m["systems"].([]any)[0].(map[string]any)["collections"].([]any)[0].(map[string]any)["outcome"] = "failed"
		}), ResultUnsupported},
		{"signed_as_another_result", forge(t, func(m map[string]any) { m["result"] = "partial" }), ResultUnsupported},
		{"signed_as_told_in_time", forge(t, func(m map[string]any) { m["clock"].(map[string]any)["on_time"] = "yes" }), ResultUnsupported},
		{"signed_with_a_reason_kept_back", forge(t, func(m map[string]any) {
			m["systems"].([]any)[0].(map[string]any)["collections"].([]any)[0].(map[string]any)["outcome"] = "failed"
			m["result"] = "incomplete"
		}), ResultUnsupported},
		{"signed_with_a_reason_invented", forge(t, func(m map[string]any) {
			m["reasons"] = []any{map[string]any{"code": "failed", "weight": "note", "system": nil, "collection": nil, "name": nil, "next_step": "x", "stated": false}}
		}), ResultUnsupported},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := Verify(tc.in, known)
			var d *DefectError
			if !errors.As(err, &d) {
				t.Fatalf("got %v, %v", v, err)
			}
			if d.Defect != tc.want {
				t.Errorf("got %s (%v), want %s", d.Defect, err, tc.want)
			}
			if len(d.Message) < 30 {
				t.Errorf("explains too little: %q", d.Message)
			}
		})
	}
}

func seal2(t *testing.T) []byte {
	s, err := Seal(erasure(), testSigner(2))
	if err != nil {
		t.Fatal(err)
	}
	return s.Envelope
}

// Every byte of an envelope is changed in turn; of a sample, every bit, and to values that mean something in JSON or base64; and
// bytes are left out and put in. Each change must be found, with an explanation.
func TestEveryChangedByteIsFound(t *testing.T) {
	good := seal(t, refused()).Envelope // a short one
	v := testSigner(1).Verifier()
	check := func(b []byte, i int) {
		t.Helper()
		r, err := Verify(b, v)
		var d *DefectError
		if r != nil || !errors.As(err, &d) || d.Message == "" {
			t.Fatalf("change at byte %d: %v, %v", i, r, err)
		}
	}
	b := bytes.Clone(good)
	for i := range good {
		b[i] = good[i] ^ 1<<(i%8)
		check(b, i)
		if i%61 == 0 || i > len(good)-150 { // the end holds the names, the key id and the signature
			for bit := range 8 {
				b[i] = good[i] ^ 1<<bit
				check(b, i)
			}
			for _, c := range []byte("\x00 \t\n\"\\{}[],:=+/-_Aa0\x80\xff") {
				if b[i] = c; c != good[i] {
					check(b, i)
				}
			}
			check(slices.Delete(bytes.Clone(good), i, i+1), i)
			for _, c := range []byte(" \n0=") {
				check(slices.Insert(bytes.Clone(good), i, c), i)
			}
		}
		b[i] = good[i]
	}
}

func FuzzVerify(f *testing.F) {
	s := testSigner(1)
	for _, r := range []*Record{erasure(), access(), unfound()} {
		sealed, err := Seal(r, s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sealed.Envelope)
	}
	f.Add([]byte(`{"payload":"","payloadType":"","signatures":[]}`))
	v := s.Verifier()
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Verify(b, v)
		if err == nil {
			again, err := Seal(got.Record, s)
			if err != nil || !bytes.Equal(again.Envelope, b) {
				t.Fatalf("verifies, but sealing it again gives other bytes (%v)", err)
			}
			return
		}
		var d *DefectError
		if !errors.As(err, &d) {
			t.Fatalf("not a defect: %v", err)
		}
	})
}

// The payload is read by whoever holds a good signature only, but it too must not crash.
func FuzzDecode(f *testing.F) {
	for _, r := range []*Record{erasure(), access(), unfound()} {
		r.Schema = SchemaV1
		r.Result, r.Reasons = ResultOf(r)
		r.Clock.OnTime = r.Clock.onTime()
		b, err := canonical(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b)
		if err != nil {
			return
		}
		again, err := canonical(r)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("reads, but does not give the same bytes (%v)", err)
		}
	})
}
