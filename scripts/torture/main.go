// Command torture runs every role of Lethe as processes over real servers, breaks whatever can be broken, and then holds what is to be
// read outside, the stores and the topics, against what must be true of them:
//
//	go run ./scripts/torture                    about three minutes: a fixed seed and a fresh one
//	go run ./scripts/torture -seed 7            one seed again: the same workload, the same faults in the same order
//	go run ./scripts/torture -full              until every minimum is reached, at most -max-time
//	go run ./scripts/torture -plant NAME        with a bug that is built in; ends with 0 when it was caught (-plant all: each)
//
// It ends with 1 when something is wrong, and says what, of which request, and the seed.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options of a run.
type options struct {
	seed     uint64
	requests int
	steps    int
	portion  int
	pace     time.Duration
	maxTime  time.Duration
	full     bool
	race     bool
	keep     bool
	verbose  bool
	list     bool
	plant    string
}

// fixedSeed is that of every short run; the second is fresh.
const fixedSeed = 20261129

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		os.Exit(2)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	ok, err := conduct(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
	}
	if err != nil || !ok {
		cancel()
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("torture", flag.ContinueOnError)
	flags.Uint64Var(&o.seed, "seed", 0, "run this seed alone (default: a fixed and a fresh one; -full: a fresh one)")
	flags.IntVar(&o.requests, "requests", 0, "publish about so many requests (default 400; -full: 10000)")
	flags.IntVar(&o.steps, "steps", 0, "inject so many faults (default 40; -full: until every minimum is reached)")
	flags.DurationVar(&o.maxTime, "max-time", time.Hour, "inject no fault later than this")
	flags.DurationVar(&o.pace, "pace", 0, "time between two faults (default 1s)")
	flags.BoolVar(&o.full, "full", false, "at least 1000 kills over 10000 requests, every crash point 20 times, 200 network episodes, 500 rebalances")
	flags.BoolVar(&o.race, "race", false, "build with the race detector")
	flags.BoolVar(&o.keep, "keep", false, "keep logs and files")
	flags.BoolVar(&o.verbose, "v", false, "print each fault")
	flags.BoolVar(&o.list, "list", false, "print the schedule of faults and end")
	flags.StringVar(&o.plant, "plant", "", "build this bug in, and end with 0 when it was caught; all: each of them")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	def := func(v *int, short, full int) {
		if *v == 0 {
			*v = short
			if o.full {
				*v = full
			}
		}
	}
	def(&o.requests, 400, 10_000)
	def(&o.steps, 40, 1_400)
	o.portion = (o.requests + o.steps - 1) / o.steps
	if o.pace == 0 {
		o.pace = time.Second
	}
	return o, nil
}

// conduct runs what was asked for and reports whether all was well.
func conduct(ctx context.Context, o options) (bool, error) {
	seeds := []uint64{o.seed}
	if o.seed == 0 {
		fresh := uint64(rand.Uint32())
		seeds = []uint64{fixedSeed, fresh}
		if o.full {
			seeds = seeds[1:]
		}
	}
	if o.list {
		for step := 1; step <= o.steps; step++ {
			fmt.Printf("step %d: %s\n", step, schedule(seeds[0], step))
		}
		return true, nil
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return false, err
	}
	bin, err := os.MkdirTemp("", "lethe-bin-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(bin)
	if o.plant != "" {
		return plants(ctx, o, root, bin, seeds)
	}
	binary, err := build(ctx, root, bin, "", o.race)
	if err != nil {
		return false, err
	}
	ok := true
	for _, seed := range seeds {
		o.seed = seed
		t := &torture{options: o, out: os.Stdout}
		fmt.Printf("seed %d: about %d requests, %d faults\n", seed, o.requests, o.steps)
		if err := t.execute(ctx, binary); err != nil {
			return false, fmt.Errorf("seed %d: %w", seed, err)
		}
		ok = t.report() && ok
	}
	return ok, nil
}

// report prints what is wrong.
func (t *torture) report() bool {
	if len(t.problems) == 0 {
		fmt.Fprintf(t.out, "seed %d: nothing lost, nothing invented\n", t.seed)
		return true
	}
	for i, p := range t.problems {
		if i == 40 {
			fmt.Fprintf(t.out, "and %d more\n", len(t.problems)-i)
			break
		}
		fmt.Fprintf(t.out, "WRONG: %s\n", p)
	}
	fmt.Fprintf(t.out, "seed %d: %d things are wrong; again: go run ./scripts/torture -seed %d -requests %d -steps %d -v -keep\n", t.seed, len(t.problems), t.seed, t.requests, t.steps)
	return false
}
