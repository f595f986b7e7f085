package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// childAttr has the kernel kill the child when this program dies without stopping it.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// start starts a child from a thread that does not end before this program: the kernel's signal is sent when the thread ends.
var start = func() func(*exec.Cmd) error {
	type order struct {
		cmd  *exec.Cmd
		done chan error
	}
	orders := make(chan order)
	go func() {
		runtime.LockOSThread()
		for o := range orders {
			o.done <- o.cmd.Start()
		}
	}()
	return func(cmd *exec.Cmd) error {
		o := order{cmd, make(chan error, 1)}
		orders <- o
		return <-o.done
	}
}()
