package main

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// childAttr has the kernel kill the child when this program dies without stopping it.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// asleep reports whether the process is stopped by a signal.
func (p *process) asleep() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	_, rest, ok := bytes.Cut(stat, []byte(") "))
	return err == nil && ok && bytes.HasPrefix(rest, []byte("T"))
}
