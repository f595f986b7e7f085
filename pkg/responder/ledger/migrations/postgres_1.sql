CREATE TABLE IF NOT EXISTS lethe_ledger (
    tenant      text     COLLATE "C" NOT NULL,
    request_id  text     COLLATE "C" NOT NULL,
    system      text     COLLATE "C" NOT NULL,
    phase       text     COLLATE "C" NOT NULL,
    round       integer  NOT NULL,
    attempt     integer  NOT NULL,
    state       text     NOT NULL, -- claimed, delayed (deferred), failed, answered
    tries       bigint   NOT NULL, -- claims that found work
    settled     bigint   NOT NULL, -- what tries was when it was last settled
    resumed     boolean  NOT NULL DEFAULT false,
    first_at    bigint   NOT NULL, -- times: microseconds since 1970, UTC; 0: none
    done_at     bigint   NOT NULL DEFAULT 0,
    due_at      bigint   NOT NULL DEFAULT 0,
    deferred_at bigint   NOT NULL DEFAULT 0,
    deadline    bigint   NOT NULL DEFAULT 0,
    ticket      text     NOT NULL DEFAULT '',
    progress    bytea,             -- what the system wants to know when it goes on, sealed
    source      bytea,             -- the message, sealed as it came, while there is something left to do
    ack         bytea,             -- the acknowledgement as it is published
    evidence    bytea,
    PRIMARY KEY (tenant, request_id, system, phase, round)
-- A row is written by the claim and once more when it settles, four times as long: the room left on a page lets that update
-- stay on the page and out of the indexes.
) WITH (fillfactor = 20);
CREATE INDEX IF NOT EXISTS lethe_ledger_due ON lethe_ledger (system, due_at) WHERE due_at > 0;
-- Trimming goes by first_at, which no update changes, so that settling stays a heap-only update.
CREATE INDEX IF NOT EXISTS lethe_ledger_first ON lethe_ledger (system, first_at);
