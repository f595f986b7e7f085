package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/intake"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// torture is one run: one company, one pipeline over it, one seed.
type torture struct {
	options
	out     io.Writer
	dir     string
	stage   *stage
	company *company
	proc    *roles.Process // the harness's own way to the topics
	pub     *intake.Publisher
	fleet   *fleet
	counts  *counts
	watch   *watch
	witness *witness
	limited bool

	moreEnviron map[string][]string // by role, of processes that are started from now on

	workload *workload
	known    sync.Map // of workload.asked, for other goroutines
	problems []string
	before   map[string]level
	summary  string
}

// execute runs everything and returns what the oracle found.
func (t *torture) execute(ctx context.Context, binary string) (err error) {
	began := time.Now()
	if t.dir, err = makeDir(); err != nil {
		return err
	}
	defer t.tidy()
	if t.stage, err = raise(ctx); t.stage != nil {
		defer t.stage.fall()
	}
	if err == nil {
		err = t.prepare(ctx, binary)
	}
	if t.fleet != nil {
		defer t.fleet.destroy()
	}
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { t.watch.run(watching) })
	defer watcher.Wait()
	defer stop()
	if err := t.warm(ctx); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "seed %d: everything is up after %.0f s\n", t.seed, time.Since(began).Seconds())
	if err := t.work(ctx); err != nil {
		return err
	}
	return t.settle(ctx, began)
}

func (t *torture) tidy() {
	if t.keep {
		_ = os.Remove(filepath.Join(t.dir, "pid")) // so that the next run lets it be
		fmt.Fprintf(t.out, "logs and files are in %s\n", t.dir)
		return
	}
	unmount(t.dir)
	_ = os.RemoveAll(t.dir) // of temporary files
}

// prepare founds the company and starts two instances of every role.
func (t *torture) prepare(ctx context.Context, binary string) error {
	if err := t.stage.databases(ctx); err != nil {
		return err
	}
	for _, name := range []string{"logs", "exports", "files"} {
		if err := os.Mkdir(filepath.Join(t.dir, name), 0o700); err != nil {
			return err
		}
	}
	t.limited = mount(filepath.Join(t.dir, "exports"))
	if err := os.Mkdir(filepath.Join(t.dir, "exports", "store"), 0o700); err != nil {
		return err
	}
	if err := configure(t.dir, t.stage); err != nil {
		return err
	}
	s := t.stage
	t.company = &company{seed: t.seed, store: map[string]*sql.DB{"shop": s.shop, "desk": s.desk}, files: filepath.Join(t.dir, "files")}
	if err := t.company.prepare(ctx); err != nil {
		return err
	}
	if err := t.company.found(ctx); err != nil {
		return err
	}
	var err error
	if t.proc, err = outside(ctx, t.dir, s); err != nil {
		return err
	}
	if t.pub, err = t.proc.Publisher("web-shop"); err != nil {
		return err
	}
	t.workload = newWorkload(t.seed, t.company)
	t.counts = newCounts()
	t.witness = newWitness(ctx, t.company, t.find)
	t.watch = newWatch(t.proc)
	t.watch.answered = t.witness.take
	t.moreEnviron = map[string][]string{}
	t.fleet = newFleet(binary, filepath.Join(t.dir, "logs"), func(role string) []string { return append(environ(t.dir, s, role), t.moreEnviron[role]...) }, t.counts)
	for range 2 {
		for _, role := range roleNames {
			if err := t.fleet.add(role); err != nil {
				return err
			}
		}
	}
	return nil
}

// warm waits for the first records, and measures what the processes hold at rest.
func (t *torture) warm(ctx context.Context) error {
	p, err := t.workload.next(ctx, 0, 12)
	if err != nil {
		return err
	}
	if err := t.publish(ctx, p, 0); err != nil {
		return err
	}
	if !until(ctx, 60*time.Second, 100*time.Millisecond, func() bool { return len(t.watch.missing(t.workload.order)) == 0 }) {
		for _, p := range t.fleet.all() {
			fmt.Fprintf(t.out, "%s printed last:\n  %s\n", p.name, p.printed())
		}
		return fmt.Errorf("without any fault, %d of %d requests have no record after 60 s", len(t.watch.missing(t.workload.order)), len(t.workload.order))
	}
	pause(ctx, 2*time.Second)
	if !until(ctx, 30*time.Second, 100*time.Millisecond, func() bool { return len(t.fleet.apart()) == 0 }) {
		return fmt.Errorf("without any fault: %s", strings.Join(t.fleet.apart(), "; "))
	}
	t.before = rest(t.fleet)
	return dump(t.fleet, true, t.before)
}

