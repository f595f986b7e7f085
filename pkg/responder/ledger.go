package responder

import (
	"context"
	"errors"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Ledger remembers every step of a system and what was acknowledged for it, so that twice is once. It stands in the system's
// own transaction (then an effect and its counts are one), or beside it. Package ledger has both over SQL.
//
// It holds no personal data in clear: what must be worked later is kept as it came, sealed, and so is what a system remembers between
// two parts of its work.
type Ledger interface {
	// Step claims entries (distinct keys; Key, Attempt and, for Poll, Ticket are set), calls do with those that are to be
	// worked, in the order given, and settles them as do returns them, in the same order. It returns every entry as the
	// ledger now holds it, in the order given. Entries that were settled before come back as they stand and are not given to
	// do, which is not called at all when nothing is open.
	//
	// A rival that claims the same key waits until this Step has ended, and then finds what it left. An error settles
	// nothing and, where the ledger is in the system's transaction, undoes the effect. Errors of do are returned as they are;
	// the ledger's own are classified.
	//
	// Open is, by [Mode]: a key that is new; one that was claimed and never settled; one that failed or is deferred, if the
	// attempt is higher; one that is deferred, if the mode is Retry or Poll. Poll claims nothing that is new or not settled:
	// that is [ErrNoStep].
	Step(ctx context.Context, at time.Time, mode Mode, entries []Entry, do func(context.Context, []Entry) ([]Entry, error)) ([]Entry, error)
	// Due returns at most limit entries of the system whose DueAt has passed, the longest due first, and moves their DueAt to
	// at plus lease, so that no other instance takes them meanwhile. Entries that a Step is working on are left out.
	Due(ctx context.Context, system string, at time.Time, lease time.Duration, limit int) ([]Entry, error)
	// Published clears the DueAt and the Source of settled entries: their acknowledgement is with the broker.
	Published(ctx context.Context, keys []dsr.Key) error
	// Trim forgets entries of the system that were settled before the instant and returns how many. Deferred ones stay.
	Trim(ctx context.Context, system string, before time.Time) (int64, error)
}

// Mode says why a step is claimed.
type Mode int

// The modes.
const (
	Deliver Mode = iota + 1 // a message came
	Retry                   // a deferred step is worked again from its beginning
	Poll                    // a deferred step is asked for its answer, or its answer is brought: nothing is begun
)

// ErrNoStep is the error of a Step of mode Poll for a key that was never deferred.
var ErrNoStep = Permanent(errors.New("no such step is deferred"))

// Claimed is the state of an entry that was claimed and not settled; the others are those of an acknowledgement.
const Claimed dsr.AckState = "claimed"

// Entry is one step in the ledger.
type Entry struct {
	Key     dsr.Key
	Attempt int32
	State   dsr.AckState // Claimed, dsr.Delayed (deferred), dsr.AckFailed or dsr.AckAnswered
	// Resumed, on what is given to do, says that an earlier try began and was never settled: it may have acted.
	Resumed bool

	FirstAt    time.Time // of the first claim that was not undone
	DoneAt     time.Time // when it was settled last
	DueAt      time.Time // when the runtime turns to it by itself; zero: never
	DeferredAt time.Time // of the first deferral
	Deadline   time.Time // when a deferral ends as a dead letter
	Ticket     string    // of the Deferral
	Progress   []byte    // of the Deferral, sealed; kept with a failed step, so that a higher attempt goes on from there

	Source   []byte // the message as it came, while it is deferred or its acknowledgement not yet published
	Ack      []byte // the acknowledgement's bytes
	Evidence []byte // as the system gave it
}

// Open reports whether a claim for attempt finds work in the entry as it stands; see [Ledger.Step].
func (e Entry) Open(attempt int32, mode Mode) bool {
	switch e.State {
	case Claimed:
		return mode != Poll
	case dsr.AckFailed:
		return mode == Deliver && attempt > e.Attempt
	case dsr.Delayed:
		return mode != Deliver || attempt > e.Attempt
	}
	return false
}
