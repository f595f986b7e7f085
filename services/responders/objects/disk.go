package objects

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// replaced is a file in a directory that another one took the place of. It is still open: who opened it before may yet write to
// it, and that must not be lost.
type replaced struct {
	old  *os.File
	name string
	do   decide
}

// mostReplaced bounds the files that stay open until the end of a batch.
const mostReplaced = 100

// onDisk returns the name of an object's file, where the bucket is a directory. A name that the bucket escapes is not found.
func (s *System) onDisk(f file) (string, bool) {
	if s.cfg.Dir == "" || strings.Contains(f.key, "\\") {
		return "", false
	}
	name := filepath.Join(s.cfg.Dir, filepath.FromSlash(f.key))
	info, err := os.Lstat(name)
	return name, err == nil && info.Mode().IsRegular()
}

// replaceOnDisk writes a file anew beside the old one, as decide says, and renames it. What is appended meanwhile is read on.
func (s *System) replaceOnDisk(ctx context.Context, name string, t tallies, do decide) (u unread, done bool, err error) {
	old, err := os.Open(name)
	if err != nil {
		return u, false, err
	}
	keep := false
	defer func() {
		if !keep {
			_ = old.Close() // it was only read
		}
	}()
	before, err := old.Stat()
	if err != nil {
		return u, false, err
	}
	next, err := os.CreateTemp(filepath.Dir(name), ".lethe-*")
	if err != nil {
		return u, false, err
	}
	defer func() {
		if !done {
			_ = next.Close()
			_ = os.Remove(next.Name())
		}
	}()
	if u, done, err = s.catchUp(ctx, old, next, name, before, t, do); err != nil || !done {
		return u, false, err
	}
	done = false
	if err := next.Close(); err != nil {
		return u, false, err
	}
	if err := os.Rename(next.Name(), name); err != nil {
		return u, false, err
	}
	done, keep = true, true
	s.replaced = append(s.replaced, replaced{old, name, do})
	if len(s.replaced) >= mostReplaced {
		return u, true, s.lastLook(ctx)
	}
	return u, true, nil
}

// catchUp copies the old file and what is appended to it meanwhile. It need not be the last byte: what comes later is carried
// over. ready says that the new file may take the old one's place now.
func (s *System) catchUp(ctx context.Context, old, next *os.File, name string, before fs.FileInfo, t tallies, do decide) (u unread, ready bool, err error) {
	var size int64
	for range mostRounds {
		n, more, err := s.copyLines(ctx, next, old, t, do)
		u, size = u.plus(more), size+n
		if err != nil {
			return u, false, err
		}
		if n == 0 {
			break
		}
	}
	if err := settle(next, before); err != nil {
		return u, false, err
	}
	now, err := old.Stat()
	if err != nil {
		return u, false, err
	}
	there, err := os.Stat(name)
	if err != nil {
		return u, false, err
	}
	touched := now.Size() == before.Size() && !now.ModTime().Equal(before.ModTime()) // somebody wrote into its middle
	return u, os.SameFile(there, now) && now.Size() >= size && !touched, nil
}

// mostRounds bounds how long a file that is appended to without end is read on.
const mostRounds = 10

// settle gives a new file the rights and the owner of the old one, and waits until it is on the disk: a power failure after the
// exchange must not leave an empty file.
func settle(f *os.File, as fs.FileInfo) error {
	if err := f.Chmod(as.Mode().Perm()); err != nil {
		return err
	}
	if err := own(f, as); err != nil {
		return err
	}
	return f.Sync()
}

// lastLook carries over what was written to files after they were replaced.
func (s *System) lastLook(ctx context.Context) error {
	if len(s.replaced) == 0 {
		return nil
	}
	defer s.forget()
	wait := time.NewTimer(s.cfg.Linger)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done(): // what was written until now is not left behind
	}
	for _, r := range s.replaced {
		if err := s.carryOver(context.WithoutCancel(ctx), r); err != nil {
			return failed("carry over what was appended to a file that was replaced", err)
		}
	}
	return nil
}

func (s *System) carryOver(ctx context.Context, r replaced) error {
	var late bytes.Buffer
	if _, _, err := s.copyLines(ctx, &late, r.old, s.late, r.do); err != nil || late.Len() == 0 {
		return err
	}
	f, err := os.OpenFile(r.name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, &late); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// forget closes the files that were replaced.
func (s *System) forget() {
	for _, r := range s.replaced {
		_ = r.old.Close() // it was only read
	}
	s.replaced = nil
}
