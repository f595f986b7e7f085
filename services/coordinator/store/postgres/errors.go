package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// errAgain makes a transaction begin again: what it read was changed by another one before it could lock it.
var errAgain = errors.New("another transaction was faster")

// SQLSTATEs, https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	stateDeadlock      = "40P01"
	stateSerialization = "40001"
	stateLock          = "55P03" // lock_timeout
	stateCheck         = "23514" // also: no partition for the row
)

// again reports whether the transaction may succeed when it is run once more.
func again(err error) bool {
	if errors.Is(err, errAgain) {
		return true
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == stateDeadlock || pg.Code == stateSerialization || pg.Code == stateLock)
}

// noPartition reports whether a record found no partition for its month.
func noPartition(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == stateCheck && pg.TableName == "record" && pg.ConstraintName == ""
}

// classify says what was done when err came and what it means to the caller.
func classify(what string, err error) error {
	if err == nil {
		return nil
	}
	var unavailable *store.UnavailableError
	var bad *store.BadRowError
	if errors.As(err, &unavailable) || errors.As(err, &bad) {
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		err = fmt.Errorf("%s: %w", what, &sqlError{pg})
		switch {
		case slices.Contains([]string{"21", "22", "23"}, pg.Code[:2]):
			return &store.BadRowError{Err: err}
		case slices.Contains([]string{"08", "53", "57"}, pg.Code[:2]) && pg.Code != "57014", // 57014: somebody cancelled the statement
			pg.Code[:2] == "28", // credentials that expired, or are being changed
			pg.Code == "25P03",  // idle in transaction for too long: the connection is gone
			pg.Code == "25006",  // a standby after a failover
			pg.Code == "58000", pg.Code == "58030":
			return &store.UnavailableError{Err: err}
		}
		return err
	}
	err = fmt.Errorf("%s: %w", what, err)
	if errors.Is(err, context.Canceled) {
		return err
	}
	var network net.Error
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) {
		return &store.UnavailableError{Err: err}
	}
	return err
}

// sqlError shows what may be shown of a server's error: its message can quote the value at fault.
type sqlError struct{ pg *pgconn.PgError }

func (e *sqlError) Error() string {
	var b strings.Builder
	b.WriteString("SQLSTATE " + e.pg.Code)
	switch e.pg.Code[:2] {
	case "21", "22", "23":
	default:
		b.WriteString(" (" + e.pg.Message + ")")
	}
	if e.pg.TableName != "" {
		b.WriteString(", table " + e.pg.TableName)
	}
	if e.pg.ConstraintName != "" {
		b.WriteString(", constraint " + e.pg.ConstraintName)
	}
	return b.String()
}

func (e *sqlError) Unwrap() error { return e.pg }
