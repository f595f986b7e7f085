// Package e2e holds the suites that run Lethe as a whole: a company with real stores, every role, and somebody outside who
// publishes requests and reads topics, as anybody could. It holds tests alone.
//
// Each suite runs in two modes, the same code with other addresses: embedded (the broker of `serve --dev`, and SQLite) and real
// (Apache Kafka and PostgreSQL, which LETHE_TEST_KAFKA and LETHE_TEST_POSTGRES name; a missing one fails the test). What a suite
// claims it reads from the topics, the records and the stores themselves.
//
//   - life_test.go, order_test.go, silent_test.go …: what becomes of a request, case by case;
//   - bad_test.go: what is no good is rejected, and stops nothing;
//   - processes_test.go, crash_test.go: every role as a process of its own, killed;
//   - trace_test.go: one trace through all of them;
//   - wait_test.go, usage_test.go: what the command prints, and how it ends.
package e2e
