package sql

import (
	"testing"

	my "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestWhatPasses: an error keeps what it means for a start when everything else is taken out of it.
func TestWhatPasses(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"a statement that took too long", &pgconn.PgError{Code: "57014"}, true},
		{"a deadlock", &pgconn.PgError{Code: "40P01"}, true},
		{"a statement that took too long on MariaDB", &my.MySQLError{Number: 1969}, true},
		{"a right that is missing", &pgconn.PgError{Code: "42501"}, false},
		{"a table that the data map does not know", ownErrorf("not in the data map"), false},
	} {
		if got := Passing(failed("read the catalogue", c.err)); got != c.want {
			t.Errorf("%s passes: %t", c.name, got)
		}
	}
}
