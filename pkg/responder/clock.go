package responder

import (
	"context"
	"sync/atomic"
	"time"
)

// Timed is a [Ledger] that has a clock, which all instances of its system share. [Responder.Run] asks it at the start and once a minute.
type Timed interface {
	Now(ctx context.Context) (time.Time, error)
}

// clock says what time it is for everything that falls due: the time of the ledger's database, carried on by this machine's monotonic clock.
// Instances whose machines disagree agree on it, and whoever sets a machine's clock moves nothing. Until the database has answered for the
// first time it is the machine's.
type clock struct {
	machine func() time.Time
	ledger  Timed // nil: the machine's is all there is
	last    atomic.Pointer[reading]
}

type reading struct {
	said time.Time // by the database
	at   time.Time // with this machine's monotonic time
}

func newClock(c Config, l Ledger) *clock {
	if c.Clock != nil {
		return &clock{machine: c.Clock}
	}
	timed, _ := l.(Timed)
	return &clock{machine: time.Now, ledger: timed}
}

// now is to the microsecond, as messages and ledger hold it.
func (c *clock) now() time.Time {
	now := c.machine()
	if r := c.last.Load(); r != nil {
		now = r.said.Add(time.Since(r.at))
	}
	return now.UTC().Truncate(time.Microsecond)
}

const (
	readClockEvery = time.Minute // machines drift, and a database may move to another one
	readClockAgain = time.Second
)

// read asks the database and returns after which time to ask again.
func (c *clock) read(ctx context.Context) (again time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	said, err := c.ledger.Now(ctx)
	if err != nil {
		return readClockAgain, err
	}
	c.last.Store(&reading{said, time.Now()})
	return readClockEvery, nil
}

// runClock keeps the clock.
func (r *Responder) runClock(ctx context.Context, pause time.Duration) error {
	for sleep(ctx, pause) == nil {
		var err error
		if pause, err = r.clock.read(ctx); err != nil && ctx.Err() == nil {
			r.log.DebugContext(ctx, "the ledger's clock could not be read", "error", err) // that the ledger is away is said by those who need it
		}
	}
	return nil
}
