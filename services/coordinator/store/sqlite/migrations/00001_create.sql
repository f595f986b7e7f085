-- Tables of a coordinator that has its database in a file: those of PostgreSQL without partitions. Instants are microseconds since
-- 1970, request ids their text.

-- +goose Up

CREATE TABLE request_key (
	tenant      TEXT NOT NULL,
	request_id  TEXT NOT NULL,
	content_mac BLOB NOT NULL,
	sealed_at   INTEGER,
	PRIMARY KEY (tenant, request_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE admission (last INTEGER NOT NULL) STRICT; -- the last admission number, in its only row
INSERT INTO admission (last) VALUES (0);

-- The part of an open request that moves. It and the next have row ids of their own, so that what a batch admits lies side by
-- side; only the small index is in random order.
CREATE TABLE request (
	tenant     TEXT    NOT NULL,
	request_id TEXT    NOT NULL,
	seq        INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	wake_at    INTEGER,
	due_at     INTEGER,
	state      TEXT    NOT NULL,
	kind       TEXT    NOT NULL,
	progress   BLOB    NOT NULL, -- JSON, as frozen
	UNIQUE (tenant, request_id)
) STRICT;
CREATE INDEX request_wake_at ON request (wake_at) WHERE wake_at IS NOT NULL;

-- The part that (nearly) never changes.
CREATE TABLE request_detail (
	tenant      TEXT NOT NULL,
	request_id  TEXT NOT NULL,
	trace       TEXT NOT NULL,
	refs        BLOB NOT NULL, -- all pseudonyms, each after its length
	identifiers BLOB,
	frozen      BLOB NOT NULL,
	UNIQUE (tenant, request_id)
) STRICT;

CREATE TABLE request_subject (
	tenant     TEXT NOT NULL,
	ref        BLOB NOT NULL,
	request_id TEXT NOT NULL,
	PRIMARY KEY (tenant, ref, request_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE step (
	tenant     TEXT    NOT NULL,
	request_id TEXT    NOT NULL,
	phase      TEXT    NOT NULL,
	round      INTEGER NOT NULL,
	system     TEXT    NOT NULL,
	attempt    INTEGER NOT NULL,
	rank       INTEGER NOT NULL,
	state      TEXT    NOT NULL,
	body       BLOB    NOT NULL,
	UNIQUE (tenant, request_id, phase, round, system)
) STRICT;

-- AUTOINCREMENT: an id is never given again, also when the outbox was empty in between.
CREATE TABLE outbox (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	created_at INTEGER NOT NULL,
	shard      INTEGER NOT NULL,
	body       BLOB    NOT NULL
) STRICT;
CREATE INDEX outbox_shard ON outbox (shard, id);

CREATE TABLE outbox_parked (
	sha256    BLOB    NOT NULL PRIMARY KEY, -- of body
	parked_at INTEGER NOT NULL,
	code      TEXT    NOT NULL,
	topic     TEXT    NOT NULL,
	shard     INTEGER NOT NULL,
	body      BLOB    NOT NULL
) STRICT;

CREATE TABLE source_offset (
	topic       TEXT    NOT NULL,
	partition   INTEGER NOT NULL,
	next_offset INTEGER NOT NULL,
	PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE rejection (
	topic        TEXT    NOT NULL,
	partition    INTEGER NOT NULL,
	"offset"     INTEGER NOT NULL,
	tenant       TEXT    NOT NULL,
	request_id   TEXT,
	kind         TEXT    NOT NULL,
	reason       TEXT    NOT NULL,
	message      TEXT    NOT NULL,
	sha256       BLOB,
	received_at  INTEGER,
	due_at       INTEGER,
	rejected_at  INTEGER,
	environment  TEXT    NOT NULL,
	corrected_at INTEGER,
	PRIMARY KEY (topic, partition, "offset")
) STRICT;
CREATE INDEX rejection_open ON rejection (tenant, request_id) WHERE corrected_at IS NULL;
CREATE INDEX rejection_corrected_at ON rejection (corrected_at) WHERE corrected_at IS NOT NULL;

CREATE TABLE record (
	sealed_at       INTEGER NOT NULL,
	tenant          TEXT    NOT NULL,
	request_id      TEXT    NOT NULL,
	number          INTEGER NOT NULL,
	record_id       TEXT    NOT NULL,
	result          TEXT    NOT NULL,
	sha256          BLOB    NOT NULL,
	previous_sha256 BLOB,
	envelope        BLOB    NOT NULL,
	archive         BLOB    NOT NULL,
	UNIQUE (sealed_at, tenant, request_id, number)
) STRICT;
