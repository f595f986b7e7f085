// Package respondertest is the conformance suite that every responder passes, Lethe's own and everybody else's.
//
//	func TestConformance(t *testing.T) {
//		respondertest.Run(t, respondertest.Harness{New: func(t *testing.T) respondertest.Fixture { … }})
//	}
//
// It runs the real runtime over the system and its ledger, and breaks off where a process would die: after the claim, after
// the effect, before the acknowledgement is with the broker. Then it looks at what is left in the store, at the counts and at
// the bytes that were acknowledged. No broker is needed: [Bench] takes its place. What is not tested here is the runtime's
// way with Kafka itself.
package respondertest
