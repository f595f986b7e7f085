package sqlite

import (
	"context"
	"errors"
	"os"
	"time"
)

// fileLock is a file that one process has locked. The operating system gives the lock back when the process dies.
type fileLock struct{ f *os.File }

const lockPoll = 50 * time.Millisecond

var errInUse = errors.New("another process, or another store of this one, has it open")

// lockFile makes the file where it is missing and locks it, trying until ctx is done.
func lockFile(ctx context.Context, path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for {
		ok, err := tryLock(f)
		if ok {
			return &fileLock{f}, nil
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(errInUse, ctx.Err(), f.Close())
		case <-ticker.C:
		}
	}
}

// unlock gives the lock back. The file stays: removing it would let two processes lock two files of one name.
func (l *fileLock) unlock() error { return l.f.Close() }
