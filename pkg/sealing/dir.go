package sealing

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/internal/keyfile"
)

// Names of the key files in a [Dir], and who needs them.
const (
	IntakeKeyFile = "intake.key"      // coordinator: opens identifiers of upstream systems
	IntakePubFile = "intake.pub"      // upstream systems: seals them
	TopicsFile    = "topics.keyset"   // coordinator, responders, packager: identifiers inside
	StoreFile     = "store.keyset"    // coordinator: identifiers at rest
	SubjectsFile  = "subjects.keyset" // coordinator: pseudonyms
	MasksFile     = "masks.keyset"    // responders: keyed masks of values that stay
)

// Dir is a directory of key files. A role opens only those that it needs, so that a responder's host holds none of the
// coordinator's.
type Dir struct {
	path string
}

// OpenDir names a directory of key files. It opens none of them.
func OpenDir(path string) (Dir, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Dir{}, fmt.Errorf("open key directory: %w", err)
	}
	if !info.IsDir() {
		return Dir{}, fmt.Errorf("open key directory %s: not a directory", path)
	}
	return Dir{path: path}, nil
}

// CreateDir makes the directory where it is missing (mode 0700) and fresh keys of every kind in it. It refuses, with
// [fs.ErrExist], to touch a directory that holds any of the files: a subjects keyset made anew would make every person a
// stranger. A stop in the middle leaves some of them, which nothing was sealed with yet; the next call names them.
func CreateDir(path string) (Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return Dir{}, fmt.Errorf("create key directory: %w", err)
	}
	d := Dir{path: path}
	if there := d.existing(); len(there) > 0 {
		return Dir{}, fmt.Errorf("create keys in %s: %s: %w", path, strings.Join(there, ", "), fs.ErrExist)
	}
	if err := d.create(); err != nil {
		return Dir{}, fmt.Errorf("create keys in %s: %w", path, err)
	}
	return d, nil
}

func (d Dir) existing() []string {
	var there []string
	for _, name := range []string{IntakeKeyFile, IntakePubFile, TopicsFile, StoreFile, SubjectsFile, MasksFile} {
		if _, err := os.Lstat(d.Path(name)); !errors.Is(err, fs.ErrNotExist) {
			there = append(there, name)
		}
	}
	return there
}

func (d Dir) create() error {
	intake, err := GeneratePrivateKeys()
	if err != nil {
		return err
	}
	topics, err := GenerateKeyset()
	if err != nil {
		return err
	}
	store, err := GenerateKeyset()
	if err != nil {
		return err
	}
	subjects, err := GeneratePRF()
	if err != nil {
		return err
	}
	masks, err := GeneratePRF()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		mode    fs.FileMode
		marshal func() ([]byte, error)
	}{
		{IntakeKeyFile, 0o600, intake.Marshal},
		{IntakePubFile, 0o644, intake.Public().Marshal},
		{TopicsFile, 0o600, topics.Marshal},
		{StoreFile, 0o600, store.Marshal},
		{SubjectsFile, 0o600, subjects.Marshal},
		{MasksFile, 0o600, masks.Marshal},
	} {
		if err := save(d.Path(f.name), f.mode, keyfile.Create, f.marshal); err != nil {
			return err
		}
	}
	return nil
}

// Path is where the named key file stands.
func (d Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Intake opens the coordinator's intake keys.
func (d Dir) Intake() (*PrivateKeys, error) { return LoadPrivateKeys(d.Path(IntakeKeyFile)) }

// IntakePublic opens the public key that upstream systems seal to.
func (d Dir) IntakePublic() (PublicKey, error) { return LoadPublicKey(d.Path(IntakePubFile)) }

// Topics opens the keyset of what travels inside.
func (d Dir) Topics() (*Keyset, error) { return LoadKeyset(d.Path(TopicsFile)) }

// Store opens the envelope of what the coordinator stores.
func (d Dir) Store() (*Envelope, error) {
	keys, err := LoadKeyset(d.Path(StoreFile))
	if err != nil {
		return nil, err
	}
	return NewEnvelope(keys), nil
}

// Subjects opens the PRF of the pseudonyms.
func (d Dir) Subjects() (*PRF, error) { return LoadPRF(d.Path(SubjectsFile)) }

// Masks opens the PRF of the keyed masks. Its Derive gives each system a key of its own; promoting another key would give a value
// that is masked later another mask than before.
func (d Dir) Masks() (*PRF, error) { return LoadPRF(d.Path(MasksFile)) }
