// Command bench measures the pipeline beside its floor, in one run on one machine: a real Apache Kafka and a real PostgreSQL
// (fsync on), which it starts and stops itself.
//
//	go run ./scripts/bench                       20,000 erasures over three systems, floor and Lethe, throughput and latency
//	go run ./scripts/bench -requests 2000 -json  the short version, as JSON
//
// throughput: requests are published as fast as the broker takes them; the clock runs from the first publish to the last sealed
// record. Sealing the identifiers, which upstream systems do on their own machines, comes before the clock. The systems answer without a store of their own, so that the pipeline is measured: each responder keeps its ledger in
// PostgreSQL, in the transaction of its (empty) effect. The settle time is zero; every erasure is looked at once.
//
// latency: an open loop at fixed rates; each request's clock runs from the instant at which it was due to be published, so that a
// slow answer is not left out, to its record on the completions topic.
//
// The floor (floor.go) moves the same number of messages with bare kafka-go loops and writes the rows of requests, steps and records
// with batch statements; it has no meaning, no schema, no encryption, no outbox, no ledger and no signature, and smaller messages.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/lethe-dsr/lethe/scripts/servers/servers"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

type options struct {
	requests, systems, partitions int
	rates                         string
	seconds                       int
	json, skipFloor               bool
	cpuProfile                    string
}

func main() {
	var o options
	flag.IntVar(&o.requests, "requests", 20_000, "requests for the throughput")
	flag.IntVar(&o.systems, "systems", 3, "systems that answer")
	flag.IntVar(&o.partitions, "partitions", 6, "partitions of each topic")
	flag.StringVar(&o.rates, "rates", "50,500", "requests a second for the latency, separated by commas; empty: none")
	flag.IntVar(&o.seconds, "seconds", 10, "of each latency run")
	flag.BoolVar(&o.json, "json", false, "print the result as JSON")
	flag.BoolVar(&o.skipFloor, "skip-floor", false, "measure Lethe alone (no ratio is printed)")
	flag.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of the throughput run to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// result is what a run found.
type result struct {
	Machine    string    `json:"machine"`
	Go         string    `json:"go"`
	Requests   int       `json:"requests"`
	Systems    int       `json:"systems"`
	Floor      *float64  `json:"floor_requests_per_second"`
	Throughput float64   `json:"requests_per_second"`
	Ratio      *float64  `json:"ratio"`
	CPUSeconds float64   `json:"lethe_cpu_seconds"` // of this process during the throughput run: every role and the publisher
	Latency    []latency `json:"latency"`
}

// warm is how many requests go before the clock, through the floor as through Lethe.
func warm(o options) int { return min(o.requests, 5_000) }

func run(ctx context.Context, o options) error {
	if err := roles.TuneMemory(); err != nil { // as `lethe` does
		return err
	}
	progress := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	progress("starting Apache Kafka and PostgreSQL …")
	broker, err := servers.StartKafka(ctx, servers.Options{})
	if err != nil {
		return err
	}
	defer broker.Stop()
	db, err := servers.StartPostgres(ctx, servers.Options{Fsync: true, Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "4GB"}})
	if err != nil {
		return err
	}
	defer db.Stop()
	r := result{Machine: fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), Go: runtime.Version(), Requests: o.requests, Systems: o.systems}
	if !o.skipFloor {
		progress("floor: %d requests over %d systems …", o.requests, o.systems)
		f, err := floor(ctx, broker.URL, db.URL, o)
		if err != nil {
			return fmt.Errorf("floor: %w", err)
		}
		r.Floor = &f
	}
	progress("lethe: %d requests over %d systems …", o.requests, o.systems)
	p, err := startPipeline(ctx, broker.URL, db.URL, o)
	if err != nil {
		return fmt.Errorf("start the pipeline: %w", err)
	}
	if err := p.warmUp(ctx, warm(o)); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	if r.Throughput, r.CPUSeconds, err = p.throughput(ctx, o); err != nil {
		return fmt.Errorf("throughput: %w", err)
	}
	if r.Floor != nil {
		ratio := r.Throughput / *r.Floor
		r.Ratio = &ratio
	}
	for _, rate := range parseRates(o.rates) {
		progress("lethe: %d requests a second for %d s …", rate, o.seconds)
		l, err := p.latency(ctx, rate, time.Duration(o.seconds)*time.Second)
		if err != nil {
			return fmt.Errorf("latency at %d/s: %w", rate, err)
		}
		r.Latency = append(r.Latency, l)
	}
	if err := p.stop(); err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	r.print()
	return nil
}

func (r result) print() {
	fmt.Printf("\n%s, %s; Apache Kafka and PostgreSQL (fsync on) on the same machine; %d requests, %d systems, every erasure looked at once\n\n", r.Machine, r.Go, r.Requests, r.Systems)
	if r.Floor != nil {
		fmt.Printf("  floor (bare loops)   %8.0f requests/s\n", *r.Floor)
	}
	fmt.Printf("  lethe                %8.0f requests/s   %.2f CPU ms a request\n", r.Throughput, r.CPUSeconds*1000/float64(r.Requests))
	if r.Ratio != nil {
		fmt.Printf("  ratio                %8.2f\n", *r.Ratio)
	}
	for _, l := range r.Latency {
		fmt.Printf("  at %5d/s           p50 %s   p95 %s   p99 %s   (%d requests)\n", l.Rate, ms(l.P50), ms(l.P95), ms(l.P99), l.Count)
	}
}

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond)) }
