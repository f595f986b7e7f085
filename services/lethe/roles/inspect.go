package roles

import (
	"database/sql"
	"path/filepath"
	"strings"

	"github.com/lethe-dsr/lethe/services/internal/config"
	sqlresponder "github.com/lethe-dsr/lethe/services/responders/sql"
)

// Inspect opens a system's database for a look at its catalogue: a file of SQLite so that nothing can be written, nor made where there is
// none.
func Inspect(d config.Database) (*sql.DB, sqlresponder.Dialect, error) {
	if d.Engine() == config.SQLite {
		path := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(d.Path()))
		db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)&_pragma=foreign_keys(ON)")
		return db, sqlresponder.SQLite, err
	}
	db, dialect, err := openSQL(d)
	return db, sqlresponder.Dialect(dialect), err
}
