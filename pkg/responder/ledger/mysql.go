package ledger

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// mysqlKeys reads a JSON array of keys, mysqlEntries one of entries.
var (
	mysqlKeys    = mysqlTable(mysqlKeyColumns)
	mysqlEntries = mysqlTable(mysqlKeyColumns + `, attempt int PATH '$.a', state varchar(64) PATH '$.st', resumed int PATH '$.re',
	due_at bigint PATH '$.du', deferred_at bigint PATH '$.de', deadline bigint PATH '$.dl', ticket longtext` + mysqlBinary + ` PATH '$.ti',
	progress longtext PATH '$.pr', source longtext PATH '$.so', ack longtext PATH '$.ac', evidence longtext PATH '$.ev'`)
)

const (
	mysqlBinary = ` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`
	// Longer than the table's columns: what does not fit is cut here without a word, and refused there.
	mysqlKeyColumns = `tenant varchar(1000)` + mysqlBinary + ` PATH '$.t', request_id varchar(1000)` + mysqlBinary + ` PATH '$.r', ` +
		"`system` varchar(1000)" + mysqlBinary + ` PATH '$.s', phase varchar(1000)` + mysqlBinary + ` PATH '$.p', round int PATH '$.n'`
	// mysqlJoin finds the ledger's rows of a list c. Neither the order nor the index is left to the optimizer: where the table is
	// small it would read all of it, and wait for rows that others hold.
	mysqlJoin = " STRAIGHT_JOIN lethe_ledger AS l FORCE INDEX (PRIMARY) ON l.tenant = c.tenant AND l.request_id = c.request_id AND l.`system` = c.`system` " +
		`AND l.phase = c.phase AND l.round = c.round`
)

func mysqlTable(columns string) string { return `JSON_TABLE(?, '$[*]' COLUMNS (` + columns + `)) AS c` }

// MySQL has no RETURNING (MariaDB's knows no UPDATE), so that a claim is followed by a read: the rows are locked by then.
//
// READ COMMITTED, for what the PostgreSQL statements mean: each statement sees what was committed before it, and no gap
// between two rows is locked, in which the next batch would want to insert. A statement that waits too long (1205) is undone
// alone, a deadlock (1213) undoes everything: either way the step gives up and its transaction is rolled back.
var mysqlStatements = statements{
	dialect:   MySQL,
	clock:     `SELECT UNIX_TIMESTAMP() * 1000000 + MICROSECOND(NOW(6))`, // of NOW it would be an hour off when summer time ends, in a session that has it
	begin:     &sql.TxOptions{Isolation: sql.LevelReadCommitted},
	begun:     `SET innodb_lock_wait_timeout = 3600`, // a rival is waited for as long as it works, not for the server's 50 s
	exists:    `SELECT count(*) > 0 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'lethe_ledger_version'`,
	serialise: `SELECT GET_LOCK(CONCAT('lethe_ledger/', SHA1(DATABASE())), 60)`,
	release:   `DO RELEASE_LOCK(CONCAT('lethe_ledger/', SHA1(DATABASE())))`,
	claimSQL: "INSERT INTO lethe_ledger (tenant, request_id, `system`, phase, round, attempt, state, tries, settled, first_at)\n" +
		"SELECT c.tenant, c.request_id, c.`system`, c.phase, c.round, c.attempt, 'claimed', 1, 0, ? FROM " + mysqlTable(`pos FOR ORDINALITY, `+mysqlKeyColumns+`, attempt int PATH '$.a'`) +
		"\nORDER BY c.pos\nON DUPLICATE KEY UPDATE tries = lethe_ledger.tries + " +
		strings.NewReplacer("l.", "lethe_ledger.", "excluded.attempt", "VALUES(attempt)").Replace(fmt.Sprintf(found, "?")),
	claimed: `SELECT ` + columns + ` FROM ` + mysqlKeys + mysqlJoin,
	lockSQL: `SELECT ` + columns + ` FROM ` + mysqlKeys + mysqlJoin + ` FOR UPDATE`,
	settleSQL: `UPDATE ` + mysqlEntries + mysqlJoin + ` SET l.attempt = c.attempt, l.state = c.state, l.settled = l.tries, l.resumed = c.resumed, l.done_at = ?,
	l.due_at = c.due_at, l.deferred_at = c.deferred_at, l.deadline = c.deadline, l.ticket = c.ticket,
	l.progress = UNHEX(c.progress), l.source = UNHEX(c.source), l.ack = UNHEX(c.ack), l.evidence = UNHEX(c.evidence)`,
	dueSQL: `SELECT ` + columns + ` FROM lethe_ledger AS l FORCE INDEX (lethe_ledger_due)` +
		" WHERE l.`system` = ? AND l.due_at > 0 AND l.due_at <= ? ORDER BY l.due_at LIMIT ? FOR UPDATE SKIP LOCKED",
	leaseSQL: `UPDATE ` + mysqlKeys + mysqlJoin + ` SET l.due_at = ?`,
	pubSQL:   `UPDATE ` + mysqlKeys + mysqlJoin + ` SET l.due_at = 0, l.source = NULL WHERE l.state IN ('answered', 'failed')`,
	trimSQL: "DELETE FROM lethe_ledger WHERE `system` = ? AND first_at < ? AND done_at < ? AND due_at = 0 AND state IN ('answered', 'failed') " +
		"ORDER BY `system`, first_at LIMIT ?",
	keys: jsonKeyArgs,
	claims: func(es []responder.Entry, at time.Time, mode responder.Mode) []any {
		return []any{at.UnixMicro(), jsonEntries(es), int(mode), int(mode)}
	},
	settles: func(es []responder.Entry, at time.Time) []any { return []any{jsonEntries(es), at.UnixMicro()} },
	dues:    func(system string, at, _ time.Time, limit int) []any { return []any{system, at.UnixMicro(), limit} },
	trims:   func(system string, before int64, limit int) []any { return []any{system, before, before, limit} },
}
