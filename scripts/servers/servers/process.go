package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is one child whose output goes to a file and which does not outlive this program.
type process struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{} // closed once the child has been reaped
	err    error         // how it ended; read after exited is closed
}

// spec says what to run. onDeath is what the kernel sends to the child when this program dies without stopping it.
type spec struct {
	path    string
	args    []string
	dir     string
	log     string
	as      *syscall.Credential
	onDeath syscall.Signal
}

// launch starts the child. The parent-death signal of Linux fires when the *thread* that forked the child ends, so the
// child is started and waited for on one locked thread that lives as long as the child does.
func launch(s spec) (*process, error) {
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", s.path, err)
	}
	p := &process{cmd: exec.Command(s.path, s.args...), log: s.log, exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.dir, out, out
	p.cmd.SysProcAttr = childAttr(s.as, s.onDeath)

	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = out.Close() }()
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", s.path, err)
	}
	return p, nil
}

// stop asks the child to end and, after the grace, makes it. It returns when the child is gone.
func (p *process) stop(ask syscall.Signal, grace time.Duration) {
	_ = p.cmd.Process.Signal(ask)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.kill()
	}
}

// kill ends the child at once and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// await polls ready until it answers nil, the child ends, ctx ends or the limit passes.
func (p *process) await(ctx context.Context, limit time.Duration, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	last := errors.New("not asked yet")
	for {
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended while starting: %w\n%s", p.cmd.Path, p.err, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s did not answer in %s: %w\n%s", p.cmd.Path, limit, last, p.tail())
		case <-tick.C:
			if last = ready(); last == nil {
				return nil
			}
		}
	}
}

// tail is the end of the child's log, for an error a person reads.
func (p *process) tail() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return "last lines of " + p.log + ":\n  " + strings.Join(lines[max(0, len(lines)-25):], "\n  ")
}

// logged tells whether the child's log, from the byte offset on, holds the text.
func (p *process) logged(text string, from int64) bool {
	data, err := os.ReadFile(p.log)
	return err == nil && int64(len(data)) > from && bytes.Contains(data[from:], []byte(text))
}

// run executes a command to its end and returns its output in the error when it fails.
func run(ctx context.Context, as *syscall.Credential, dir string, env []string, path string, args ...string) error {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = childAttr(as, 0)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", path, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
