package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/lethe-dsr/lethe/scripts/servers/servers"
)

// faults does to the pipeline what a schedule says.
type faults struct {
	*stage
	fleet    *fleet
	counts   *counts
	watch    *watch
	workload *workload
	dir      string
	limited  bool // the export store has a file system of its own, which can be full

	busy    map[string]*sync.Mutex // by server: one fault at a time
	running sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

func newFaults(t *torture) *faults {
	f := &faults{stage: t.stage, fleet: t.fleet, counts: t.counts, watch: t.watch, workload: t.workload, dir: t.dir, limited: t.limited, busy: map[string]*sync.Mutex{}}
	for _, name := range []string{"kafka", "postgres", "mariadb", "exports", "instances"} {
		f.busy[name] = &sync.Mutex{}
	}
	return f
}

// inject begins a fault and does not wait for its end.
func (f *faults) inject(ctx context.Context, x fault) {
	recent := f.recent() // of this goroutine's
	f.running.Go(func() {
		if err := f.do(ctx, x, recent); err != nil && ctx.Err() == nil {
			f.mu.Lock()
			f.errs = append(f.errs, fmt.Errorf("%s: %w", x, err))
			f.mu.Unlock()
		}
	})
}

// wait returns when every fault is over, with what the harness itself could not do.
func (f *faults) wait() []error {
	f.running.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.errs
}

// recent are the numbers of customers and staff of whom something was asked last.
func (f *faults) recent() (ids []int) {
	order := f.workload.order
	for _, a := range order[max(0, len(order)-40):] {
		if !a.nobody && !a.who.staff {
			ids = append(ids, a.who.id)
		}
	}
	return ids
}

func (f *faults) do(ctx context.Context, x fault, recent []int) error {
	switch x.kind {
	case crash, killed, stopped, suspended, stalled, added, removed:
		return f.instance(ctx, x)
	case spoiled:
		i := slices.IndexFunc(toxicKinds, func(t toxic) bool { return t.name == x.detail })
		done, err := f.net.spoil(ctx, x.target, toxicKinds[i], x.last)
		if done {
			f.counts.add("network: "+x.detail, x.target, true)
		}
		return err
	case restarted:
		return f.restart(ctx, x)
	case grown:
		return f.grow(ctx, x)
	case redeliver:
		return f.redeliver(ctx, x)
	case full:
		return f.fill(ctx, x)
	}
	return f.database(ctx, x, recent)
}

// instance does something to one process.
func (f *faults) instance(ctx context.Context, x fault) error {
	lock := f.busy["instances"]
	lock.Lock()
	size := f.fleet.size(x.target)
	if x.kind == added && size >= 3 || x.kind == removed && size <= 2 {
		lock.Unlock()
		return nil
	}
	switch x.kind {
	case added:
		defer lock.Unlock()
		f.counts.add(x.kind, x.target, false)
		return f.fleet.add(x.target)
	case removed:
		defer lock.Unlock()
		f.counts.add(x.kind, x.target, false)
		return f.fleet.remove(x.target)
	}
	lock.Unlock()
	s := f.fleet.victim(ctx, x.target, x.n)
	switch x.kind {
	case crash:
		f.counts.add("kill -9 at a random instant", x.target, false)
		return f.fleet.kill(s, x.detail)
	case killed:
		f.counts.add("kill -9 at a random instant", x.target, false)
		return f.fleet.kill(s, "")
	case stalled:
		f.counts.add(x.kind, x.target, false)
		return f.fleet.stall(s, x.detail, x.last)
	case stopped:
		f.counts.add(x.kind, x.target, false)
		return f.fleet.restart(s)
	}
	f.counts.add(x.kind, x.target, false)
	f.fleet.suspend(ctx, s, x.last)
	return nil
}

// restart kills a server and starts it again on its data.
func (f *faults) restart(ctx context.Context, x fault) error {
	server := map[string]*servers.Server{"kafka": f.kafka, "postgres": f.postgres, "mariadb": f.mariadb}[x.target]
	lock := f.busy[x.target]
	lock.Lock()
	defer lock.Unlock()
	f.counts.add("restart after kill -9", x.target, false)
	server.Kill()
	return server.Restart(context.WithoutCancel(ctx))
}

// fill leaves no room in the export store, or no right to write there where it has no file system of its own.
func (f *faults) fill(ctx context.Context, x fault) error {
	lock := f.busy["exports"]
	lock.Lock()
	defer lock.Unlock()
	store := filepath.Join(f.dir, "exports")
	if !f.limited {
		f.counts.add("export store without write permission", "exports", false)
		err := os.Chmod(filepath.Join(store, "store"), 0o500)
		pause(ctx, x.last)
		if cerr := os.Chmod(filepath.Join(store, "store"), 0o700); err == nil {
			err = cerr
		}
		return err
	}
	f.counts.add("export store full (ENOSPC)", "exports", false)
	if err := resize(store, 0); err != nil {
		return err
	}
	pause(ctx, x.last)
	return resize(store, exportBytes)
}

const exportBytes = 2 << 30
