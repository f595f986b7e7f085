package roles

import (
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// growth is how far the heap may grow over what is alive, in percent. A batch allocates a hundred times what a service keeps:
	// at Go's default of 100 the collector takes a third of a service's processor time (scripts/bench).
	growth = 400
	// share of the container's or machine's memory from which on the collector works harder, whatever the growth; modest is the same for
	// a machine that has plenty. A coordinator that works off a backlog has up to 256 MiB alive, and took 2.4 GiB without it.
	share  = 0.8
	modest = 1 << 30
)

// TuneMemory lets the heap grow further than Go's default before it is collected, and bounds it by the memory of the container or,
// outside of one, of the machine, and by 1 GiB: more than a service has alive, so that the bound costs it little. What the operator set by GOGC
// or GOMEMLIMIT stays as it is.
func TuneMemory() error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(growth)
	}
	limit, err := memlimit.Set(memlimit.WithRatio(share), memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)), memlimit.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("memory limit: %w", err)
	}
	if os.Getenv("GOMEMLIMIT") == "" && limit > modest {
		debug.SetMemoryLimit(modest)
	}
	return nil
}
