package sealing_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

const (
	requestID = dsr.RequestID("7f3c2b1a-0d9e-4c8f-8a7b-6c5d4e3f2aa1")
	otherID   = dsr.RequestID("0b2d4f60-1a3c-4e5f-9a8b-7c6d5e4f3a2b")
	secret    = "zoe.secret@example.org"
)

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestIntakeKeysOpenWhatWasSealed(t *testing.T) {
	keys := must(sealing.GeneratePrivateKeys())(t)
	for _, plain := range [][]byte{nil, []byte(secret), bytes.Repeat([]byte{7}, 100_000)} {
		sealed := must(keys.Public().Seal(requestID, plain))(t)
		if want := 8 + 32 + len(plain) + 16; len(sealed) != want {
			t.Errorf("%d bytes, want %d", len(sealed), want)
		}
		if got := must(keys.Open(requestID, sealed))(t); !bytes.Equal(got, plain) {
			t.Errorf("opened %d bytes of %d", len(got), len(plain))
		}
	}
	a, b := must(keys.Public().Seal(requestID, nil))(t), must(keys.Public().Seal(requestID, nil))(t)
	if bytes.Equal(a, b) {
		t.Error("sealed twice, the bytes are the same")
	}
}

func TestTheCaseOfARequestIDDoesNotMatter(t *testing.T) {
	keys := must(sealing.GeneratePrivateKeys())(t)
	sealed := must(keys.Public().Seal(dsr.RequestID(strings.ToUpper(string(requestID))), []byte(secret)))(t)
	if got := must(keys.Open(requestID, sealed))(t); string(got) != secret {
		t.Errorf("got %q", got)
	}
}

func TestOpenRefusesIdentifiers(t *testing.T) {
	keys := must(sealing.GeneratePrivateKeys())(t)
	stranger := must(sealing.GeneratePrivateKeys())(t)
	sealed := must(keys.Public().Seal(requestID, []byte(secret)))(t)
	flipped := func(i int) []byte {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		return b
	}
	for _, tc := range []struct {
		name string
		id   dsr.RequestID
		in   []byte
		want error
	}{
		{"for_another_request", otherID, sealed, sealing.ErrOpen},
		{"with_the_encapsulated_key_changed", requestID, flipped(8), sealing.ErrOpen},
		{"with_the_ciphertext_changed", requestID, flipped(41), sealing.ErrOpen},
		{"with_the_tag_changed", requestID, flipped(len(sealed) - 1), sealing.ErrOpen},
		{"cut_off", requestID, sealed[:len(sealed)-1], sealing.ErrOpen},
		{"cut_off_in_the_key", requestID, sealed[:20], sealing.ErrOpen},
		{"empty", requestID, nil, sealing.ErrOpen},
		{"with_a_key_of_zeros", requestID, append(bytes.Clone(sealed[:8]), make([]byte, 60)...), sealing.ErrOpen},
		{"with_something_behind", requestID, append(bytes.Clone(sealed), 0), sealing.ErrOpen},
		{"under_a_key_that_is_not_held", requestID, must(stranger.Public().Seal(requestID, []byte(secret)))(t), &sealing.UnknownKeyError{KeyID: stranger.Public().KeyID()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := keys.Open(tc.id, tc.in)
			refused(t, err, tc.want)
		})
	}
	t.Run("for_no_request_at_all", func(t *testing.T) {
		if _, err := keys.Open("nobody", sealed); err == nil {
			t.Error("opened")
		}
		if _, err := keys.Public().Seal("nobody", nil); err == nil {
			t.Error("sealed")
		}
	})
	t.Run("without_a_key", func(t *testing.T) {
		if _, err := (sealing.PublicKey{}).Seal(requestID, nil); err == nil {
			t.Error("sealed")
		}
	})
}

// refused demands the error that is wanted, and that nothing secret is in it.
func refused(t *testing.T, err, want error) {
	t.Helper()
	var unknown *sealing.UnknownKeyError
	if errors.As(want, &unknown) {
		var got *sealing.UnknownKeyError
		if !errors.As(err, &got) || got.KeyID != unknown.KeyID {
			t.Fatalf("got %v, want %v", err, want)
		}
	} else if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells a secret: %v", err)
	}
}

