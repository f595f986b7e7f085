package roles

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// TestWhatTheStartWaitsFor: a database that is away or has no time is waited for; what a person must mend ends the start.
func TestWhatTheStartWaitsFor(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"a connection that is refused", responder.Unavailable(errors.New("dial")), true},
		{"a statement that took too long", &pgconn.PgError{Code: "57014"}, true},
		{"a lock that was not given", &pgconn.PgError{Code: "55P03"}, true},
		{"a statement that took too long on MariaDB", &mysql.MySQLError{Number: 1969}, true},
		{"a syntax error", &pgconn.PgError{Code: "42601"}, false},
		{"an unmapped catalogue", errors.New("table is not in the data map"), false},
	} {
		if got := away(fmt.Errorf("open: %w", c.err)); got != c.want {
			t.Errorf("%s is waited for: %t", c.name, got)
		}
	}
}
