package sealing_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

func TestCreateDirMakesEveryKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "keys")
	must(sealing.CreateDir(path))(t)
	d := must(sealing.OpenDir(path))(t)

	sealed := must(must(d.IntakePublic())(t).Seal(requestID, []byte(secret)))(t)
	if got := must(must(d.Intake())(t).Open(requestID, sealed))(t); string(got) != secret {
		t.Errorf("intake: %q", got)
	}
	ad := sealing.ResolvedAD(requestID)
	sealed = must(must(d.Topics())(t).Seal([]byte(secret), ad))(t)
	if got := must(must(d.Topics())(t).Open(sealed, ad))(t); string(got) != secret {
		t.Errorf("topics: %q", got)
	}
	if _, err := must(d.Store())(t).Keyset().Open(sealed, ad); err == nil {
		t.Error("store and topics have the same key")
	}
	sealed = must(must(d.Store())(t).Seal([]byte(secret), ad))(t)
	if got := must(must(d.Store())(t).Open(sealed, ad))(t); string(got) != secret {
		t.Errorf("store: %q", got)
	}
	id := dsr.Identifier{Kind: "customer_id", Value: "42"}
	if d := cmp.Diff(must(must(d.Subjects())(t).Ref(id))(t), must(must(d.Subjects())(t).Ref(id))(t)); d != "" {
		t.Error(d)
	}

	modes := map[string]fs.FileMode{}
	for _, e := range must(os.ReadDir(path))(t) {
		modes[e.Name()] = must(e.Info())(t).Mode().Perm()
	}
	want := map[string]fs.FileMode{"intake.key": 0o600, "intake.pub": 0o644, "topics.keyset": 0o600, "store.keyset": 0o600, "subjects.keyset": 0o600, "masks.keyset": 0o600}
	if d := cmp.Diff(want, modes); d != "" {
		t.Error(d)
	}
}

func TestCreateDirTouchesNoKeyThatIsThere(t *testing.T) {
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, "record.pub"), nil, 0o600); err != nil { // another package's key is no reason
		t.Fatal(err)
	}
	d := must(sealing.CreateDir(path))(t)
	before := must(os.ReadFile(d.Path(sealing.SubjectsFile)))(t)
	_, err := sealing.CreateDir(path)
	if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "intake.key, intake.pub, topics.keyset, store.keyset, subjects.keyset, masks.keyset") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(d.Path(sealing.TopicsFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := sealing.CreateDir(path); !errors.Is(err, fs.ErrExist) || strings.Contains(err.Error(), "topics") {
		t.Errorf("got %v", err)
	}
	if d := cmp.Diff(before, must(os.ReadFile(d.Path(sealing.SubjectsFile)))(t)); d != "" {
		t.Error(d)
	}
}

func TestARoleOpensOnlyItsOwnKeys(t *testing.T) {
	d := must(sealing.CreateDir(t.TempDir()))(t)
	for _, f := range []string{sealing.IntakeKeyFile, sealing.StoreFile, sealing.SubjectsFile} {
		if err := os.Remove(d.Path(f)); err != nil {
			t.Fatal(err)
		}
	}
	must(d.Topics())(t)
	if _, err := d.Intake(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "intake.key") {
		t.Errorf("got %v", err)
	}
}

func TestOpenDirRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if _, err := sealing.OpenDir(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sealing.OpenDir(path); err == nil {
		t.Error("a file is a directory")
	}
	if _, err := sealing.CreateDir(path); err == nil {
		t.Error("a directory was made of a file")
	}
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o604, 0o620, 0o640, 0o644, 0o666, 0o601} {
		t.Run(mode.String(), func(t *testing.T) {
			d := must(sealing.CreateDir(t.TempDir()))(t)
			for _, f := range []string{sealing.IntakeKeyFile, sealing.TopicsFile, sealing.StoreFile, sealing.SubjectsFile} {
				if err := os.Chmod(d.Path(f), mode); err != nil {
					t.Fatal(err)
				}
			}
			_, intake := d.Intake()
			_, topics := d.Topics()
			_, store := d.Store()
			_, subjects := d.Subjects()
			for _, err := range []error{intake, topics, store, subjects} {
				if err == nil || !strings.Contains(err.Error(), "others could read the key") {
					t.Errorf("got %v", err)
				}
			}
			must(d.IntakePublic())(t)
		})
	}
	t.Run("a_directory", func(t *testing.T) {
		if _, err := sealing.LoadKeyset(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a_file_far_too_long", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, make([]byte, 2<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sealing.LoadPRF(path); err == nil || !strings.Contains(err.Error(), "at most") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a_file_that_is_no_key_is_named_and_not_quoted", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{
			second(sealing.LoadKeyset(path)), second(sealing.LoadPRF(path)), second(sealing.LoadPrivateKeys(path)), second(sealing.LoadPublicKey(path)),
		} {
			if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestSaveReplacesTheWholeFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "topics.keyset")
	first := must(sealing.GenerateKeyset())(t)
	if err := first.Save(path); err != nil {
		t.Fatal(err)
	}
	both, _, err := first.AddKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := both.Save(path); err != nil {
		t.Fatal(err)
	}
	if got := must(sealing.LoadKeyset(path))(t); len(got.KeyIDs()) != 2 {
		t.Errorf("keys %v", got.KeyIDs())
	}
	if left := must(os.ReadDir(dir))(t); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
	if err := first.Save(filepath.Join(dir, "nowhere", "k")); err == nil {
		t.Error("saved into no directory")
	}
	prf := must(sealing.GeneratePRF())(t)
	private := must(sealing.GeneratePrivateKeys())(t)
	for name, save := range map[string]func(string) error{"prf": prf.Save, "private": private.Save, "public": private.Public().Save} {
		if err := save(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := must(sealing.LoadPrivateKeys(filepath.Join(dir, "private")))(t).Public().KeyID(); got != must(sealing.LoadPublicKey(filepath.Join(dir, "public")))(t).KeyID() {
		t.Errorf("got %s", got)
	}
}
