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
	// share of the container's or machine's memory from which on the collector works harder, whatever the growth.
	share = 0.8
)

// TuneMemory lets the heap grow further than Go's default before it is collected, and bounds it by the memory of the container or,
// outside of one, of the machine. What the operator set by GOGC or GOMEMLIMIT stays as it is.
func TuneMemory() error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(growth)
	}
	_, err := memlimit.Set(memlimit.WithRatio(share), memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)), memlimit.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("memory limit: %w", err)
	}
	return nil
}
