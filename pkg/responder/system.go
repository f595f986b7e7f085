package responder

import (
	"context"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// System is one place that holds personal data. Its methods are called by several goroutines at once, never twice at once for
// the same step, and again for the same step after a crash or an error: each must be idempotent.
//
// A batch gets one answer for each dispatch, in the same order. An error instead settles none of them: the runtime repeats
// the batch, or halves it until the dispatch at fault stands alone, as [Classify] says. An [Answer] may also carry an error of
// its own, which then concerns that dispatch only; it must have left no effect behind where the ledger is in the system's
// transaction.
//
// ctx ends when the work has taken longer than one batch may; what is left is then deferred.
type System interface {
	// Erase removes (or masks, or detaches, as the data map says) what the system holds about each subject.
	Erase(ctx context.Context, ds []Dispatch) ([]Answer, error)
	// Verify looks again after an erasure. It only reads, and counts in Counts.Remaining what an erasure would still take.
	Verify(ctx context.Context, ds []Dispatch) ([]Answer, error)
	// Check is cheap and says whether the system works at all: "the system is down", or "this subject is the trouble".
	Check(ctx context.Context) error
}

// Exporter is a System that can hand data over (portability, access). A part is streamed into the sink, never collected.
type Exporter interface {
	Export(ctx context.Context, d Dispatch, s *Sink) (Answer, error)
}

// Resolver is a System that turns identifiers of one kind into those of another, which it returns in [Answer.Resolved].
// It only reads.
type Resolver interface {
	Resolve(ctx context.Context, ds []Dispatch) ([]Answer, error)
}

// Poller is a System that answers hours later: an [Answer] with a [Deferral] that has a Ticket is asked for again with Poll
// (Dispatch.Ticket set) until it is an answer. It starts nothing anew.
type Poller interface {
	Poll(ctx context.Context, ds []Dispatch) ([]Answer, error)
}

// Packager is a System that assembles the export of a request from the parts of all systems: phase package.
type Packager interface {
	Package(ctx context.Context, d Dispatch) (Answer, error)
}

// Batcher is a System that wants fewer dispatches at once than Config.BatchSize. A batch is one step of the ledger: where that
// stands beside the system, an interruption costs the exact counts of the whole batch in hand.
type Batcher interface {
	MaxBatch() int
}

// NoErasure is embedded by a system that holds nothing that could be erased: its dispatches are answered `unsupported`.
type NoErasure struct{}

// Erase refuses each dispatch.
func (NoErasure) Erase(_ context.Context, ds []Dispatch) ([]Answer, error) { return refuse(ds), nil }

// Verify refuses each dispatch.
func (NoErasure) Verify(_ context.Context, ds []Dispatch) ([]Answer, error) { return refuse(ds), nil }

func refuse(ds []Dispatch) []Answer {
	as := make([]Answer, len(ds))
	for i := range as {
		as[i].Err = ErrUnsupported
	}
	return as
}

// ErrUnsupported in [Answer.Err] says that the system cannot do what is asked, now or later: the acknowledgement is failed
// with the error code `unsupported`, without a dead letter, since there is nothing for a person to repair in the message.
var ErrUnsupported = coded(dsr.CodeUnsupported, unsupportedError{})

type unsupportedError struct{}

func (unsupportedError) Error() string { return "the system cannot serve this kind of request" }
