// Package keyfile reads and writes files of keys: a secret one is for its owner alone, and a write leaves the old file or the
// whole new one.
package keyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxBytes bounds what is read as a key file: thousands of keys.
const maxBytes = 1 << 20

// Modes of key files.
const (
	Public fs.FileMode = 0o644
	Secret fs.FileMode = 0o600
)

// Read returns the text of a key file. One that holds secrets is refused where others could read it.
func Read(path string, secret bool) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("open key file %s: not a regular file", path)
	case info.Size() > maxBytes:
		return nil, fmt.Errorf("open key file %s: %d bytes, a key file has at most %d", path, info.Size(), maxBytes)
	}
	if secret {
		if err := checkPrivate(info); err != nil {
			return nil, fmt.Errorf("open key file %s: %w", path, err)
		}
	}
	text := make([]byte, info.Size())
	if n, err := f.ReadAt(text, 0); n < len(text) {
		return nil, fmt.Errorf("read key file %s: %w", path, err)
	}
	return text, nil
}

// Replace writes a key file in the place of what was there, if anything was. Whenever the machine stops, the old file or the
// whole new one is left: a half-written key is a lost key.
func Replace(path string, mode fs.FileMode, text []byte) error {
	return write(path, mode, text, os.Rename)
}

// Create writes a key file and refuses, with an error that is [fs.ErrExist], where one is.
func Create(path string, mode fs.FileMode, text []byte) error {
	return write(path, mode, text, os.Link) // unlike a rename a link refuses to replace
}

func write(path string, mode fs.FileMode, text []byte, place func(from, to string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600 from the start
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already where all went well
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write key file %s: %w", path, err)
	}
	if err := place(f.Name(), path); err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("write key file: flush directory %s: %w", dir, err)
	}
	return nil
}
