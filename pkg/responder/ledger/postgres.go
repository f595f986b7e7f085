package ledger

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

const postgresKeys = `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[])`

var postgresStatements = statements{
	dialect: Postgres,
	// Whatever the role's default: the claim waits for a rival and then must see what it left, and so must the system that works in this
	// transaction.
	begin:  &sql.TxOptions{Isolation: sql.LevelReadCommitted},
	clock:  `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)`,
	exists: `SELECT to_regclass('lethe_ledger_version') IS NOT NULL`,
	// One number for all schemas of a database: two of them wait for each other needlessly, once.
	serialise: `SELECT pg_advisory_xact_lock(7813045201944467); CREATE TABLE IF NOT EXISTS lethe_ledger_version (version integer PRIMARY KEY)`,
	// The order of the insert is the order of the locks. DO UPDATE rather than DO NOTHING: it locks a row that is there, too,
	// and returns it as the rival that held it left it.
	claimSQL: fmt.Sprintf(`INSERT INTO lethe_ledger AS l (tenant, request_id, system, phase, round, attempt, state, tries, settled, first_at)
SELECT c.tenant, c.request_id, c.system, c.phase, c.round, c.attempt, 'claimed', 1, 0, $7::bigint
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::int[]) WITH ORDINALITY AS c(tenant, request_id, system, phase, round, attempt, n)
ORDER BY c.n
ON CONFLICT (tenant, request_id, system, phase, round) DO UPDATE SET tries = l.tries + `+found+`
RETURNING `+columns, "$8::int"),
	lockSQL: `SELECT ` + columns + ` FROM lethe_ledger AS l
WHERE (l.tenant, l.request_id, l.system, l.phase, l.round) IN (SELECT * FROM ` + postgresKeys + `)
ORDER BY l.tenant, l.request_id, l.system, l.phase, l.round FOR UPDATE`,
	settleSQL: `UPDATE lethe_ledger AS l SET attempt = s.attempt, state = s.state, settled = l.tries, resumed = s.resumed, done_at = $17,
	due_at = s.due_at, deferred_at = s.deferred_at, deadline = s.deadline, ticket = s.ticket, progress = s.progress, source = s.source, ack = s.ack, evidence = s.evidence
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $7::text[], $8::boolean[], $9::bigint[], $10::bigint[], $11::bigint[],
	$12::text[], $13::bytea[], $14::bytea[], $15::bytea[], $16::bytea[]) AS s(tenant, request_id, system, phase, round, attempt, state, resumed, due_at, deferred_at, deadline,
	ticket, progress, source, ack, evidence)
WHERE l.tenant = s.tenant AND l.request_id = s.request_id AND l.system = s.system AND l.phase = s.phase AND l.round = s.round`,
	dueSQL: `UPDATE lethe_ledger AS l SET due_at = $3
FROM (SELECT tenant, request_id, system, phase, round FROM lethe_ledger
	WHERE system = $1 AND due_at > 0 AND due_at <= $2 ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED) AS d
WHERE l.tenant = d.tenant AND l.request_id = d.request_id AND l.system = d.system AND l.phase = d.phase AND l.round = d.round
RETURNING ` + columns,
	pubSQL: `UPDATE lethe_ledger AS l SET due_at = 0, source = NULL FROM ` + postgresKeys + ` AS k(tenant, request_id, system, phase, round)
WHERE l.tenant = k.tenant AND l.request_id = k.request_id AND l.system = k.system AND l.phase = k.phase AND l.round = k.round
	AND l.state IN ('answered', 'failed')`,
	trimSQL: `DELETE FROM lethe_ledger WHERE ctid IN (SELECT ctid FROM lethe_ledger
	WHERE system = $1 AND first_at < $2 AND done_at < $2 AND due_at = 0 AND state IN ('answered', 'failed') LIMIT $3)`,
	keys: postgresKeyArgs,
	claims: func(es []responder.Entry, at time.Time, mode responder.Mode) []any {
		return append(postgresClaimArgs(es), at.UnixMicro(), int(mode))
	},
	settles: func(es []responder.Entry, at time.Time) []any { return append(postgresSettleArgs(es), at.UnixMicro()) },
	dues:    numberedDues,
	trims:   numberedTrims,
}

func postgresKeyArgs(keys []dsr.Key) []any {
	tenants, ids, systems, phases, rounds := make([]string, len(keys)), make([]string, len(keys)), make([]string, len(keys)), make([]string, len(keys)), make([]int32, len(keys))
	for i, k := range keys {
		tenants[i], ids[i], systems[i], phases[i], rounds[i] = k.Tenant, string(k.RequestID), k.System, string(k.Phase), k.Round
	}
	return []any{tenants, ids, systems, phases, rounds}
}

func postgresClaimArgs(entries []responder.Entry) []any {
	attempts := make([]int32, len(entries))
	for i, e := range entries {
		attempts[i] = e.Attempt
	}
	return append(postgresKeyArgs(entryKeys(entries)), attempts)
}

func postgresSettleArgs(entries []responder.Entry) []any {
	n := len(entries)
	states, tickets, resumed := make([]string, n), make([]string, n), make([]bool, n)
	due, deferred, deadline := make([]int64, n), make([]int64, n), make([]int64, n)
	progress, source, ack, evidence := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
	for i, e := range entries {
		states[i], tickets[i], resumed[i] = string(e.State), e.Ticket, e.Resumed
		due[i], deferred[i], deadline[i] = micros(e.DueAt), micros(e.DeferredAt), micros(e.Deadline)
		progress[i], source[i], ack[i], evidence[i] = e.Progress, e.Source, e.Ack, e.Evidence
	}
	return append(postgresClaimArgs(entries), states, resumed, due, deferred, deadline, tickets, progress, source, ack, evidence)
}

func entryKeys(entries []responder.Entry) []dsr.Key {
	keys := make([]dsr.Key, len(entries))
	for i, e := range entries {
		keys[i] = e.Key
	}
	return keys
}
