-- Tables of a coordinator. Names are unqualified: the connection's search_path is the schema.
--
-- Text in a key has the collation "C", so that SQL sorts as Go does. Keys begin with the request id or the pseudonym: one comparison
-- of fixed length nearly always decides, where the tenant first would have to be compared every time.
-- Documents are text and not jsonb, which refuses an escaped NUL and parses what nobody queries; cast one to jsonb to look at it.

-- +goose Up

-- Every request id ever taken, for good: small rows, found by key alone. A unique key must hold the partition column, which rules
-- out partitions by time. The fill factor leaves room for the one update of each row, at the seal.
CREATE TABLE request_key (
	tenant      text COLLATE "C" NOT NULL,
	request_id  uuid             NOT NULL,
	content_mac bytea            NOT NULL,
	sealed_at   timestamptz,
	PRIMARY KEY (request_id, tenant)
) PARTITION BY HASH (request_id);

-- +goose StatementBegin
DO $$
BEGIN
	FOR i IN 0..15 LOOP
		EXECUTE format('CREATE TABLE request_key_%s PARTITION OF request_key FOR VALUES WITH (MODULUS 16, REMAINDER %s) WITH (fillfactor = 85)', i, i);
	END LOOP;
END $$;
-- +goose StatementEnd

-- Admission numbers come in blocks of store.MaxSeq, one for each transaction.
CREATE SEQUENCE admission_block AS bigint;

-- Open requests, the part that moves. Half of each page is kept free: the requests of one batch lie side by side and are updated
-- together, and as long as the new versions fit in the page no index is touched.
CREATE TABLE request (
	seq        bigint           NOT NULL,
	version    bigint           NOT NULL,
	rev        bigint           NOT NULL, -- new with every write of the request, its details or steps; wake_at alone leaves it
	wake_at    timestamptz,
	due_at     timestamptz,
	request_id uuid             NOT NULL,
	tenant     text COLLATE "C" NOT NULL,
	state      text COLLATE "C" NOT NULL,
	kind       text COLLATE "C" NOT NULL,
	progress   text             NOT NULL,
	PRIMARY KEY (request_id, tenant)
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
CREATE INDEX request_wake_at ON request (wake_at) WHERE wake_at IS NOT NULL;

-- The part of an open request that (nearly) never changes, apart, so that it is not copied with every step.
CREATE TABLE request_detail (
	request_id  uuid             NOT NULL,
	tenant      text COLLATE "C" NOT NULL,
	trace       text             NOT NULL,
	refs        bytea            NOT NULL, -- all pseudonyms, each after its length
	identifiers bytea,
	frozen      text             NOT NULL,
	PRIMARY KEY (request_id, tenant)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- The lock rows of persons: a row means nothing but the lock on it, see Upkeep.
CREATE TABLE subject (
	tenant text COLLATE "C" NOT NULL,
	ref    bytea            NOT NULL,
	PRIMARY KEY (ref, tenant)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

CREATE TABLE request_subject (
	tenant     text COLLATE "C" NOT NULL,
	ref        bytea            NOT NULL,
	request_id uuid             NOT NULL,
	PRIMARY KEY (ref, tenant, request_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- The accepted acknowledgements of open requests.
CREATE TABLE step (
	request_id uuid             NOT NULL,
	round      integer          NOT NULL,
	attempt    integer          NOT NULL,
	rank       smallint         NOT NULL,
	tenant     text COLLATE "C" NOT NULL,
	system     text COLLATE "C" NOT NULL,
	phase      text COLLATE "C" NOT NULL,
	state      text COLLATE "C" NOT NULL,
	body       bytea            NOT NULL,
	PRIMARY KEY (request_id, tenant, phase, round, system)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- What is to be published: all messages of one shard from one transaction in a row.
CREATE TABLE outbox (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	created_at timestamptz NOT NULL DEFAULT now(),
	shard      smallint    NOT NULL,
	size       integer     NOT NULL, -- of body, in bytes
	body       bytea       NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off,
	toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 1000, toast.autovacuum_vacuum_cost_delay = 0, toast.vacuum_truncate = off);
ALTER TABLE outbox ALTER COLUMN body SET STORAGE EXTERNAL; -- sealed bytes do not compress, and the row lives for milliseconds
CREATE INDEX outbox_shard ON outbox (shard, id);

-- Messages that the broker refused for good.
CREATE TABLE outbox_parked (
	sha256    bytea       NOT NULL PRIMARY KEY, -- of body
	parked_at timestamptz NOT NULL DEFAULT now(),
	code      text        NOT NULL,
	topic     text        NOT NULL,
	shard     smallint    NOT NULL,
	body      bytea       NOT NULL
);

CREATE TABLE source_offset (
	topic       text COLLATE "C" NOT NULL,
	partition   integer          NOT NULL,
	next_offset bigint           NOT NULL,
	PRIMARY KEY (topic, partition)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

CREATE TABLE rejection (
	topic        text COLLATE "C" NOT NULL,
	partition    integer          NOT NULL,
	"offset"     bigint           NOT NULL,
	tenant       text COLLATE "C" NOT NULL,
	request_id   uuid,
	kind         text             NOT NULL,
	reason       text             NOT NULL,
	message      text             NOT NULL,
	sha256       bytea,
	received_at  timestamptz,
	due_at       timestamptz,
	rejected_at  timestamptz,
	environment  text             NOT NULL,
	corrected_at timestamptz,
	PRIMARY KEY (topic, partition, "offset")
);
CREATE INDEX rejection_open ON rejection (request_id, tenant) WHERE corrected_at IS NULL;
CREATE INDEX rejection_corrected_at ON rejection (corrected_at) WHERE corrected_at IS NOT NULL;

-- Sealed requests, a partition a month, made ahead by the program. A record is found by request_key.sealed_at, so the key begins
-- with it: records are appended at the right edge of the index, wherever their ids lie.
CREATE TABLE record (
	sealed_at       timestamptz      NOT NULL,
	request_id      uuid             NOT NULL,
	number          integer          NOT NULL,
	tenant          text COLLATE "C" NOT NULL,
	record_id       text             NOT NULL,
	result          text             NOT NULL,
	sha256          bytea            NOT NULL,
	previous_sha256 bytea,
	envelope        bytea            NOT NULL,
	archive         bytea            NOT NULL,
	PRIMARY KEY (sealed_at, request_id, tenant, number)
) PARTITION BY RANGE (sealed_at);
ALTER TABLE record ALTER COLUMN envelope SET STORAGE EXTERNAL; -- base64 hides what could be compressed

-- lz4 is several times faster than pglz; a server built without it keeps the default.
-- +goose StatementBegin
DO $$
BEGIN
	ALTER TABLE record ALTER COLUMN archive SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
	NULL;
END $$;
-- +goose StatementEnd
