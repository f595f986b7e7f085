package sealing_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

// knownPRF is the PRF under a key that is no secret: bytes 0 to 31.
func knownPRF(t testing.TB) (*sealing.PRF, []byte) {
	t.Helper()
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	// HmacPrfKey{version 0, params{hash SHA256}, key_value}
	value := append([]byte{0x12, 0x02, 0x08, 0x03, 0x1a, 0x20}, key...)
	text := fmt.Sprintf(`{"primaryKeyId":1,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.HmacPrfKey","value":%q,"keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":1,"outputPrefixType":"RAW"}]}`,
		base64.StdEncoding.EncodeToString(value))
	return must(sealing.ParsePRF([]byte(text)))(t), key
}

// TestRefIsWhatItsDocumentationSays computes it by hand, so that a reference stored today is found in ten years.
func TestRefIsWhatItsDocumentationSays(t *testing.T) {
	p, key := knownPRF(t)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("\x01email\x00zoe@example.org"))
	want := mac.Sum(nil)
	for _, value := range []string{"zoe@example.org", " Zoe@Example.org ", "ZOE@EXAMPLE.ORG"} {
		got := must(p.Ref(dsr.Identifier{Kind: dsr.Email, Value: value}))(t)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", value, d)
		}
	}
	if got := hex.EncodeToString(want); got != "f9d339a949a514b7071ddc72f9f5b7a8f69b1ffe89fb56fd5c21d71a4dc97ae8" {
		t.Errorf("the test vector is %s", got)
	}
	mac.Reset()
	mac.Write([]byte("\x80\x05label\x01a\x02bc\x00"))
	if d := cmp.Diff(mac.Sum(nil), p.Derive("label", []byte("a"), []byte("bc"), nil)); d != "" {
		t.Error(d)
	}
	mac.Reset()
	mac.Write(append(append([]byte("\x80\x0brequest-ref\x20"), want...), "\x24"+string(requestID)...))
	if got, want := p.RequestRef(want, requestID), hex.EncodeToString(mac.Sum(nil)[:16]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRefsTellPeopleApart(t *testing.T) {
	p := must(sealing.GeneratePRF())(t)
	seen := map[string]dsr.Identifier{}
	for _, id := range []dsr.Identifier{
		{Kind: "email", Value: "a@example.org"},
		{Kind: "email", Value: "b@example.org"},
		{Kind: "customer_id", Value: "a@example.org"},
		{Kind: "a", Value: "bc"},
		{Kind: "ab", Value: "c"},
	} {
		ref := must(p.Ref(id))(t)
		if len(ref) != sealing.RefBytes {
			t.Errorf("%d bytes", len(ref))
		}
		if other, taken := seen[string(ref)]; taken {
			t.Errorf("%v and %v have the same reference", id, other)
		}
		seen[string(ref)] = id
	}
}

func TestRefRefusesWhatFindsNobody(t *testing.T) {
	p := must(sealing.GeneratePRF())(t)
	for _, id := range []dsr.Identifier{{Kind: "email", Value: "no address, a secret"}, {Kind: "email"}, {Value: "secret"}, {Kind: "x", Value: "secret\x00"}} {
		_, err := p.Ref(id)
		if err == nil {
			t.Fatalf("%v has a reference", id.Kind)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error quotes the value: %v", err)
		}
		if _, err := p.Refs(id); err == nil {
			t.Errorf("%v has references", id.Kind)
		}
	}
}

func TestPRFRotates(t *testing.T) {
	id := dsr.Identifier{Kind: "email", Value: "zoe@example.org"}
	first := must(sealing.GeneratePRF())(t)
	old := must(first.Ref(id))(t)
	both, key, err := first.AddKey()
	if err != nil {
		t.Fatal(err)
	}
	if got := must(both.Ref(id))(t); !bytes.Equal(got, old) {
		t.Error("a new key changes references before it is promoted")
	}
	promoted := must(both.Promote(key))(t)
	fresh := must(promoted.Ref(id))(t)
	if bytes.Equal(fresh, old) {
		t.Error("the reference is the same under another key")
	}
	if d := cmp.Diff([][]byte{fresh, old}, must(promoted.Refs(id))(t)); d != "" {
		t.Error(d)
	}
	if _, err := promoted.Remove(key); err == nil {
		t.Error("the primary key was removed")
	}
	only := must(promoted.Remove(first.KeyID()))(t)
	if d := cmp.Diff([][]byte{fresh}, must(only.Refs(id))(t)); d != "" {
		t.Error(d)
	}
	again := must(sealing.ParsePRF(must(promoted.Marshal())(t)))(t)
	if d := cmp.Diff(must(promoted.Refs(id))(t), must(again.Refs(id))(t)); d != "" {
		t.Error("after a round trip through text:", d)
	}
	if again.KeyID() != key || len(again.KeyIDs()) != 2 {
		t.Errorf("keys %v, primary %s", again.KeyIDs(), again.KeyID())
	}
}

func TestARequestsPseudonymLinksNothing(t *testing.T) {
	p := must(sealing.GeneratePRF())(t)
	ref := must(p.Ref(dsr.Identifier{Kind: "email", Value: "zoe@example.org"}))(t)
	a, b := p.RequestRef(ref, requestID), p.RequestRef(ref, otherID)
	if a == b || a != p.RequestRef(ref, requestID) || len(a) != 32 || strings.Contains(hex.EncodeToString(ref), a) {
		t.Errorf("%s and %s", a, b)
	}
}

// TestDeriveSetsPartsApart: other labels or parts, or the same bytes cut elsewhere, give another value, and never that of an
// identifier.
func TestDeriveSetsPartsApart(t *testing.T) {
	p := must(sealing.GeneratePRF())(t)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 5), 0, 4)
		label := rapid.StringN(0, 5, -1)
		la, pa, lb, pb := label.Draw(t, "label a"), parts.Draw(t, "parts a"), label.Draw(t, "label b"), parts.Draw(t, "parts b")
		same := la == lb && len(pa) == len(pb)
		for i := 0; same && i < len(pa); i++ {
			same = bytes.Equal(pa[i], pb[i])
		}
		if got := bytes.Equal(p.Derive(la, pa...), p.Derive(lb, pb...)); got != same {
			t.Errorf("the same value: %v, the same parts: %v", got, same)
		}
	})
}
