CREATE TABLE IF NOT EXISTS lethe_ledger (
    tenant      varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    request_id  varchar(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `system`    varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    phase       varchar(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    round       int          NOT NULL,
    attempt     int          NOT NULL,
    state       varchar(16)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- claimed, delayed (deferred), failed, answered
    tries       bigint       NOT NULL, -- claims that found work
    settled     bigint       NOT NULL, -- what tries was when it was last settled
    resumed     boolean      NOT NULL DEFAULT false,
    first_at    bigint       NOT NULL, -- times: microseconds since 1970, UTC, 0 for none
    done_at     bigint       NOT NULL DEFAULT 0,
    due_at      bigint       NOT NULL DEFAULT 0,
    deferred_at bigint       NOT NULL DEFAULT 0,
    deadline    bigint       NOT NULL DEFAULT 0,
    ticket      varchar(4096) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    progress    longblob,              -- what the system wants to know when it goes on, sealed
    source      longblob,              -- the message, sealed as it came, while there is something left to do
    ack         longblob,              -- the acknowledgement as it is published
    evidence    longblob,
    PRIMARY KEY (tenant, request_id, `system`, phase, round),
    KEY lethe_ledger_due (`system`, due_at),
    KEY lethe_ledger_first (`system`, first_at)
) ENGINE = InnoDB;
