package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// drainLimit is how long requests may take when nothing is broken any more: what was put off is tried again only after as long as it
// has been put off already.
const drainLimit = 5 * time.Minute

// drain is drainLimit, or less where a bug was built in: what it lost does not come.
func (t *torture) drain() time.Duration {
	switch {
	case t.plant != "":
		return drainLimit / 4
	case t.full: // the longest pause between two tries of what was put off is a quarter of an hour
		return 16 * time.Minute
	}
	return drainLimit
}

// settle lets everything come to rest, delivers all of it once more, ends the processes and asks the oracle.
func (t *torture) settle(ctx context.Context, began time.Time) error {
	if err := t.fleet.disarm(); err != nil {
		return err
	}
	for _, role := range roleNames {
		for t.fleet.size(role) > 2 {
			if err := t.fleet.remove(role); err != nil {
				t.fleet.fail("%v", err)
			}
		}
	}
	all := t.workload.order
	calm := time.Now()
	until(ctx, t.drain(), 200*time.Millisecond, func() bool { return len(t.watch.missing(all)) == 0 || t.doomed() })
	fmt.Fprintf(t.out, "seed %d: %d of %d requests have a record %.0f s after the last fault\n", t.seed, len(all)-len(t.watch.missing(all)), len(all), time.Since(calm).Seconds())
	t.witness.settled(ctx)
	if left := t.lag(ctx, time.Minute); left != "" {
		t.problems = append(t.problems, left)
	}
	n, err := t.everythingAgain(ctx)
	if err != nil {
		return err
	}
	if left := t.lag(ctx, 10*time.Minute); left != "" {
		t.problems = append(t.problems, "after everything was delivered again: "+left)
	}
	if t.full || t.plant != "" { // a short run has no time for it
		if err := t.silence(ctx); err != nil {
			return err
		}
	}
	t.quiet(ctx)
	fmt.Fprintf(t.out, "seed %d: %d messages were delivered again, in another order\n", t.seed, n)
	return t.verdict(ctx, began)
}

// everythingAgain publishes every message of the intake and of every internal topic once more.
func (t *torture) everythingAgain(ctx context.Context) (int, error) {
	topics := []string{prefix + dsr.TopicRequests}
	for _, name := range internalTopics {
		topics = append(topics, prefix+name)
	}
	var all []kafka.Message
	for m, err := range t.proc.Kafka.Tail(ctx, kafka.TailConfig{Topics: topics}) {
		if err != nil {
			return 0, fmt.Errorf("read the internal topics: %w", err)
		}
		all = append(all, m)
	}
	shuffle(all)
	t.counts.add("every message of every topic delivered again", "all topics", false)
	return len(all), publishAgain(ctx, t.stage.kafka.Addr, all)
}

// pools are the connections that two processes of each role may keep: eight each, and two more of a coordinator for its outbox.
var pools = map[string]int{"lethe_store": 2*(8+2) + 2*8, "lethe_shop": 2 * 8, "lethe_desk": 2 * 8}

// quiet measures what the processes hold now and ends them: one of each role by a dump of its goroutines, all others in good order.
func (t *torture) quiet(ctx context.Context) {
	var found []string
	after := map[string]level{}
	until(ctx, time.Minute, time.Second, func() bool { return len(t.fleet.apart()) == 0 }) // who was away is taken into its group again
	until(ctx, 30*time.Second, time.Second, func() bool {                                  // what is idle is closed after a while
		after = rest(t.fleet)
		found = append(leaks(t.before, after), t.fleet.apart()...)
		conns, err := t.stage.connections(ctx)
		if err != nil {
			found = append(found, err.Error())
		}
		for role, n := range conns {
			if n > pools[role] {
				found = append(found, fmt.Sprintf("%s has %d connections, the pools of all its processes hold %d", role, n, pools[role]))
			}
		}
		return len(found) == 0
	})
	if err := dump(t.fleet, false, after); err != nil {
		found = append(found, err.Error())
	} else {
		for _, l := range leaks(t.before, after) {
			if len(found) == 0 {
				found = append(found, l)
			}
		}
	}
	t.problems = append(t.problems, found...)
	t.fleet.end()
}

// verdict asks the oracle, prints the table and what was found.
func (t *torture) verdict(ctx context.Context, began time.Time) error {
	e, err := gather(ctx, t.proc)
	if err != nil {
		return err
	}
	v, err := t.verifier()
	if err != nil {
		return err
	}
	after, err := t.company.read(ctx)
	if err != nil {
		return err
	}
	t.witness.close()
	o := &oracle{
		evidence: e, codec: t.proc.Codec, verifier: v, company: t.company, workload: t.workload, late: t.witness.late, after: after,
		packages: filepath.Join(t.dir, "exports", "store", "packages"),
	}
	o.judge()
	t.problems = append(append(t.problems, t.fleet.broken()...), append(t.witness.errs, o.problems...)...)
	if t.full {
		for _, s := range t.short() {
			t.problems = append(t.problems, "a minimum of a full run was not reached: "+s)
		}
	}
	if t.watch.err != nil {
		t.problems = append(t.problems, "the harness could not read: "+t.watch.err.Error())
	}
	late := 0
	for _, rows := range t.witness.late {
		late += len(rows)
	}
	t.summary = fmt.Sprintf("%d requests, %d records (%d published again with the same bytes), %d rejections, %d kills, %d network episodes, %d rebalances; rows looked for %d times in the moment of an acknowledgement; "+
		"%d late rows, %d of them after the look; %d lines with lower bounds; %.0f s", len(t.workload.order), len(o.records), e.repeated, len(e.rejections), t.counts.kills(), t.counts.networks(), t.fleet.rebalances(),
		t.witness.looked, late, o.ambiguous, o.bounds, time.Since(began).Seconds())
	outcome := "as it must be"
	if len(t.problems) > 0 {
		outcome = "see below"
	}
	t.counts.write(t.out, outcome)
	for message, n := range t.fleet.errors {
		fmt.Fprintf(t.out, "logged as an error, %d times: %s\n", n, message)
	}
	fmt.Fprintf(t.out, "seed %d: %s\n", t.seed, t.summary)
	return nil
}

func (t *torture) find(id dsr.RequestID) *asked {
	a, ok := t.known.Load(id)
	if !ok {
		return nil
	}
	return a.(*asked)
}
