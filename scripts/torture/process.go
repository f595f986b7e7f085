package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one run of one role.
type process struct {
	role, name string
	armed      string // the crash point at which it dies, if any
	stalls     bool   // it stops at one, for a while
	cmd        *exec.Cmd
	done       chan struct{}
	started    time.Time
	joined     map[string]int // generation by group; under the fleet's lock

	mu   sync.Mutex
	ends string   // how it is meant to end: killed, asked, dumped; empty: not at all
	tail []string // what it printed last
}

// run is a process of the command. Every line that it prints goes to its log and to said.
func run(binary, logs, role, name string, env []string, said func(p *process, line string)) (*process, error) {
	args := []string{"responder", role}
	if role == "coordinator" || role == "packager" {
		args = []string{role}
	}
	p := &process{role: role, name: name, cmd: exec.Command(binary, args...), done: make(chan struct{}), started: time.Now()}
	file, err := os.OpenFile(filepath.Join(logs, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a log: %w", err)
	}
	out, in := io.Pipe()
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, in, in
	p.cmd.SysProcAttr = childAttr()
	var read sync.WaitGroup
	read.Go(func() {
		defer func() { _ = file.Close() }() // it is read by people
		p.listen(out, file, said)
	})
	started := make(chan error)
	go func() {
		// The kernel kills the child when the thread that started it ends: it must live as long as the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended is in ProcessState
		}
		_ = in.Close() // of a pipe: no error
		read.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

func (p *process) listen(out io.Reader, file io.Writer, said func(*process, string)) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			_, _ = io.WriteString(file, line) // for people
			p.mu.Lock()
			p.tail = append(p.tail[max(0, len(p.tail)-12):], strings.TrimSpace(line))
			p.mu.Unlock()
			said(p, line)
		}
		if err != nil {
			return
		}
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// meant notes how the process is about to end; what it was before.
func (p *process) meant(how string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.ends
	if was == "" {
		p.ends = how
	}
	return was
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.tail, "\n  ")
}

// waits lets time pass and reports whether the process has not ended in it.
func (p *process) waits(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.done:
		return false
	case <-t.C:
		return true
	}
}

// signal sends one. A process that has ended already takes none.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends it as a power cut would.
func (p *process) kill() {
	p.meant("killed")
	p.signal(syscall.SIGKILL)
	<-p.done
}

// grace is how long a process may take to end in good order.
const grace = 30 * time.Second

// ask ends it in good order: within its grace, with 0.
func (p *process) ask() error {
	if p.meant("asked") == "" {
		p.signal(syscall.SIGTERM)
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
	case <-t.C:
		p.signal(syscall.SIGQUIT) // what it hangs in stands in its log
		<-p.done
		return fmt.Errorf("%s did not end within %s of SIGTERM", p.name, grace)
	}
	if p.killedBy(syscall.SIGKILL) && p.armed != "" {
		return nil // it came to its point on its way out
	}
	if p.killedBy(syscall.SIGTERM) && p.printed() == "" {
		return nil // it had not come to its first line, and so not to where it listens for signals
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d (%s) after SIGTERM:\n  %s", p.name, code, p.cmd.ProcessState, p.printed())
	}
	return nil
}

// killedBy reports whether it ended by a signal.
func (p *process) killedBy(s syscall.Signal) bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == s
}
