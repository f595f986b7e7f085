// Package servers starts the real servers that the integration tests, the benchmarks and the kill tests talk to: an Apache
// Kafka broker, a PostgreSQL and a MariaDB server, a PgBouncer, as child processes on 127.0.0.1, without Docker.
//
// A server has its own free ports and its own directory, so that several runs on one machine do not meet. It dies with the
// program that started it, however that program ends (see process.go). [Server.Kill] is a power cut, [Server.Restart]
// brings the same data back under the same address.
//
// What is missing is fetched: Kafka's jars by Maven into a cache ([CacheDir]), Java, Maven, PostgreSQL, MariaDB and PgBouncer by apt-get where
// the program runs as root on a Debian. What cannot be had is an error that says what to install.
//
// These servers are for tests: no passwords, no TLS, and the databases do not sync to disk unless [Options].Fsync says so.
package servers
