package ledger

import (
	"fmt"
	"time"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// sqliteJoin matches the ledger's row l with the JSON object j.value.
const sqliteJoin = `l.tenant = j.value->>'t' AND l.request_id = j.value->>'r' AND l.system = j.value->>'s' AND l.phase = j.value->>'p' AND l.round = j.value->>'n'`

// Every statement writes, also the one that only locks: a transaction that began by reading could not become the writer once
// another has written (SQLITE_BUSY_SNAPSHOT, at once and whatever the busy_timeout).
var sqliteStatements = statements{
	dialect:   SQLite,
	exists:    `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'lethe_ledger_version'`,
	serialise: `CREATE TABLE IF NOT EXISTS lethe_ledger_version (version integer PRIMARY KEY)`,
	// WHERE true keeps the parser from reading ON as the condition of a join.
	claimSQL: fmt.Sprintf(`INSERT INTO lethe_ledger AS l (tenant, request_id, system, phase, round, attempt, state, tries, settled, first_at)
SELECT j.value->>'t', j.value->>'r', j.value->>'s', j.value->>'p', j.value->>'n', j.value->>'a', 'claimed', 1, 0, ?2
FROM json_each(?1) AS j WHERE true
ON CONFLICT (tenant, request_id, system, phase, round) DO UPDATE SET tries = l.tries + `+found+`
RETURNING `+unaliased, "?3"),
	lockSQL: `UPDATE lethe_ledger AS l SET tries = l.tries FROM json_each(?1) AS j WHERE ` + sqliteJoin + ` RETURNING ` + unaliased,
	settleSQL: `UPDATE lethe_ledger AS l SET attempt = j.value->>'a', state = j.value->>'st', settled = l.tries, resumed = j.value->>'re', done_at = ?2,
	due_at = j.value->>'du', deferred_at = j.value->>'de', deadline = j.value->>'dl', ticket = j.value->>'ti',
	progress = unhex(j.value->>'pr'), source = unhex(j.value->>'so'), ack = unhex(j.value->>'ac'), evidence = unhex(j.value->>'ev')
FROM json_each(?1) AS j WHERE ` + sqliteJoin,
	dueSQL: `UPDATE lethe_ledger AS l SET due_at = ?3
WHERE l.rowid IN (SELECT rowid FROM lethe_ledger WHERE system = ?1 AND due_at > 0 AND due_at <= ?2 ORDER BY due_at LIMIT ?4)
RETURNING ` + unaliased,
	pubSQL: `UPDATE lethe_ledger AS l SET due_at = 0, source = NULL FROM json_each(?1) AS j WHERE ` + sqliteJoin + ` AND l.state IN ('answered', 'failed')`,
	trimSQL: `DELETE FROM lethe_ledger WHERE rowid IN (SELECT rowid FROM lethe_ledger
	WHERE system = ?1 AND first_at < ?2 AND done_at < ?2 AND due_at = 0 AND state IN ('answered', 'failed') LIMIT ?3)`,
	keys: jsonKeyArgs,
	claims: func(es []responder.Entry, at time.Time, mode responder.Mode) []any {
		return []any{jsonEntries(es), at.UnixMicro(), int(mode)}
	},
	settles: func(es []responder.Entry, at time.Time) []any { return []any{jsonEntries(es), at.UnixMicro()} },
	dues:    numberedDues,
	trims:   numberedTrims,
}

// unaliased are the columns as SQLite wants them in RETURNING, which knows no alias of the table.
const unaliased = `tenant, request_id, system, phase, round, attempt, state, tries, settled, resumed,
	first_at, done_at, due_at, deferred_at, deadline, ticket, progress, source, ack, evidence`
