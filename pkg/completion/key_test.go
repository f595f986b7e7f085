package completion

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestKeyRotation(t *testing.T) {
	dir := t.TempDir()
	first, err := CreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	load := func() (*Signer, *Verifier) {
		t.Helper()
		s, err := LoadSigner(filepath.Join(dir, PrivateKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		v, err := LoadVerifier(filepath.Join(dir, PublicKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		return s, v
	}
	s1, v1 := load()
	if s1.KeyID() != first || !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(first) {
		t.Fatalf("key id %s, signer %s", first, s1.KeyID())
	}
	old, err := Seal(erasure(), s1)
	if err != nil {
		t.Fatal(err)
	}
	second, err := AddKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	s2, v2 := load()
	if s2.KeyID() != second || second == first {
		t.Fatalf("the newest key %s does not sign, %s does", second, s2.KeyID())
	}
	fresh, err := Seal(erasure(), s2)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		v    *Verifier
		e    []byte
		want bool
	}{
		{"an_old_record_with_the_old_file", v1, old.Envelope, true},
		{"an_old_record_with_the_new_file", v2, old.Envelope, true},
		{"a_new_record_with_the_new_file", v2, fresh.Envelope, true},
		{"a_new_record_with_the_old_file", v1, fresh.Envelope, false},
		{"both_with_the_signers_own_keys", s2.Verifier(), old.Envelope, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Verify(tc.e, tc.v); (err == nil) != tc.want {
				t.Errorf("got %v", err)
			}
		})
	}
	if ids := v2.KeyIDs(); len(ids) != 2 || ids[0] != first || ids[1] != second {
		t.Errorf("key ids %v", ids)
	}
}

func TestCreateKeyReplacesNothing(t *testing.T) {
	for _, name := range []string{PrivateKeyFile, PublicKeyFile} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := CreateKey(dir); err == nil {
			t.Errorf("%s was passed over", name)
		}
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != "mine" {
			t.Errorf("%s is now %q (%v)", name, b, err)
		}
	}
}

func TestAddKeyWithoutAKey(t *testing.T) {
	dir := t.TempDir()
	if _, err := AddKey(dir); err == nil {
		t.Error("a key was added to nothing")
	}
	if es, err := os.ReadDir(dir); err != nil || len(es) != 0 {
		t.Errorf("left %v (%v)", es, err)
	}
}

func TestKeyFileModes(t *testing.T) {
	dir := t.TempDir()
	if _, err := CreateKey(dir); err != nil {
		t.Fatal(err)
	}
	private, public := filepath.Join(dir, PrivateKeyFile), filepath.Join(dir, PublicKeyFile)
	for path, want := range map[string]os.FileMode{private: 0o600, public: 0o644} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o666} {
		if err := os.Chmod(private, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSigner(private); err == nil || !strings.Contains(err.Error(), "others could read") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if es, err := os.ReadDir(dir); err != nil || len(es) != 2 {
		t.Errorf("left behind: %v (%v)", es, err)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := CreateKey(dir); err != nil {
		t.Fatal(err)
	}
	private, err := os.ReadFile(filepath.Join(dir, PrivateKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(dir, PublicKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	pubDER, err := x509.MarshalPKIXPublicKey(ec.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, private, public, want string }{
		{"nothing", "", "", "no "},
		{"text", "hello", "hello", "not PEM"},
		{"a_cut_block", string(private[:60]), string(public[:60]), "not PEM"},
		{"text_before", "# key\n" + string(private), "# key\n" + string(public), "not PEM"},
		{"text_after", string(private) + "x", string(public) + "x", "not PEM"},
		{"the_same_key_twice", string(private) + string(private), string(public) + string(public), "occurs twice"},
		{"the_wrong_half", string(public), string(private), "not a "},
		{"another_algorithm", string(pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: pubDER})), "not an Ed25519 key"},
		{"garbage_inside", string(pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: []byte("x")})), string(pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: []byte("x")})), "not a "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := ParseSigner([]byte(tc.private)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("private: %v", err)
			}
			if _, err := ParseVerifier([]byte(tc.public)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("public: %v", err)
			}
		})
	}
}
