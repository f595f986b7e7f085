//go:build unix

package objects

import (
	"io/fs"
	"os"
	"syscall"
)

// own gives a file the owner of another one, where they differ. A role that may not is told so: the application could not write
// to the file any more.
func own(f *os.File, as fs.FileInfo) error {
	want, ok := as.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if have, ok := info.Sys().(*syscall.Stat_t); ok && have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	return f.Chown(int(want.Uid), int(want.Gid))
}
