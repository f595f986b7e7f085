package main

import "syscall"

// childAttr has the kernel kill the child when this program dies without stopping it.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