// publish sends a portion, as an upstream system would. What conflicts goes only when the honest message was taken in.
func (t *torture) publish(ctx context.Context, p *portion, step int) error {
	for _, a := range p.requests {
		t.known.Store(a.RequestID, a)
		if err := t.pub.Publish(ctx, a.SubjectRequest); err != nil {
			return err
		}
	}
	for _, a := range p.repeats {
		if err := t.pub.Publish(ctx, a.SubjectRequest); err != nil {
			return err
		}
	}
	for _, a := range p.conflicts {
		other := a.SubjectRequest
		other.Kind = "access"
		if a.Kind == other.Kind {
			other.Kind = "erasure"
		}
		if !until(ctx, drainLimit, 50*time.Millisecond, func() bool { return t.watch.admitted(a.RequestID) }) {
			t.problems = append(t.problems, fmt.Sprintf("request %s was not admitted within %s", a.RequestID, drainLimit))
			continue
		}
		if err := t.pub.Publish(ctx, other); err != nil {
			return err
		}
	}
	for _, m := range p.malformed {
		value, err := m.value(t.proc.Codec)
		if err != nil {
			return err
		}
		if err := t.proc.Producer.Send(ctx, []kafka.Message{{Topic: prefix + "subject-requests", Key: []byte(m.key), Value: value}}); err != nil {
			return err
		}
	}
	return nil
}

// work injects one fault a step, and publishes a portion at each.
func (t *torture) work(ctx context.Context) error {
	f := newFaults(t)
	deadline := time.Now().Add(t.maxTime)
	portions := make(chan *portion, 10_000)
	var upstream sync.WaitGroup
	var failed error
	upstream.Go(func() {
		for p := range portions {
			if err := t.publish(ctx, p, 0); err != nil && failed == nil {
				failed = err
			}
		}
	})
	step := 1
	for ; t.more(step) && time.Now().Before(deadline) && ctx.Err() == nil; step++ {
		n := t.portion
		if len(t.workload.order) >= t.requests {
			n = 2
		}
		p, err := t.workload.next(ctx, step, n)
		if err != nil {
			return err
		}
		portions <- p
		x := schedule(t.seed, step)
		if fs := focus[t.plant]; len(fs) > 0 && step%3 == 0 {
			if at := fs[step/3%len(fs)]; at.kind != "" {
				x = at
			}
		}
		if t.verbose {
			fmt.Fprintf(t.out, "step %d: %s\n", step, x)
		}
		f.inject(ctx, x)
		if step%100 == 0 {
			point, least := t.counts.rarest()
			fmt.Fprintf(t.out, "step %d: %d requests, %d without a record, %d kills, %d network episodes, %d rebalances, %s hit %d times\n", step, len(t.workload.order),
				len(t.watch.missing(t.workload.order)), t.counts.kills(), t.counts.networks(), t.fleet.rebalances(), point, least)
		}
		pause(ctx, t.pace)
	}
	for n := range 8 { // what was put off
		p, err := t.workload.next(ctx, step+n, 0)
		if err != nil {
			return err
		}
		portions <- p
	}
	close(portions)
	upstream.Wait()
	for _, err := range f.wait() {
		t.problems = append(t.problems, "the harness could not do what it must: "+err.Error())
	}
	if failed != nil {
		return fmt.Errorf("publish: %w", failed)
	}
	return ctx.Err()
}

// doomed reports whether a bug that was built in has been caught already: what is left of the run would say no more.
func (t *torture) doomed() bool {
	return t.plant != "" && (t.witness.wrong() || len(t.fleet.broken()) > 0)
}

// more reports whether another step is due: until the number of steps is reached, or in a full run every minimum.
func (t *torture) more(step int) bool {
	if !t.full || t.doomed() {
		return step <= t.steps && !t.doomed()
	}
	return len(t.short()) > 0
}

// short lists the minimums of a full run that are not reached.
func (t *torture) short() (out []string) {
	point, least := t.counts.rarest()
	for _, m := range []struct {
		what      string
		now, want int
	}{
		{"requests", len(t.workload.order), t.requests},
		{"kills", t.counts.kills(), 1000},
		{"deaths at " + point, least, 20},
		{"network episodes", t.counts.networks(), 200},
		{"rebalances", t.fleet.rebalances(), 500},
	} {
		if m.now < m.want {
			out = append(out, fmt.Sprintf("%d %s of %d", m.now, m.what, m.want))
		}
	}
	return out
}

func (t *torture) verifier() (*completion.Verifier, error) {
	return completion.LoadVerifier(filepath.Join(t.dir, "keys", completion.PublicKeyFile))
}
