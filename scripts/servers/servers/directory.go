package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const dirPrefix = "lethe-server-"

// workDir is where one server keeps its files. A temporary one is removed by close, or by the next run that finds its
// owner gone: the owner holds a lock on a file in it for as long as it lives.
type workDir struct {
	path      string
	temporary bool
	lock      *os.File
}

// newWorkDir makes a temporary directory, or, where base is given, a directory `name` in it that is kept.
func newWorkDir(base, name string) (*workDir, error) {
	if base != "" {
		abs, err := filepath.Abs(filepath.Join(base, name))
		if err != nil {
			return nil, fmt.Errorf("directory of %s: %w", name, err)
		}
		if err := os.MkdirAll(abs, 0o711); err != nil {
			return nil, fmt.Errorf("directory of %s: %w", name, err)
		}
		return &workDir{path: abs}, nil
	}
	sweep()
	path, err := os.MkdirTemp("", dirPrefix+name+"-")
	if err != nil {
		return nil, fmt.Errorf("directory of %s: %w", name, err)
	}
	// Another user (postgres) must be able to pass through, not to look.
	if err := os.Chmod(path, 0o711); err != nil {
		return nil, fmt.Errorf("directory of %s: %w", name, err)
	}
	// The lock is held before the file has its name: a sweep between the two would take the directory for one that was left behind.
	lock, err := os.OpenFile(filepath.Join(path, "owner.new"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("directory of %s: %w", name, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("lock directory of %s: %w", name, err)
	}
	if err := os.Rename(lock.Name(), filepath.Join(path, "owner.lock")); err != nil {
		return nil, fmt.Errorf("lock directory of %s: %w", name, err)
	}
	return &workDir{path: path, temporary: true, lock: lock}, nil
}

func (d *workDir) close() {
	if d.lock != nil {
		_ = d.lock.Close()
	}
	if d.temporary {
		_ = os.RemoveAll(d.path)
	}
}

// sweep removes what runs that were killed left behind. A directory without its lock file is being made right now.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	for _, dir := range dirs {
		lock, err := os.OpenFile(filepath.Join(dir, "owner.lock"), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
}
