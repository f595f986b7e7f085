package e2e_test

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is one run of the command as a service.
type process struct {
	name     string
	cmd      *exec.Cmd
	log      *logBuffer
	expected atomic.Bool // it may end
	done     chan struct{}
	err      error // of Wait, once done
}

// serviceArgs is how the command is called for a role.
func serviceArgs(role string) []string {
	if role == "coordinator" || role == "packager" {
		return []string{role}
	}
	return []string{"responder", role}
}

// spawn runs a role as a process of its own. What it prints is kept, to be searched. It does not outlive the test.
func (pl *pipeline) spawn(t *testing.T, role string, environ ...string) *process {
	t.Helper()
	return pl.spawnCommand(t, role, environ, serviceArgs(role)...)
}

func (pl *pipeline) spawnCommand(t *testing.T, name string, environ []string, args ...string) *process {
	t.Helper()
	p := &process{name: name, log: &logBuffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env = pl.environ(environ...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	pl.mu.Lock()
	pl.procs = append(pl.procs, p)
	pl.mu.Unlock()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what %s printed last:\n%s", name, p.log.last(15))
		}
		p.kill(t)
	})
	return p
}

// ended waits for the end of the process and keeps what it printed.
func (p *process) ended(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		t.Fatalf("%s does not end", p.name)
	}
}

// kill ends the process as a power cut would.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.expected.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // an error says that it has ended already
	p.ended(t)
}

// term asks the process to stop in good order, which must end with 0.
func (p *process) term(t *testing.T) {
	t.Helper()
	p.expected.Store(true)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	p.ended(t)
	if p.err != nil {
		t.Errorf("%s was asked to stop and ended with %v:\n%s", p.name, p.err, p.log.last(10))
	}
}

// died returns an error when the process has ended by itself.
func (p *process) died() error {
	select {
	case <-p.done:
		if !p.expected.Load() {
			return fmt.Errorf("process %s ended by itself: %w:\n%s", p.name, errors.Join(p.err), p.log.last(10))
		}
	default:
	}
	return nil
}

// killedBy9 reports whether the process ended by SIGKILL.
func (p *process) killedBy9() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// prints waits until the process has printed a text.
func (pl *pipeline) prints(t *testing.T, p *process, text string) {
	t.Helper()
	pl.until(t, fmt.Sprintf("%q from %s", text, p.name), func(*watch) bool { return strings.Contains(p.log.String(), text) })
}

// keep adds what the processes printed to what is searched for values of people.
func (pl *pipeline) keep() {
	for _, p := range pl.procs {
		pl.said(p.log.String())
	}
}
