// Package sql is the responder for relational databases: PostgreSQL, MariaDB and SQLite.
//
// [New] lays the data map over the live catalogue and makes, for each kind of subject, a plan: which tables hold rows of a
// person, how these are found, in which order they are deleted or masked. It refuses to start where both do not fit: a table or
// column that is not there, a foreign key to a person's rows that the map does not know, a mask that the column cannot take, a right that
// the role lacks. What changes in the catalogue later is noticed by the next transaction, by an export a tenth of a second
// later at most, and planned anew or refused (watch.go). [Survey]
// says the same and more to a person, [Draft] makes a first map, [System.Explain] shows the statements, [System.Grants] the rights.
//
// Everything is done for a whole batch at once. [System.Erase] fills a temporary table for each table with the rows that each
// dispatch reaches and erases them by one statement; [System.Verify] looks by statements of its own that change nothing (on SQLite with temporary tables, stage.go);
// [System.Resolve] and [System.Export] read. What the engines do differently stands in their dialects: names, lists as parameters,
// casts, the catalogue.
//
// A transaction takes at most Config.ChunkRows rows of a table. A batch that reaches more is halved; one person who has more is erased
// in chunks, each a transaction with its counts in the ledger (chunk.go). Tables that cannot be divided are worked whole: those whose
// rows refer to each other (every table of the kind, where references form a circle over several), those whose rows refer to rows that people may
// share, those from which rows are found that lose a reference and are the person's own as well, those whose rows stay and have no primary key or
// are found in several ways (divide.go).
//
// Identifiers are compared in their normal form. E-mail addresses are compared by lower(column), for which an index over that
// expression helps; what is not ASCII and telephone numbers are compared here, by Unicode's rules, against every row that may
// match. Other identifiers are compared as they are, whatever
// the collation of a column of MariaDB or SQLite says, and so are references that the map alone declares; a foreign key of the database goes by its own.
//
// Where rows name a person by a kind of identifier that neither the request nor the person's own rows supply, the line says not_searched and which kind,
// with the counts of what was found otherwise: keep that identifier in the person's row, or have upstream send it.
//
// Rows of other tables that hold the same identifier as a person's row are the person's where it is one: what stands in its place (an empty text, an
// address without @, a number of fewer than four digits, the constant of either field's string_rewrite) leads nowhere.
//
// # Inside of columns
//
// A field below a column is a path inside a document: of json and jsonb in PostgreSQL, of JSON (or text with the check JSON_VALID) in
// MariaDB, of text in SQLite. Where the path meets an array it means each element; of arrays directly in arrays, two are gone through. An
// identity there finds rows, a mask rewrites the values there and leaves every other one as it is (in json and in text every other
// byte), and an export leaves out what lethe.export_exclude names there. null_rewrite makes one null of the value, also of an array; the
// other masks take each element. Numbers and booleans become the value of a string_rewrite as such where it is one, else text.
//
// An identity in a column of an array type (PostgreSQL: text[], int[] …) finds the rows where an element equals the identifier.
//
// No index helps there: every batch reads the table. A reference from inside a document or an array is refused, and so is an identity of the
// person's own row from which others would have to be found; only those of the person's own row answer a resolution, since a document of
// another row may name many people. A mask of a text in SQLite that is no document is an error, and its request a dead letter. An
// array is masked as a whole, by null_rewrite or string_rewrite ('{}').
//
// # Free text
//
// In the columns that lethe.free_text lists, the act searches the person's rows that stay, and the look searches every row, for what is known
// of the person: the identifiers at hand, and what the erasure takes from text columns of the person's own row under user.name,
// user.contact (save city, state, country and postal code), user.account.username and user.government_id. A line says how many rows of which
// column hold a value of which kind, never the value, and such a line is never anonymised; what a look finds there is no remainder, since no
// further round would erase it. Values are found as parts of words, too, whatever the case of their ASCII letters. Not searched for are values
// with fewer than 4 characters, with fewer than 6 that are all digits, or with more than 200, which the line says, and what comes after the first
// 50 of a person. One statement for each collection and batch reads the whole of these columns at every look.
//
// # Retention
//
// Where a ground names the field with the day of a row (from_field), the line's until is the latest over the person's rows of the collection that
// stay; a row without such a day counts from the erasure. SQLite's days are text as ISO 8601 has it.
//
// # Triggers, inheritance, constraints
//
// A trigger or a rule that keeps a row, or writes a masked value back, fails the step: what was changed is counted, and where a table has triggers its
// masked rows are read once more. What a trigger copies elsewhere is found by the looks, where the map names that table; erase it
// there in the next round. A table that inherits from one of the map, or is a partition of one, is read through it and must not be named as
// well. A mask that a CHECK or a foreign key refuses whatever else the row holds is refused at the start, as far as the database can say so without
// one (not where a trigger, a rule or heirs stand in between, where a CHECK mentions a column without a mask, nor on SQLite for a CHECK); else the step
// fails, and is undone. A constant in a column with a foreign key must be the key of a row that is there before the start. Deferred constraints are checked at the end of each step. Materialised views are not refreshed: they hold what was erased until somebody does.
//
// # Locks, time-outs, sessions
//
// An erasure waits for a row that the application holds for [Config.LockTimeout], and may spend [Config.StatementTimeout] in a statement. A
// deadlock, a serialization failure and either time-out are transient, and so is a change that took more or fewer rows than were counted right before it: the transaction is undone as a whole, begun again, and the batch
// halved until what is at fault stands alone, which is then deferred. Transactions that erase run at READ COMMITTED whatever the default of the role
// or the database is. On PostgreSQL every setting is one of the transaction. On MariaDB, which knows none, a session keeps: time_zone +00:00, a strict
// sql_mode, innodb_lock_wait_timeout, lock_wait_timeout, max_recursive_iterations, foreign_key_checks 1, sql_safe_updates 0 and max_statement_time; each
// transaction sets them anew.
//
// Exports read from a replica where one is configured and has caught up ([Config.Replica]). On PostgreSQL set hot_standby_feedback there, or a
// long export may be cancelled in favour of the replay. On MariaDB the primary must write a binary log and the replica be read_only and replicate by
// GTID; neither question needs a right. Everything else, looks above all, reads the primary.
//
// Through PgBouncer in transaction mode it works, the ledger included, as nothing outlives a transaction; the URL must end in
// default_query_exec_mode=exec, so that no statement is prepared, and PgBouncer takes no search_path from it: name schemas in the data map,
// and give the role the ledger's (ALTER ROLE … SET search_path).
//
// # MariaDB
//
// [MySQL] means MariaDB 10.11 or newer, opened by [ledger.OpenMySQL] with a database in its URL. MySQL itself is refused: it cannot
// name a temporary table twice in one statement. A data map's namespace names the database as schema or database.
//
// Identifiers and references that the map alone declares are compared byte by byte, whatever the collation thinks of case, accents
// and spaces at the end; only a foreign key of the database is followed as the database compares it. E-mail addresses find their
// index over a collation such as utf8mb4_unicode_ci; with one that tells upper from lower case every batch reads the table.
//
// InnoDB checks a reference as each row goes. References within a table are set to null first; where they take no null, the rows go
// from the leaves up, and a circle of them is refused. [New] refuses, by name, a table that has neither a primary key nor a
// unique one without null (an INVISIBLE column with AUTO_INCREMENT is enough), one whose engine has no transactions, and one that
// keeps the history of its rows. A binary identifier is refused as well.
//
// The role's rights, where lethe.erase says what is done to a table ([System.Grants] writes them, by the column):
//
//	GRANT SELECT, CREATE TEMPORARY TABLES ON shop.* TO lethe;   -- all of the database, or a foreign key would go unseen: New looks
//	GRANT DELETE ON shop.messages TO lethe;                     -- delete; with UPDATE where the table refers to itself
//	GRANT UPDATE ON shop.customers TO lethe;                    -- anonymise, detach
//	GRANT INSERT, UPDATE, DELETE ON shop.lethe_ledger TO lethe; -- for a ledger in the database, whose tables ledger.Schema makes
//
// A foreign key from another database is seen only if the role may see the table that holds it: grant SELECT there, too. The binary
// log, if there is one, must have the format ROW or MIXED. It, like a replica, holds what was erased until it is purged: the map
// says by when (lethe.physical).
//
// No value of a row stands in an error: codes and the names of tables, columns and constraints alone.
package sql
