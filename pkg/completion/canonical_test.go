package completion

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"
)

// The direct encoder gives what encoding/json and an independent canonicalisation give together.
func TestCanonicalEqualsJCS(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		got, err := canonical(r)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		want, err := jcs.Transform(plain)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Fatal(d)
		}
	})
}

func TestCanonicalReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		b, err := canonical(r)
		if err != nil {
			t.Fatal(err)
		}
		var again Record
		if at, err := decodeStrict(b, &again); err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		if d := cmp.Diff(r, &again, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

func TestCanonicalText(t *testing.T) {
	for in, want := range map[string]string{
		"":                       `""`,
		"a/b":                    `"a/b"`,
		"<&>":                    `"<&>"`,
		"\"\\":                   `"\"\\"`,
		"\b\t\n\f\r":             `"\b\t\n\f\r"`,
		"\x00\x1f\x7f":           "\"\\u0000\\u001f\x7f\"",
		"\u2028\u20ac\U0001f602": "\"\u2028\u20ac\U0001f602\"",
	} {
		w := writer{}
		w.string(in)
		if string(w.b) != want || w.err != nil {
			t.Errorf("%q: %s, want %s (%v)", in, w.b, want, w.err)
		}
	}
	w := writer{}
	w.string("a\xffb")
	if w.err == nil {
		t.Error("broken UTF-8 was accepted")
	}
}

func TestCanonicalInstants(t *testing.T) {
	zone := time.FixedZone("", 3600)
	for _, tc := range []struct {
		in   time.Time
		want string
	}{
		{time.Date(2026, 11, 27, 9, 14, 0, 0, zone), `"2026-11-27T08:14:00Z"`},
		{time.Date(2026, 11, 27, 9, 14, 0, 250_000_000, zone), `"2026-11-27T08:14:00.25Z"`},
		{time.Date(2026, 11, 27, 9, 14, 0, 1_999, zone), `"2026-11-27T08:14:00.000001Z"`},
	} {
		if got := string(appendTime(nil, tc.in)); got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
}

func TestCounts(t *testing.T) {
	for n, want := range map[Count]string{
		0: `0`, 31: `31`, 1 << 53: `9007199254740992`, 1<<53 + 1: `"9007199254740993"`, 1<<63 - 1: `"9223372036854775807"`,
	} {
		b, err := json.Marshal(n)
		if err != nil || string(b) != want {
			t.Errorf("%d: %s, want %s (%v)", n, b, want, err)
		}
		var back Count
		if err := json.Unmarshal(b, &back); err != nil || back != n {
			t.Errorf("%s reads as %d (%v)", b, back, err)
		}
	}
	for _, bad := range []string{`1.5`, `1e3`, `"x"`, `9223372036854775808`, `true`, `null`, `"`} {
		var c Count
		if err := json.Unmarshal([]byte(bad), &c); err == nil {
			t.Errorf("%s was read as %d", bad, c)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	r := erasure()
	b.ReportAllocs()
	for b.Loop() {
		p, err := canonical(r)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(p)))
	}
}

func BenchmarkMarshalAndJCS(b *testing.B) {
	r := erasure()
	b.ReportAllocs()
	for b.Loop() {
		p, err := json.Marshal(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := jcs.Transform(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResult(b *testing.B) {
	r := erasure()
	b.ReportAllocs()
	for b.Loop() {
		ResultOf(r)
	}
}

func BenchmarkCheck(b *testing.B) {
	r := erasure()
	r.Schema, r.Result, r.Clock.OnTime = SchemaV1, "complete", NotAnswered
	b.ReportAllocs()
	for b.Loop() {
		if err := r.check(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	r, s := erasure(), testSigner(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Seal(r, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	s := testSigner(1)
	sealed, err := Seal(erasure(), s)
	if err != nil {
		b.Fatal(err)
	}
	v := s.Verifier()
	for b.Loop() {
		if _, err := Verify(sealed.Envelope, v); err != nil {
			b.Fatal(err)
		}
	}
}
