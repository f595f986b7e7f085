// Package lifecycle is the life of a subject request inside the coordinator, as a pure state machine: it does no I/O, knows no
// database and takes the instant as an argument, so that every order and repetition of messages can be tested in memory.
//
// A [Turn] is what one transaction does: the store loads requests under lock, the turn applies events to them
// ([Turn.Admit], [Turn.Acknowledge], [Turn.Tick], [Turn.Reopen]), and [Turn.Finish] hands back what is to be published.
// Every event ends in advance, which derives the next step from the state alone, so that an event that comes twice, or a
// wake-up too many, changes nothing.
//
// The steps stand in files of their own, in the order in which a request passes them: admit.go, resolve.go, gate.go, act.go,
// look.go, package.go, seal.go, reopen.go.
package lifecycle
