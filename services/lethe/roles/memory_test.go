package roles

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
)

func TestTheHeapMayGrowUpToALimit(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv(name, "") // puts back what was there, at the end
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := TuneMemory(); err != nil {
		t.Fatal(err)
	}
	if got := debug.SetGCPercent(100); got != growth {
		t.Errorf("GOGC is %d", got)
	}
	if got := debug.SetMemoryLimit(-1); got > modest || got < 1<<20 {
		t.Errorf("the memory limit is %d", got)
	}
}

func TestWhatTheOperatorSetStays(t *testing.T) {
	percent, limit := debug.SetGCPercent(70), debug.SetMemoryLimit(1<<40)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	t.Setenv("GOGC", "70")
	t.Setenv("GOMEMLIMIT", "1TiB")
	if err := TuneMemory(); err != nil {
		t.Fatal(err)
	}
	if got := debug.SetGCPercent(70); got != 70 {
		t.Errorf("GOGC is %d", got)
	}
	if got := debug.SetMemoryLimit(-1); got != 1<<40 {
		t.Errorf("the memory limit is %d", got)
	}
}
