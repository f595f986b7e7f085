// Package demo is `lethe demo`: a company in miniature that uses a language model on its customers, from nothing, on the
// embedded broker and SQLite. The services are the real ones, wired as `lethe serve --dev` wires them; the records, packages and
// reports are real as well, and what the last screen says was read from the company's stores themselves.
//
// A scene (scenes.go) publishes requests and does what goes wrong in companies: a system that is away, one that nobody starts,
// an application that writes on. The play ends in error if anything came out otherwise than the scene says.
package demo
