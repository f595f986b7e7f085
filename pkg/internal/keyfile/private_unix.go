//go:build unix

package keyfile

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkPrivate refuses a key file that others could read or change.
func checkPrivate(info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("its owner cannot be told")
	}
	accepted := acceptedMode(int(st.Uid), os.Geteuid())
	if perm := info.Mode().Perm(); perm&^accepted != 0 {
		return fmt.Errorf("mode is %04o, at most %04o is accepted: others could read the key (chmod 600)", perm, accepted)
	}
	return nil
}

// acceptedMode follows PostgreSQL's rule for private keys: a file of one's own is for the owner alone (0600); one that root
// owns may be read, not written, by a group (0640), for that is how container platforms mount secrets.
func acceptedMode(owner, self int) fs.FileMode {
	if owner == 0 && self != 0 {
		return 0o640
	}
	return 0o600
}
