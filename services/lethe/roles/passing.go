package roles

import (
	"errors"
	"slices"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// passing reports whether a database only had no time: a lock or a statement took too long, or two waited for each other. What is
// read at the start is read again then.
func passing(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return slices.Contains([]string{"40001", "40P01", "55P03", "57014"}, pg.Code)
	}
	var my *mysql.MySQLError
	return errors.As(err, &my) && slices.Contains([]uint16{1205, 1213, 1317, 1969, 3024}, my.Number)
}
