// Package ledger keeps a responder's ledger in SQL: PostgreSQL (through pgx's database/sql driver), MariaDB and MySQL (opened by
// [OpenMySQL]) or SQLite (modernc).
//
// [InTransaction] serves a system that is this database: the claim, the effect and what is acknowledged are one transaction,
// which the system finds with [Tx]. Counts are exact whatever is killed when.
//
// [Beside] serves everything else. A claim is durable before the effect begins, so that a step whose process died in between
// is known to be one: it is then worked as resumed, and its counts are lower bounds.
//
// Tables are prefixed lethe_ and are made on first use, in the connection's current schema; where the role may not create
// tables, run [Schema] beforehand. A batch costs two statements ([Beside]: three), whatever its size; on MySQL, which returns
// nothing from a change, three (five). A Step holds one connection at a time, so that a pool of one is slow but never stuck.
//
// A rival that claims the same step blocks on its row until the first one's transaction ends, and then finds it settled. On
// SQLite, which has no row locks, it waits for the database's only writer: give each system's ledger a file of its own, open
// it with _txlock=immediate and a busy_timeout, and expect batches of one system to run one after the other.
//
// The dialect of MySQL is tested on MariaDB 10.11; it uses nothing that MySQL 8.0.4 has not. Its transactions run at READ
// COMMITTED, for which a binary log must be of the format ROW or MIXED, and making the tables commits by itself: it is done in a
// connection of its own. A step that waits too long or meets a deadlock is undone as a whole. A batch whose list of steps is larger
// than the server's max_allowed_packet is a transient error: halves of it fit.
//
// No personal data stands in the tables: request ids, system names, counts, sealed messages. Errors carry a class of package
// responder, by SQLSTATE or by the driver's code.
package ledger
