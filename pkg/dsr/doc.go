// Package dsr is the vocabulary of Lethe: the values that an upstream system, the coordinator, the responders and the
// packager exchange about one subject request, and the closed sets of words that a completion record may use.
//
// It depends on the standard library and golang.org/x/text alone, does no I/O and knows neither Avro nor Kafka: package
// event turns these values into bytes, package kafka carries the bytes. It refuses to hold behaviour that needs a clock, a
// key or a connection; a function that depends on the time takes the instant.
//
// Where to read next: [SubjectRequest] is what goes in, [Dispatch] and [Acknowledgement] travel inside, [Status],
// [Rejection] and [Completion] come out. [Outcome] and [Result] hold the words and their precedence, [Rule.DueAt] the clock
// of GDPR Art. 12(3).
package dsr
