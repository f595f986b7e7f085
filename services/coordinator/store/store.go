// Package store keeps the coordinator's state: open requests, what is to be published, how far each source was read, and the
// records of what is sealed. PostgreSQL serves production, SQLite the embedded default; both pass one conformance suite.
//
// A batch of messages is one transaction ([Store.Tx]) which takes its locks in one order (source offset, subjects, requests,
// each sorted), reads what it needs, lets a pure state machine decide in memory and writes the differences with one statement
// a table. The store knows nothing of what a state means; read package lifecycle for that.
package store

import (
	"context"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// Store is a coordinator's database. It is safe for concurrent use.
type Store interface {
	// Tx runs do in one transaction and commits it. A deadlock, a serialization failure or a request that was reopened by
	// another transaction in the meantime rolls back and runs do again, a bounded number of times, so do keeps nothing from a
	// former try. Any other error rolls back and is returned: do's own as it is, the store's as [BadRowError] where a row is at
	// fault and as [UnavailableError] where the database is away. do calls the transaction from one goroutine and nothing else
	// of the store.
	Tx(ctx context.Context, do func(context.Context, Tx) error) error
	// Offset is where to read a source's partition from, and how the last message before it is recognised: ok is false where nothing of it
	// was taken in yet.
	Offset(ctx context.Context, topic string, partition int) (from Source, ok bool, err error)
	// Offsets is where each partition of a topic is read from, of those that something was taken in from, and the database's
	// clock at that moment, in microseconds, UTC.
	Offsets(ctx context.Context, topic string) (next map[int]int64, now time.Time, err error)
	// SetOffset sets where to read a source's partition from, in either direction, for a person who decided it: only where it is
	// from at this moment, else ok is false and nothing changes. To 0 is to know nothing of the partition. The mark is forgotten.
	SetOffset(ctx context.Context, topic string, partition int, from, to int64) (ok bool, err error)
	// Due lists at most limit open requests whose WakeAt is not after the database's clock, the longest due first.
	Due(ctx context.Context, limit int) ([]lifecycle.ID, error)
	// Open lists at most limit open requests after one, which need not be there, in an order of the store's own; from the first where it
	// is the zero ID. A request that stays open while all are listed is listed once.
	Open(ctx context.Context, after lifecycle.ID, limit int) ([]lifecycle.ID, error)
	// Records lists at most limit sealed records after one, each with its request as it was sealed, in the order of their instants. A Record of
	// which only SealedAt is set stands before all that were sealed in that instant or later.
	Records(ctx context.Context, after Record, limit int) ([]Sealed, error)
	// NextWake is the earliest WakeAt of all open requests, as a duration from now on the database's clock.
	NextWake(ctx context.Context) (in time.Duration, ok bool, err error)
	// Outbox opens the relay's side on a connection of its own.
	Outbox(ctx context.Context) (Outbox, error)
	// Upkeep does what a long life needs: record partitions ahead of time, subjects without an open request and rejections
	// that were corrected long ago and messages parked long ago removed. It works in small transactions and may be called by every instance at any time.
	Upkeep(ctx context.Context) error
	// Counts is for metrics: open and overdue requests.
	Counts(ctx context.Context) (open, overdue int64, err error)
	// Backlog is for metrics: what waits for the relay and what waits for a person.
	Backlog(ctx context.Context) (Backlog, error)
	// Close ends all connections. Transactions under way and every [Outbox] must have ended.
	Close() error
}

// Tx is one batch. Methods are called in the order in which they stand here, each at most once (Now at any time and often):
// the order is what keeps transactions from deadlocking. A method that returned an error ends the transaction.
type Tx interface {
	// Now is the transaction's one instant, on the database's clock, in microseconds, UTC: when it began, before it waited for
	// any lock, so that of two transactions the later one to get a lock may have the earlier instant, by as long as it waited.
	// PostgreSQL begins with the first other call; called before, Now costs a round trip of its own.
	Now() time.Time
	// Sources locks the offsets of a topic's distinct partitions, in order, and returns each; 0 where nothing was taken in yet.
	Sources(ctx context.Context, topic string, partitions []int) (next map[int]int64, err error)
	// Refs reads, without a lock, the pseudonyms of the requests: what to lock before a gate can be passed.
	Refs(ctx context.Context, ids []lifecycle.ID) ([]Subject, error)
	// LockSubjects makes the subjects' rows where they are missing and locks them in order. PostgreSQL sends it along with the
	// next call, which then returns its error.
	LockSubjects(ctx context.Context, subjects []Subject) error
	// Keys claims the request ids of new requests in the table that remembers them for good. It returns, for the ids that were
	// taken before (in an earlier batch), what is known of them; the others are now claimed. ids are distinct. A rival that
	// claims the same id is waited for.
	Keys(ctx context.Context, keys []Key) (taken map[lifecycle.ID]Key, err error)
	// Seq allots n consecutive admission numbers, at most [MaxSeq], later than every one allotted before to a committed
	// transaction that shared a subject lock. There are gaps.
	Seq(ctx context.Context, n int) (first int64, err error)
	// Requests locks the open requests among ids, in order, and loads them with their steps. Others are absent from the map.
	// Frozen may be shared with other transactions: it is read only.
	Requests(ctx context.Context, ids []lifecycle.ID) (map[lifecycle.ID]*lifecycle.Request, error)
	// Archived loads what is sealed among ids from the latest record of each, and locks it against a second reopening. It is
	// asked for ids that Requests did not find; one that was opened since makes Tx begin again.
	Archived(ctx context.Context, ids []lifecycle.ID) (map[lifecycle.ID]*lifecycle.Archive, error)
	// Neighbours lists every open request that has one of the subjects.
	Neighbours(ctx context.Context, subjects []Subject) ([]lifecycle.Neighbour, error)
	// Save checks everything and hands it over to be written: what was found wrong with a row is its error, what the database
	// says is Tx's, because the writing travels together with the commit once do has returned nil. It is the last call. Only
	// requests that this transaction loaded, reopened or claimed the key of can be saved.
	Save(ctx context.Context, c Changes) error
}

// MaxSeq is how many admission numbers one transaction can have.
const MaxSeq = 1 << 16

// Subject is one pseudonym within a tenant.
type Subject = lifecycle.Subject

// Key remembers a request id for good.
type Key struct {
	lifecycle.ID
	MAC      []byte    // over the request's content: tells an honest repeat from a conflict
	SealedAt time.Time // zero while open
}

// Changes is what one batch writes.
type Changes struct {
	Requests   []*lifecycle.Request // written by their flags: Fresh, Dirty, Reopened, Closed …; steps by theirs
	Records    []Record
	Rejections []Rejection
	Corrected  []lifecycle.ID // rejections closed because a later request corrects them
	Outbox     []Message
	Sources    []Source  // of distinct partitions
	Wake       []Subject // waiting requests of these subjects are to be woken: rows that are locked are passed over
}

// Source says how far a partition was taken in.
type Source struct {
	Topic     string
	Partition int
	Next      int64
	// Mark recognises the last message before Next, in words of the caller's own; empty where none is kept.
	Mark string
}

// Record is a sealed completion record. It comes with its request, closed in the same batch, whose state it archives to take in
// a late acknowledgement.
type Record struct {
	lifecycle.ID
	RecordID       string
	Number         int32
	Result         dsr.Result
	SealedAt       time.Time
	Envelope       []byte
	SHA256         []byte
	PreviousSHA256 []byte
}

// Sealed is a record with its request as it was when it was sealed.
type Sealed struct {
	Record
	Request *lifecycle.Request
}

// Backlog is what has not left yet.
type Backlog struct {
	Outbox     int64         // rows that the relay has yet to publish
	OutboxAge  time.Duration // of the oldest of them, on the database's clock
	Parked     int64         // messages that the broker refused for good
	Rejections int64         // not corrected: a person may still be owed an answer
}

// Rejection is a message that was not taken, kept until it is corrected. Its place (topic, partition, offset) is its key: a
// second one of the same place changes nothing.
type Rejection struct {
	dsr.Rejection
}

// Message is one message to publish.
type Message struct {
	Shard   int // below the configured number of shards, by hash of the key
	Topic   string
	Key     []byte
	Value   []byte
	Headers []Header
}

// Header is one header of a [Message].
type Header struct {
	Key   string
	Value []byte
}

// Outbox is the relay's side of the store. One goroutine uses it.
type Outbox interface {
	// Acquire tries to take the shards under a session lock, without waiting, and returns those of them held now, sorted. What
	// is held and no longer asked for is given back. A shard is held by one relay at a time; it is lost with the connection,
	// which the next call reports as an [UnavailableError]: this Outbox is then of no more use, open another one.
	Acquire(ctx context.Context, shards []int) (held []int, err error)
	// Fetch returns the oldest visible rows of the shards, in id order, up to about maxBytes of messages but at least one row.
	// Ids become visible out of order between shards and requests, never for one request, so a row is fetched until it is
	// deleted, and never by "id > last".
	Fetch(ctx context.Context, shards []int, maxBytes int) ([]OutboxRow, error)
	// Delete removes rows whose messages were all published or parked.
	Delete(ctx context.Context, ids []int64) error
	// Park keeps a message that the broker refuses for good, with a code why, for a person. The same message is kept once, so
	// that a relay which died before Delete parks nothing twice.
	Park(ctx context.Context, m Message, code string) error
	// Wait returns when a commit may have added rows, or after at most d.
	Wait(ctx context.Context, d time.Duration) error
	Close() error
}

// OutboxRow holds the messages of one shard from one transaction, in order.
type OutboxRow struct {
	ID       int64
	Shard    int
	Messages []Message
}
