package servers

import "syscall"

// childAttr puts the child into a process group of its own, so that Ctrl-C reaches the tests and not the servers under
// them. Go sets the parent-death signal after it has changed the user, which is the order the kernel needs: a change of
// credentials clears it.
func childAttr(as *syscall.Credential, onDeath syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as, Pdeathsig: onDeath}
}
