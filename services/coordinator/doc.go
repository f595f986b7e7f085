// Package coordinator is the service that takes subject requests from admission to a signed completion record.
//
// It is not on the data path and calls no other service: it reads `subject-requests` and `acknowledgements`, and everything
// that it publishes goes through an outbox that is written in the transaction which decided it. Any number of instances run
// side by side; all state is in the database.
//
// The files follow the life of a request: check.go and admit.go take it in, aggregate.go takes in what the systems answer (what both
// share is in ingest.go), clock.go does what is due by time, record.go writes the completion record, relay.go publishes. The decisions themselves
// stand in package lifecycle, free of I/O; turn.go is the transaction around them. Package store holds the state.
package coordinator
