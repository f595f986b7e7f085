//go:build !linux

package servers

import "syscall"

// childAttr without a parent-death signal: only Linux has one. Elsewhere a server outlives a SIGKILL of its starter.
func childAttr(as *syscall.Credential, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as}
}
