// Package responder is the SDK for the consumer services that erase and export: one responder serves one system. Write a
// [System] (or fill in a [Listed]), choose a ledger, and call [Run]:
//
//	err := responder.Run(ctx, responder.Config{System: "profiles", Brokers: brokers, Keys: keys}, system, ledger.Beside(db, ledger.SQLite))
//
// The runtime takes care of the rest: Kafka, Avro, sealed identifiers, batches, repetition, crashes, a system that is away, one
// poisonous request among five hundred, answers that come hours later, dead letters, rate limits and traces.
//
// # The life of a dispatch
//
//  1. Batches of one or several partitions come to [Responder.HandleAll] (run.go). They are decoded; what is addressed to others is
//     skipped, bytes that cannot be read are parked as dead letters, an unknown schema halts the partition (open.go).
//  2. The steps are claimed in the [Ledger], in the order of their keys. What was settled before is not worked again: its
//     acknowledgement comes from the ledger, byte by byte as it was (ledger.go, package ledger).
//  3. What is open is unsealed and given to the system as one batch: [System.Erase], [System.Verify], and the optional
//     [Exporter.Export], [Resolver.Resolve], [Packager.Package]. A step that the system has no method for is answered
//     `unsupported`, never with silence (serve.go).
//  4. Each [Answer] is checked, kept honest (a step that may have been done before never says `not_found`, and its counts are
//     lower bounds) and settled in the ledger, with the bytes of its acknowledgement (answer.go, acknowledge.go).
//  5. Only when the ledger has committed are acknowledgements and dead letters published (publish.go); only when the broker
//     has them does the offset move. A crash in between repeats from the ledger.
//
// # When it goes wrong
//
// An error has a [Class]. Unavailable: the system is away; the runtime asks Check until it passes, and nothing is stepped past.
// Transient or unknown: the batch is repeated once, then halved until the dispatch at fault stands alone; that one is deferred
// through the ledger, acknowledged as `delayed`, and retried ever more seldom until Config.DeferLimit makes it a dead letter.
// Permanent: halved at once; the one at fault is a dead letter and acknowledged `failed`. Work that takes longer than a third of
// the rebalance timeout is deferred too: it goes on outside of the consumer group, where it holds up nobody (work.go, due.go). A system
// that would hold too much in one transaction returns [ErrTooLarge] for a batch, which is then halved, and works one dispatch in parts:
// a [Deferral] with More, and its Progress.
// An error's text goes into the log, without the identifiers that were at hand; acknowledgements and dead letters carry words
// only. Do not put personal data into an error all the same.
//
// # What it refuses
//
// It never calls the coordinator, never retries what has expired, never publishes what the ledger does not hold, and keeps no
// personal data: a message that waits is kept sealed, as it came.
//
// A responder passes the suite in package respondertest before it is trusted with anybody's data.
package responder
