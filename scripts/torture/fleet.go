package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// slot is a place for one instance of a role. A process that dies in it is followed by another.
type slot struct {
	role string
	n    int
	proc *process // nil: no instance at present
	runs int
	lock sync.Mutex // of who changes the process in it
}

// fleet is the processes of all roles.
type fleet struct {
	binary, logs string
	environ      func(role string) []string
	counts       *counts

	mu       sync.Mutex
	slots    map[string][]*slot // by role
	failures []string           // processes that ended by themselves, and ends that were not in good order
	assigned map[string]bool    // group and generation
	newest   map[string]int     // generation of each group
	errors   map[string]int     // lines of level error, by message
	over     bool               // nobody is followed any more
	watchers sync.WaitGroup
}

func newFleet(binary, logs string, environ func(string) []string, c *counts) *fleet {
	return &fleet{binary: binary, logs: logs, environ: environ, counts: c, slots: map[string][]*slot{}, assigned: map[string]bool{}, newest: map[string]int{}, errors: map[string]int{}}
}

// add makes a place for another instance and starts one.
func (f *fleet) add(role string) error {
	f.mu.Lock()
	s := &slot{role: role, n: len(f.slots[role]) + 1}
	f.slots[role] = append(f.slots[role], s)
	f.mu.Unlock()
	s.lock.Lock()
	defer s.lock.Unlock()
	return f.spawn(s, "")
}

// remove ends the last instance of a role in good order, and its place goes.
func (f *fleet) remove(role string) error {
	f.mu.Lock()
	all := f.slots[role]
	s := all[len(all)-1]
	f.slots[role] = all[:len(all)-1]
	f.mu.Unlock()
	s.lock.Lock()
	defer s.lock.Unlock()
	p := s.proc
	s.proc = nil
	return p.ask()
}

// spawn fills a place, whose lock is held, with a process that dies at a crash point, where one is named, or stops there (":stop").
func (f *fleet) spawn(s *slot, point string) error {
	s.runs++
	env := f.environ(s.role)
	if point != "" {
		env = append(env, "LETHE_CRASH_AT="+point)
	}
	p, err := run(f.binary, f.logs, s.role, fmt.Sprintf("%s-%d", s.role, s.n), env, f.said)
	if err != nil {
		return err
	}
	if p.stalls = strings.HasSuffix(point, ":stop"); !p.stalls {
		p.armed = point
	}
	s.proc = p
	f.watchers.Go(func() { f.follow(s, p) })
	return nil
}

// follow waits for the end of a process. One that died at its crash point is replaced.
func (f *fleet) follow(s *slot, p *process) {
	<-p.done
	if p.meant("itself") != "" {
		return
	}
	if p.armed == "" || !p.killedBy(syscall.SIGKILL) {
		f.fail("%s ended by itself, %s:\n  %s", p.name, p.cmd.ProcessState, p.printed())
	} else {
		point, _, _ := strings.Cut(p.armed, ":")
		f.counts.crash(p.role, point)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	f.mu.Lock()
	over := f.over
	f.mu.Unlock()
	if over || s.proc != p {
		return
	}
	if err := f.spawn(s, ""); err != nil {
		f.fail("%v", err)
	}
}

func (f *fleet) fail(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

// said reads what the processes print: the generations of the consumer groups, and errors.
func (f *fleet) said(p *process, line string) {
	if !strings.Contains(line, `"partitions assigned"`) && !strings.Contains(line, `"ERROR"`) {
		return
	}
	var v struct {
		Level, Msg, Group string
		Generation        int
	}
	if json.Unmarshal([]byte(line), &v) != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v.Level == "ERROR" {
		f.errors[p.role+": "+v.Msg]++
	}
	if v.Group != "" && v.Generation > 0 {
		f.assigned[fmt.Sprintf("%s %d", v.Group, v.Generation)] = true
		f.newest[v.Group] = max(f.newest[v.Group], v.Generation)
		if p.joined == nil {
			p.joined = map[string]int{}
		}
		p.joined[v.Group] = v.Generation
	}
}

// apart says which processes have no part in the newest generation of their groups: while one is outside, another does its work as well.
func (f *fleet) apart() (out []string) {
	all := f.all()
	f.mu.Lock()
	defer f.mu.Unlock()
	groups := map[string]map[string]bool{} // by role
	for _, p := range all {
		if groups[p.role] == nil {
			groups[p.role] = map[string]bool{}
		}
		for g := range p.joined {
			groups[p.role][g] = true
		}
	}
	for _, p := range all {
		if len(groups[p.role]) == 0 {
			out = append(out, p.name+" is in no group")
		}
		for g := range groups[p.role] {
			if p.joined[g] != f.newest[g] {
				out = append(out, fmt.Sprintf("%s is outside of group %s, whose generation is %d and its own %d", p.name, g, f.newest[g], p.joined[g]))
			}
		}
	}
	return out
}

// rebalances is how many generations of groups were seen.
func (f *fleet) rebalances() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.assigned)
}

