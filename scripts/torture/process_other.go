//go:build !linux

package main

import (
	"bytes"
	"os/exec"
	"strconv"
	"syscall"
)

func childAttr() *syscall.SysProcAttr { return nil }

// asleep reports whether the process is stopped by a signal.
func (p *process) asleep() bool {
	state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(p.cmd.Process.Pid)).Output()
	return err == nil && bytes.HasPrefix(bytes.TrimSpace(state), []byte("T"))
}
