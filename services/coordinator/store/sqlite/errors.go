package sqlite

import (
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// classify says what was done when err came and what it means to the caller. Messages of constraints name columns, never values.
func classify(what string, err error) error {
	if err == nil {
		return nil
	}
	var unavailable *store.UnavailableError
	var bad *store.BadRowError
	if errors.As(err, &unavailable) || errors.As(err, &bad) {
		return err
	}
	wrapped := fmt.Errorf("%s: %w", what, err)
	if errors.Is(err, sql.ErrConnDone) {
		return &store.UnavailableError{Err: wrapped}
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return wrapped
	}
	switch e.Code() & 0xff { // the rest is the extended code
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE:
		return &store.BadRowError{Err: wrapped}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM:
		return &store.UnavailableError{Err: wrapped}
	}
	return wrapped
}
