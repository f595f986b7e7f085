CREATE TABLE IF NOT EXISTS lethe_ledger (
    tenant      TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    system      TEXT    NOT NULL,
    phase       TEXT    NOT NULL,
    round       INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    state       TEXT    NOT NULL, -- claimed, delayed (deferred), failed, answered
    tries       INTEGER NOT NULL, -- claims that found work
    settled     INTEGER NOT NULL, -- what tries was when it was last settled
    resumed     INTEGER NOT NULL DEFAULT 0,
    first_at    INTEGER NOT NULL, -- times: microseconds since 1970, UTC; 0: none
    done_at     INTEGER NOT NULL DEFAULT 0,
    due_at      INTEGER NOT NULL DEFAULT 0,
    deferred_at INTEGER NOT NULL DEFAULT 0,
    deadline    INTEGER NOT NULL DEFAULT 0,
    ticket      TEXT    NOT NULL DEFAULT '',
    progress    BLOB,              -- what the system wants to know when it goes on, sealed
    source      BLOB,             -- the message, sealed as it came, while there is something left to do
    ack         BLOB,             -- the acknowledgement as it is published
    evidence    BLOB,
    PRIMARY KEY (tenant, request_id, system, phase, round)
);
CREATE INDEX IF NOT EXISTS lethe_ledger_due ON lethe_ledger (system, due_at) WHERE due_at > 0;
CREATE INDEX IF NOT EXISTS lethe_ledger_first ON lethe_ledger (system, first_at);
