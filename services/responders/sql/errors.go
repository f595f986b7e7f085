package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	my "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

// failed says what was being done, gives the error its class and takes everything out of it that a database may have quoted of
// a row: what is left are codes and the names of tables, columns and constraints.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	class := responder.Classify(ledger.Classified(err))
	if c, ok := ownClass(err); ok {
		class = c
	}
	err = fmt.Errorf("%s: %w", doing, stripped(err))
	switch class {
	case responder.ClassUnavailable:
		return responder.Unavailable(err)
	case responder.ClassPermanent:
		return responder.Permanent(err)
	}
	return responder.Transient(err)
}

// Passing reports whether err is of the database, which only had no time or was in its own way: a time-out, a deadlock, a file that is
// locked. [New] may be called again then.
func Passing(err error) bool {
	var e databaseError
	return errors.As(err, &e) && responder.Classify(err) == responder.ClassTransient
}

// ownClass is more careful than the ledger where the application works beside us: a row that came to refer to the person
// while they were erased, or a mask that met a value of its own kind, is gone when the batch is repeated.
func ownClass(err error) (responder.Class, bool) {
	var pg *pgconn.PgError
	var maria *my.MySQLError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &maria) && (maria.Number == 1451 || maria.Number == 1452 || maria.Number == 1062):
		return responder.ClassTransient, true
	case errors.As(err, &pg) && (pg.Code == "23503" || pg.Code == "23505"):
		return responder.ClassTransient, true
	case errors.As(err, &lite) && (lite.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY || lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE):
		return responder.ClassTransient, true
	}
	return "", false
}

// databaseError is what may be repeated of an error of the database.
type databaseError string

func (e databaseError) Error() string { return string(e) }

// quoting lists the SQLSTATE classes whose messages never hold values: they are about connections, rights, names and locks.
const quoting = "08 25 28 3D 3F 40 42 53 54 55 57 58"

// naming lists the errors of MariaDB whose messages hold names alone: of tables, columns, constraints and users.
var naming = []uint16{
	1020, 1040, 1044, 1045, 1046, 1048, 1049, 1053, 1054, 1114, 1129, 1130, 1142, 1143, 1146, 1205, 1213, 1227, 1290, 1317, 1364, 1406, 1451, 1452,
	1665, 1792, 1927, 1969, 4025,
}

func stripped(err error) error {
	var pg *pgconn.PgError
	var maria *my.MySQLError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &maria):
		s := fmt.Sprintf("MariaDB error %d", maria.Number)
		if slices.Contains(naming, maria.Number) {
			s += ", " + maria.Message
		}
		return databaseError(s)
	case errors.As(err, &pg):
		s := "SQLSTATE " + pg.Code
		if len(pg.Code) == 5 && strings.Contains(quoting, pg.Code[:2]) {
			s += ", " + pg.Message
		}
		if pg.Code == "42P05" || pg.Code == "26000" {
			s += ": a pooler in transaction mode gives a statement to a session that did not prepare it; add default_query_exec_mode=exec to the database's URL"
		}
		for _, part := range [][2]string{{"table", pg.TableName}, {"column", pg.ColumnName}, {"constraint", pg.ConstraintName}} {
			if part[1] != "" {
				s += ", " + part[0] + " " + part[1]
			}
		}
		return databaseError(s)
	case errors.As(err, &lite):
		if lite.Code() == sqlite3.SQLITE_CONSTRAINT_TRIGGER { // what a trigger raises is up to the trigger
			return databaseError(fmt.Sprintf("SQLite code %d, raised by a trigger", lite.Code()))
		}
		return databaseError(strings.TrimPrefix(lite.Error(), "SQL logic error: "))
	case known(err):
		return err
	}
	return databaseError(fmt.Sprintf("an error of type %T", innermost(err)))
}

// known reports whether the error is one of a connection, of this package, or of a context.
func known(err error) bool {
	for _, target := range []error{context.Canceled, context.DeadlineExceeded, driver.ErrBadConn, my.ErrInvalidConn, my.ErrPktTooLarge, sql.ErrConnDone, sql.ErrTxDone, net.ErrClosed} {
		if errors.Is(err, target) {
			return true
		}
	}
	var op net.Error
	var connect *pgconn.ConnectError
	var own ownError
	return errors.As(err, &op) || errors.As(err, &connect) || errors.As(err, &own)
}

// ownError is an error of this package's making, which holds no values.
type ownError string

func (e ownError) Error() string { return string(e) }

func ownErrorf(format string, args ...any) error { return ownError(fmt.Sprintf(format, args...)) }

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
