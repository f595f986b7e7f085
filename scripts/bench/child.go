package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// child is a process whose use of the machine is measured.
type child struct {
	role string
	cmd  *exec.Cmd
	done chan error
	cpu  float64 // at the last mark
}

// spawn starts a process that ends with this one.
func spawn(role, path string, args, environ []string) (*child, error) {
	c := &child{role: role, cmd: exec.Command(path, args...), done: make(chan error, 1)}
	c.cmd.Env = append(os.Environ(), environ...)
	c.cmd.Stdout, c.cmd.Stderr = os.Stderr, os.Stderr
	c.cmd.SysProcAttr = dieWithParent()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	go func() { c.done <- c.cmd.Wait() }()
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// mark begins a measurement.
func (c *child) mark() (err error) {
	c.cpu, err = cpuSeconds(c.pid())
	return err
}

// used is what the process took since the mark.
func (c *child) used() (usage, error) {
	cpu, err := cpuSeconds(c.pid())
	if err != nil {
		return usage{}, err
	}
	peak, err := residentMiB(c.pid(), "VmHWM")
	return usage{Role: c.role, CPUSeconds: cpu - c.cpu, PeakMiB: peak}, err
}

// ended is an error when the process has ended by itself.
func (c *child) ended() error {
	select {
	case err := <-c.done:
		c.done <- err
		return fmt.Errorf("%s ended: %w", c.role, errors.Join(err, errors.New("before it was told to")))
	default:
		return nil
	}
}

// stopLimit is how long a process may take to stop in good order.
const stopLimit = 30 * time.Second

func (c *child) stop(ctx context.Context) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", c.role, err)
	}
	select {
	case err := <-c.done:
		if err != nil {
			return fmt.Errorf("stop %s: %w", c.role, err)
		}
		return nil
	case <-time.After(stopLimit):
	case <-ctx.Done():
	}
	return errors.Join(fmt.Errorf("%s did not stop", c.role), c.cmd.Process.Kill())
}
