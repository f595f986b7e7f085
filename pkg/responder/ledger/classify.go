package ledger

import (
	"errors"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Classified gives err, as PostgreSQL, MySQL or SQLite returned it, its class of package responder.
//
// By SQLSTATE: what the values themselves cause (21, 22, 23) is permanent; a deadlock, a serialization failure or a
// time-out is transient; a connection, a shutdown, missing resources, rights or tables are unavailable, for they concern every
// request alike and must not make a dead letter of each.
func Classified(err error) error {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &my):
		switch mysqlClass(my) {
		case responder.ClassPermanent:
			return responder.Permanent(err)
		case responder.ClassUnavailable:
			return responder.Unavailable(err)
		}
		return responder.Transient(err)
	case errors.Is(err, mysql.ErrPktTooLarge): // half a batch may fit
		return responder.Transient(err)
	case errors.Is(err, mysql.ErrInvalidConn):
		return responder.Unavailable(err)
	case errors.As(err, &pg) && len(pg.Code) == 5:
		switch pg.Code[:2] {
		case "21", "22", "23":
			return responder.Permanent(err)
		case "40", "55":
			return responder.Transient(err)
		case "08", "53", "58", "42", "28", "3D", "3F", "25":
			return responder.Unavailable(err)
		case "57":
			if pg.Code == "57014" { // cancelled: by a time-out, or by us
				return responder.Transient(err)
			}
			return responder.Unavailable(err)
		}
		return responder.Transient(err)
	case errors.As(err, &lite):
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE:
			return responder.Permanent(err)
		case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_AUTH:
			return responder.Unavailable(err)
		}
		return responder.Transient(err)
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return responder.Unavailable(err)
	}
	return err
}

// mysqlClass is by SQLSTATE, too, save where it says nothing (HY000) or something else.
func mysqlClass(err *mysql.MySQLError) responder.Class {
	switch err.Number {
	case 1205, 1213, 1317, 1969, 3024, 1020, 1615: // lock time-out, deadlock, interrupted, statement time-out, changed since read, prepare again
		return responder.ClassTransient
	case 1406, 1264, 1265, 1366, 1048, 3819, 4025, 1364, 1411: // a value that does not fit its column or a CHECK
		return responder.ClassPermanent
	case 1021, 1030, 1040, 1041, 1053, 1114, 1129, 1130, 1135, 1194, 1203, 1226, 1290, 1665, 1792, 1836, 1927, 3168: // disk, memory, connections, shutdown, read only
		return responder.ClassUnavailable
	}
	if len(err.SQLState) != 5 {
		return responder.ClassTransient
	}
	switch string(err.SQLState[:2]) {
	case "21", "22", "23":
		return responder.ClassPermanent
	case "08", "28", "3D", "42", "70":
		return responder.ClassUnavailable
	}
	return responder.ClassTransient
}

// aborted reports whether PostgreSQL refuses everything until the transaction is rolled back.
func aborted(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "25P02"
}
