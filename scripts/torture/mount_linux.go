package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// mount gives the export store a file system of its own, in memory. Only root may.
func mount(dir string) bool {
	return os.Geteuid() == 0 && syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", exportBytes)) == nil
}

// resize changes the size of the file system; zero is as much as it holds at present.
func resize(dir string, bytes uint64) error {
	if bytes == 0 {
		var s syscall.Statfs_t
		if err := syscall.Statfs(dir, &s); err != nil {
			return fmt.Errorf("look at the export store: %w", err)
		}
		bytes = max(1, s.Blocks-s.Bfree) * uint64(s.Bsize)
	}
	var err error
	for range 20 { // it may have grown meanwhile
		if err = syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", bytes)); err == nil {
			return nil
		}
		bytes += 64 << 10
	}
	return fmt.Errorf("resize the export store: %w", err)
}

// unmount takes the export store's file system away; where there is none it does nothing.
func unmount(dir string) { _ = syscall.Unmount(filepath.Join(dir, "exports"), syscall.MNT_DETACH) }
