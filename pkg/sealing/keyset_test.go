package sealing_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

func TestKeysetOpensOnlyWhatItIsFor(t *testing.T) {
	keys := must(sealing.GenerateKeyset())(t)
	stranger := must(sealing.GenerateKeyset())(t)
	ad := sealing.IdentifiersAD(requestID, dsr.Act)
	sealed := must(keys.Seal([]byte(secret), ad))(t)
	if got := must(keys.Open(sealed, ad))(t); string(got) != secret {
		t.Fatalf("got %q", got)
	}
	if id := must(sealing.SealedKeyID(sealed))(t); id != keys.KeyID() {
		t.Errorf("sealed under %s, want %s", id, keys.KeyID())
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for _, tc := range []struct {
		name string
		in   []byte
		ad   []byte
		want error
	}{
		{"another_phase", sealed, sealing.IdentifiersAD(requestID, dsr.Verify), sealing.ErrOpen},
		{"another_request", sealed, sealing.IdentifiersAD(otherID, dsr.Act), sealing.ErrOpen},
		{"another_purpose", sealed, sealing.ResolvedAD(requestID), sealing.ErrOpen},
		{"no_purpose", sealed, nil, sealing.ErrOpen},
		{"changed", changed, ad, sealing.ErrOpen},
		{"cut_off", sealed[:12], ad, sealing.ErrOpen},
		{"empty", nil, ad, sealing.ErrOpen},
		{"of_another_format", append([]byte{0}, sealed[1:]...), ad, sealing.ErrOpen},
		{"under_a_key_that_is_not_held", must(stranger.Seal([]byte(secret), ad))(t), ad, &sealing.UnknownKeyError{KeyID: stranger.KeyID()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := keys.Open(tc.in, tc.ad)
			refused(t, err, tc.want)
		})
	}
	if _, err := sealing.SealedKeyID([]byte{7, 7}); !errors.Is(err, sealing.ErrOpen) {
		t.Errorf("got %v", err)
	}
}

// TestNoTwoPurposesCoincide: bytes sealed for one purpose must never open for another.
func TestNoTwoPurposesCoincide(t *testing.T) {
	seen := map[string]string{}
	for name, ad := range map[string][]byte{
		"resolve": sealing.IdentifiersAD(requestID, dsr.Resolve), "act": sealing.IdentifiersAD(requestID, dsr.Act), "verify": sealing.IdentifiersAD(requestID, dsr.Verify),
		"package": sealing.IdentifiersAD(requestID, dsr.Package), "resolved": sealing.ResolvedAD(requestID), "keys of shop": sealing.KeysAD(requestID, "shop"),
		"keys of sho": sealing.KeysAD(requestID, "sho"), "stored": sealing.StoredAD(requestID), "stored of another": sealing.StoredAD(otherID),
	} {
		if other, taken := seen[string(ad)]; taken {
			t.Errorf("%s and %s are the same", name, other)
		}
		seen[string(ad)] = name
	}
	if got, want := string(sealing.KeysAD(requestID, "shop")), string(requestID)+"\x00keys\x00shop"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(sealing.IdentifiersAD(requestID, dsr.Act)), string(requestID)+"\x00act"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestKeysetRotates(t *testing.T) {
	ad := sealing.StoredAD(requestID)
	first := must(sealing.GenerateKeyset())(t)
	old := must(first.Seal([]byte(secret), ad))(t)
	both, id, err := first.AddKey()
	if err != nil {
		t.Fatal(err)
	}
	if both.KeyID() != first.KeyID() {
		t.Error("a new key seals before it is promoted")
	}
	if d := cmp.Diff([]string{first.KeyID(), id}, both.KeyIDs()); d != "" {
		t.Error(d)
	}
	promoted := must(both.Promote(id))(t)
	sealed := must(promoted.Seal([]byte(secret), ad))(t)
	for name, k := range map[string]*sealing.Keyset{"added": both, "promoted": promoted} {
		for _, s := range [][]byte{old, sealed} {
			if got, err := k.Open(s, ad); err != nil || string(got) != secret {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
	if _, err := first.Open(sealed, ad); !errors.As(err, new(*sealing.UnknownKeyError)) {
		t.Errorf("a reader without the new key: %v", err)
	}
	if _, err := promoted.Remove(id); err == nil {
		t.Error("the primary key was removed")
	}
	only := must(promoted.Remove(first.KeyID()))(t)
	_, err = only.Open(old, ad)
	refused(t, err, &sealing.UnknownKeyError{KeyID: first.KeyID()})

	text := must(both.Marshal())(t)
	again := must(sealing.ParseKeyset(text))(t)
	if got := must(again.Open(old, ad))(t); string(got) != secret || again.KeyID() != first.KeyID() {
		t.Errorf("after a round trip through text: %q under %s", got, again.KeyID())
	}
}

func TestRotationRefusesKeysThatAreNotThere(t *testing.T) {
	keys := must(sealing.GenerateKeyset())(t)
	for _, tc := range []struct{ name, id, want string }{
		{"no_hexadecimal", "hello!!!", "8 hexadecimal digits"},
		{"too_short", "1a2b", "8 hexadecimal digits"},
		{"not_held", "00000000", "not held here"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := keys.Promote(tc.id); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("promote: %v", err)
			}
			if _, err := keys.Remove(tc.id); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("remove: %v", err)
			}
		})
	}
}

func TestParseKeysetRefuses(t *testing.T) {
	prf := must(must(sealing.GeneratePRF())(t).Marshal())(t)
	aead := must(must(sealing.GenerateKeyset())(t).Marshal())(t)
	for _, tc := range []struct{ name, text string }{
		{"nothing", ""}, {"no_json", "hello"}, {"no_keys", "{}"}, {"cut_off", string(aead[:len(aead)/2])}, {"a_prf_keyset", string(prf)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := sealing.ParseKeyset([]byte(tc.text)); err == nil {
				t.Error("parsed")
			}
		})
	}
	if _, err := sealing.ParsePRF(aead); err == nil {
		t.Error("an AEAD keyset became a PRF")
	}
}

func TestEnvelope(t *testing.T) {
	store := must(sealing.GenerateKeyset())(t)
	e := sealing.NewEnvelope(store)
	ad := sealing.StoredAD(requestID)
	sealed := must(e.Seal([]byte(secret), ad))(t)
	if got := must(e.Open(sealed, ad))(t); string(got) != secret {
		t.Fatalf("got %q", got)
	}
	if again := must(e.Seal([]byte(secret), ad))(t); bytes.Equal(sealed, again) {
		t.Error("sealed twice, the bytes are the same")
	}
	t.Run("opens_for_nothing_else", func(t *testing.T) {
		_, err := e.Open(sealed, sealing.StoredAD(otherID))
		refused(t, err, sealing.ErrOpen)
		for i := range sealed {
			b := bytes.Clone(sealed)
			b[i] ^= 1
			if _, err := e.Open(b, ad); err == nil {
				t.Fatalf("opened with byte %d changed", i)
			}
			if _, err := e.Open(sealed[:i], ad); err == nil {
				t.Fatalf("opened with %d bytes of %d", i, len(sealed))
			}
		}
	})
	t.Run("a_wrapped_key_of_another_value_does_not_help", func(t *testing.T) {
		other := must(e.Seal([]byte("other"), ad))(t)
		n := len(sealed) - len(secret) - 28 // header and wrapped key
		if _, err := e.Open(append(bytes.Clone(other[:n]), sealed[n:]...), ad); !errors.Is(err, sealing.ErrOpen) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("rewrap_moves_it_to_the_current_key_and_leaves_the_content", func(t *testing.T) {
		both, id, err := store.AddKey()
		if err != nil {
			t.Fatal(err)
		}
		promoted := must(both.Promote(id))(t)
		moved := must(sealing.NewEnvelope(promoted).Rewrap(sealed, ad))(t)
		only := sealing.NewEnvelope(must(promoted.Remove(store.KeyID()))(t))
		if got := must(only.Open(moved, ad))(t); string(got) != secret {
			t.Errorf("got %q", got)
		}
		if content := len(secret) + 28; !bytes.Equal(moved[len(moved)-content:], sealed[len(sealed)-content:]) {
			t.Error("the content was sealed anew")
		}
		if again := must(only.Rewrap(moved, ad))(t); !bytes.Equal(again, moved) {
			t.Error("rewrapped what was under the current key already")
		}
		_, err = only.Rewrap(sealed, ad)
		refused(t, err, &sealing.UnknownKeyError{KeyID: store.KeyID()})
		if _, err := only.Rewrap([]byte{1, 0}, ad); !errors.Is(err, sealing.ErrOpen) {
			t.Errorf("got %v", err)
		}
	})
}

func BenchmarkInside(b *testing.B) {
	keys := must(sealing.GenerateKeyset())(b)
	e := sealing.NewEnvelope(keys)
	p := must(sealing.GeneratePRF())(b)
	ad, plain := sealing.StoredAD(requestID), bytes.Repeat([]byte{7}, 60)
	sealed, stored := must(keys.Seal(plain, ad))(b), must(e.Seal(plain, ad))(b)
	for name, do := range map[string]func() error{
		"keyset_seal":   func() error { _, err := keys.Seal(plain, ad); return err },
		"keyset_open":   func() error { _, err := keys.Open(sealed, ad); return err },
		"envelope_seal": func() error { _, err := e.Seal(plain, ad); return err },
		"envelope_open": func() error { _, err := e.Open(stored, ad); return err },
		"ref":           func() error { _, err := p.Ref(dsr.Identifier{Kind: dsr.Email, Value: "zoe@example.org"}); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
