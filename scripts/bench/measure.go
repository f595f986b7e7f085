package main

import (
	"context"
	"errors"
	"os"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// warmUp takes the first requests through, so that groups have formed and statements are prepared.
func (p *pipeline) warmUp(ctx context.Context, n int) error {
	batches, err := p.sealAll(ctx, n)
	if err != nil {
		return err
	}
	if err := p.publishAll(ctx, batches); err != nil {
		return err
	}
	return p.until(ctx, n)
}

// throughput publishes as fast as the broker takes and waits for the last record.
func (p *pipeline) throughput(ctx context.Context, o options) (perSecond, cpu float64, err error) {
	batches, err := p.sealAll(ctx, o.requests)
	if err != nil {
		return 0, 0, err
	}
	if o.cpuProfile != "" {
		f, err := os.Create(o.cpuProfile)
		if err != nil {
			return 0, 0, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return 0, 0, errors.Join(err, f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, f.Close())
		}()
	}
	p.mu.Lock()
	before := p.count
	p.mu.Unlock()
	began, cpuBefore := time.Now(), cpuSeconds()
	if err := p.publishAll(ctx, batches); err != nil {
		return 0, 0, err
	}
	if err := p.until(ctx, before+o.requests); err != nil {
		return 0, 0, err
	}
	return float64(o.requests) / time.Since(began).Seconds(), cpuSeconds() - cpuBefore, nil
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// latency is what an open loop at one rate found.
type latency struct {
	Rate  int           `json:"rate"`
	Count int           `json:"requests"`
	P50   time.Duration `json:"p50_ns"`
	P95   time.Duration `json:"p95_ns"`
	P99   time.Duration `json:"p99_ns"`
}

// latency publishes at a fixed rate, whatever becomes of what was published before.
func (p *pipeline) latency(ctx context.Context, rate int, length time.Duration) (latency, error) {
	const slice = 20 * time.Millisecond
	due := map[dsr.RequestID]time.Time{}
	p.mu.Lock()
	before := p.count
	p.mu.Unlock()
	type batchAt struct {
		*sealedBatch
		at time.Duration
	}
	var batches []batchAt
	sent := 0
	for at := time.Duration(0); at < length; at += slice {
		n := int(float64(rate)*(at+slice).Seconds()) - sent
		if n <= 0 {
			continue
		}
		sent += n
		b, err := p.seal(ctx, n)
		if err != nil {
			return latency{}, err
		}
		batches = append(batches, batchAt{b, at})
	}
	var g errgroup.Group
	began := time.Now()
	for _, b := range batches {
		at := b.at
		if wait := time.Until(began.Add(at)); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return latency{}, ctx.Err()
			case <-timer.C:
			}
		}
		for _, id := range b.ids {
			due[id] = began.Add(at)
		}
		g.Go(func() error { return p.publish(ctx, b.sealedBatch) })
	}
	if err := errors.Join(g.Wait(), p.until(ctx, before+sent)); err != nil {
		return latency{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	took := make([]time.Duration, 0, len(due))
	for id, at := range due {
		took = append(took, p.sealed[id].Sub(at))
	}
	slices.Sort(took)
	q := func(f float64) time.Duration { return took[min(len(took)-1, int(f*float64(len(took))))] }
	return latency{Rate: rate, Count: len(took), P50: q(0.5), P95: q(0.95), P99: q(0.99)}, nil
}

func parseRates(s string) []int {
	var out []int
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' }) {
		if n, err := strconv.Atoi(strings.TrimSpace(f)); err == nil && n > 0 {
			out = append(out, n)
		}
	}
	return out
}