func TestIntakeKeysRotate(t *testing.T) {
	first := must(sealing.GeneratePrivateKeys())(t)
	oldSealed := must(first.Public().Seal(requestID, []byte(secret)))(t)

	both, id, err := first.AddKey()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{first.Public().KeyID(), id}, both.KeyIDs()); d != "" {
		t.Error("a new key is current before it is promoted:", d)
	}
	promoted := must(both.Promote(id))(t)
	if promoted.Public().KeyID() != id {
		t.Error("the promoted key is not current")
	}
	newSealed := must(promoted.Public().Seal(requestID, []byte(secret)))(t)
	for name, k := range map[string]*sealing.PrivateKeys{"added": both, "promoted": promoted} {
		for _, sealed := range [][]byte{oldSealed, newSealed} {
			if got, err := k.Open(requestID, sealed); err != nil || string(got) != secret {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
	if _, err := promoted.Remove(id); err == nil {
		t.Error("the current key was removed")
	}
	only := must(promoted.Remove(first.Public().KeyID()))(t)
	_, err = only.Open(requestID, oldSealed)
	refused(t, err, &sealing.UnknownKeyError{KeyID: first.Public().KeyID()})
	if _, err := only.Promote("ffffffffffffffff"); !errors.As(err, new(*sealing.UnknownKeyError)) {
		t.Errorf("got %v", err)
	}
	if len(first.KeyIDs()) != 1 || len(both.KeyIDs()) != 2 {
		t.Error("a rotation changed the keys that it started from")
	}
}

func TestKeysComeBackFromText(t *testing.T) {
	keys, id, err := must(sealing.GeneratePrivateKeys())(t).AddKey()
	if err != nil {
		t.Fatal(err)
	}
	text := must(keys.Marshal())(t)
	again := must(sealing.ParsePrivateKeys(text))(t)
	if d := cmp.Diff(keys.KeyIDs(), again.KeyIDs()); d != "" {
		t.Error(d)
	}
	promoted := must(again.Promote(id))(t)
	public := must(sealing.ParsePublicKey(must(promoted.Public().Marshal())(t)))(t)
	if public.KeyID() != id {
		t.Errorf("got key %s", public.KeyID())
	}
	sealed := must(public.Seal(requestID, []byte(secret)))(t)
	if got := must(keys.Open(requestID, sealed))(t); string(got) != secret {
		t.Errorf("got %q", got)
	}
}

func TestParseRefusesDamagedKeys(t *testing.T) {
	two, _, err := must(sealing.GeneratePrivateKeys())(t).AddKey()
	if err != nil {
		t.Fatal(err)
	}
	private := string(must(two.Marshal())(t))
	public := string(must(two.Public().Marshal())(t))
	lines := slices.Collect(strings.Lines(private))
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "no key"},
		{"only_a_comment", "# nothing\n", "no key"},
		{"a_public_key", public, `is a "PUBLIC KEY", want "PRIVATE KEY"`},
		{"the_first_key_cut_off", strings.Join(slices.Concat(lines[:2], lines[4:]), ""), "is damaged"},
		{"the_last_key_cut_off", strings.TrimSuffix(strings.TrimSpace(private), "-----END PRIVATE KEY-----"), "no PEM block"},
		{"something_behind", private + "hello\n", "no PEM block"},
		{"the_same_key_twice", private + private, "stands there twice"},
		{"no_x25519_key", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n", "not an X25519 key"},
		{"no_pkcs8", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is not PKCS #8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := sealing.ParsePrivateKeys([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want …%s…", err, tc.want)
			}
		})
	}
	for _, tc := range []struct{ name, text, want string }{
		{"a_private_key", private, `is a "PRIVATE KEY", want "PUBLIC KEY"`},
		{"two_keys", public + public, "2 keys, want one"},
		{"empty", "", "0 keys, want one"},
		{"no_key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not a SubjectPublicKeyInfo"},
		{"no_x25519_key", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n", "not an X25519 key"},
	} {
		t.Run("public_"+tc.name, func(t *testing.T) {
			if _, err := sealing.ParsePublicKey([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want …%s…", err, tc.want)
			}
		})
	}
}

func BenchmarkIntake(b *testing.B) {
	keys := must(sealing.GeneratePrivateKeys())(b)
	plain := bytes.Repeat([]byte{7}, 60)
	sealed := must(keys.Public().Seal(requestID, plain))(b)
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			if _, err := keys.Public().Seal(requestID, plain); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := keys.Open(requestID, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}
