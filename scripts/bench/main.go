// Command bench measures Lethe beside its floor, in one run on one machine: on a real Apache Kafka, PostgreSQL and MariaDB (fsync on), which it
// starts and stops itself, with every role in a process of its own.
//
//	go run ./scripts/bench                       every case
//	go run ./scripts/bench throughput latency    these
//	go run ./scripts/bench -short -check         small sizes, and an error where a ratio is worse than its bound
//	go run ./scripts/bench -json throughput      the figures as JSON
//
// README.md beside this file says what each case does, what its floor is and how to read the table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// options of a run.
type options struct {
	short, json, check bool
	profiles           string
	progress           func(format string, args ...any)
}

// size picks the full or the short size of something.
func (o options) size(full, short int) int {
	if o.short {
		return short
	}
	return full
}

// suite is a case by its name.
type suite struct {
	name, about string
	run         func(context.Context, *lab) ([]figure, error)
}

func suites() []suite {
	return []suite{
		{"throughput", "erasures from the first publish to the last sealed record, over 3 and over 20 systems", throughputCase},
		{"latency", "from the instant at which a request was due to be published to its record, at fixed rates", latencyCase},
		{"sql-erase", "2,000 of 20,000 customers of a shop erased, on PostgreSQL and MariaDB", sqlEraseCase},
		{"export", "the data of one large subject and of many small ones, from PostgreSQL", exportCase},
		{"backlog", "requests that waited while every service was away: time to drain, memory against time", backlogCase},
		{"store", "the coordinator's cost a request beside 0, 1 and 10 million sealed ones", storeCase},
		{"start", "from the start of a process until it is ready", startCase},
		{"idle", "CPU and memory of each role at rest", idleCase},
		{"instances", "1, 2 and 4 coordinators and responders of fixed CPU each", instancesCase},
	}
}

func main() {
	if role := os.Getenv(roleVariable); role != "" { // this process is a role that another one measures
		if err := playRole(role); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", role, err)
			os.Exit(1)
		}
		return
	}
	runtime.LockOSThread() // children die with the thread that started them: all are started by this one
	o := options{progress: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	flag.BoolVar(&o.short, "short", false, "small sizes")
	flag.BoolVar(&o.json, "json", false, "print the figures as JSON")
	flag.BoolVar(&o.check, "check", false, "end with 1 where a ratio is worse than the bound of its case")
	flag.StringVar(&o.profiles, "profiles", "", "write profiles of coordinator and responders to this directory: CPU, and the heap when it was largest")
	flag.Usage = usageText
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func usageText() {
	fmt.Fprintln(flag.CommandLine.Output(), "usage: bench [flags] [case ...]\n\ncases, all of them by default:")
	for _, s := range suites() {
		fmt.Fprintf(flag.CommandLine.Output(), "  %-12s %s\n", s.name, s.about)
	}
	fmt.Fprintln(flag.CommandLine.Output(), "\nflags:")
	flag.PrintDefaults()
}

func run(ctx context.Context, o options, names []string) (err error) {
	chosen, err := choose(names)
	if err != nil {
		return err
	}
	if err := roles.TuneMemory(); err != nil { // as the commands do: what runs in this process is measured, too
		return err
	}
	l, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer l.close()
	if o.profiles != "" {
		end, perr := profile(ctx, filepath.Join(o.profiles, "bench"))
		if perr != nil {
			return perr
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	all := report{Machine: machine(), Go: runtime.Version(), Began: time.Now().UTC(), Servers: l.versions, Short: o.short}
	for _, s := range chosen {
		o.progress("%s: %s", s.name, s.about)
		began := time.Now()
		fs, err := s.run(ctx, l)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for i := range fs {
			fs[i].Case = s.name
		}
		all.Figures = append(all.Figures, fs...)
		o.progress("%s took %s", s.name, time.Since(began).Round(time.Second))
	}
	if o.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(all)
	} else {
		all.print(os.Stdout)
	}
	if o.check {
		err = errors.Join(err, all.check())
	}
	return err
}

func choose(names []string) ([]suite, error) {
	all := suites()
	if len(names) == 0 {
		return all, nil
	}
	var out []suite
	for _, n := range names {
		i := slices.IndexFunc(all, func(s suite) bool { return s.name == n })
		if i < 0 {
			var known []string
			for _, s := range all {
				known = append(known, s.name)
			}
			return nil, fmt.Errorf("there is no case %q; there are %s", n, strings.Join(known, ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}