// pick is the n-th instance of a role, counted around.
func (f *fleet) pick(role string, n int) *slot {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.slots[role]
	return all[n%len(all)]
}

// ripens is how long an armed process is left alone: it first has to be given partitions.
const ripens = 12 * time.Second

// victim is pick, but goes past an instance that is about to die by itself. Where all are, it waits.
func (f *fleet) victim(ctx context.Context, role string, n int) *slot {
	for {
		for i := range f.size(role) {
			if s := f.pick(role, n+i); f.ripe(s) {
				return s
			}
		}
		if !pause(ctx, 100*time.Millisecond) {
			return f.pick(role, n)
		}
	}
}

func (f *fleet) ripe(s *slot) bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.proc != nil && (s.proc.armed == "" && !s.proc.stalls || time.Since(s.proc.started) > ripens)
}

// size is how many instances a role has.
func (f *fleet) size(role string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.slots[role])
}

// kill ends an instance by SIGKILL and starts another, armed with a crash point or not.
func (f *fleet) kill(s *slot, armed string) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.proc.kill()
	return f.spawn(s, armed)
}

// stall replaces an instance by one that stops itself at a crash point, with whatever it has in hand and holds there, and goes on after
// a while.
func (f *fleet) stall(s *slot, point string, last time.Duration) error {
	if err := f.kill(s, point+":stop"); err != nil {
		return err
	}
	s.lock.Lock()
	p := s.proc
	s.lock.Unlock()
	f.watchers.Go(func() { // until it ends: what stopped it may have been something else
		for p.waits(50 * time.Millisecond) {
			if p.asleep() && p.waits(last) {
				p.signal(syscall.SIGCONT)
			}
		}
	})
	return nil
}

// restart ends an instance in good order and starts another.
func (f *fleet) restart(s *slot) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if err := s.proc.ask(); err != nil {
		f.fail("%v", err)
	}
	return f.spawn(s, "")
}

// suspend stops an instance's clock for a while: it comes back with a batch that others have worked since.
func (f *fleet) suspend(ctx context.Context, s *slot, last time.Duration) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.proc.signal(syscall.SIGSTOP)
	pause(ctx, last)
	s.proc.signal(syscall.SIGCONT)
}

// all lists the processes that run.
func (f *fleet) all() []*process {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*process
	for _, role := range roleNames {
		for _, s := range f.slots[role] {
			if s.proc != nil {
				out = append(out, s.proc)
			}
		}
	}
	return out
}

// disarm replaces every process that still waits for its crash point.
func (f *fleet) disarm() error {
	var errs []error
	for _, role := range roleNames {
		for n := range f.size(role) {
			s := f.pick(role, n)
			s.lock.Lock()
			if s.proc.armed != "" {
				s.proc.kill()
				f.counts.add("kill -9 at a random instant", s.role, false)
				errs = append(errs, f.spawn(s, ""))
			}
			s.lock.Unlock()
		}
	}
	return errors.Join(errs...)
}

// end asks all processes to end, side by side.
func (f *fleet) end() {
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	var g sync.WaitGroup
	for _, p := range f.all() {
		g.Go(func() {
			if err := p.ask(); err != nil {
				f.fail("%v", err)
			}
		})
	}
	g.Wait()
	f.watchers.Wait()
}

// destroy ends what still runs, when the harness gives up.
func (f *fleet) destroy() {
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	for _, p := range f.all() {
		p.kill()
	}
	f.watchers.Wait()
}

// broken lists what went wrong with processes so far.
func (f *fleet) broken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.failures)
}
