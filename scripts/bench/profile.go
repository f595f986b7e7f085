package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/metrics"
	"runtime/pprof"
	"time"
)

// profile writes PATH-cpu.pprof, from now on, and PATH-heap.pprof, anew whenever the heap has grown by a fifth, until end is called.
func profile(ctx context.Context, path string) (end func() error, err error) {
	f, err := os.Create(filepath.Clean(path + "-cpu.pprof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- heapPeaks(ctx, path+"-heap.pprof") }()
	return func() error {
		cancel()
		pprof.StopCPUProfile()
		return errors.Join(f.Close(), <-done)
	}, nil
}

func heapPeaks(ctx context.Context, path string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	most := uint64(32 << 20)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}} // what the last collection left
		metrics.Read(live)
		if now := live[0].Value.Uint64(); now > most+most/5 {
			most = now
			f, err := os.Create(filepath.Clean(path))
			if err != nil {
				return err
			}
			if err := errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close()); err != nil {
				return err
			}
		}
	}
}
