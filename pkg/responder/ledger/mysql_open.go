package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// OpenMySQL opens a MariaDB or MySQL database by its URL, mysql://user:password@host:port/database, with the driver's settings
// that a ledger, and the responder for databases, rely on:
//
//   - an update counts the rows that it matched, whether or not it changed them;
//   - the session's time zone is UTC, and values come as the server writes them, zero dates included;
//   - the SQL mode is strict, so that a value which does not fit is an error instead of half a value;
//   - parameters are sent apart from the statement, one statement a call.
//
// The URL's only parameters are tls (true, skip-verify, preferred or false, the default) and socket (the path of a Unix socket,
// instead of a host). The error never holds the URL.
func OpenMySQL(address string) (*sql.DB, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "mysql" || strings.Trim(u.Path, "/") == "" {
		return nil, errors.New("read a database's URL: it is not of the form mysql://user:password@host:port/database")
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.Trim(u.Path, "/")
	if u.Port() == "" {
		c.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	for name, values := range u.Query() {
		switch name {
		case "tls":
			c.TLSConfig = values[0]
		case "socket":
			c.Net, c.Addr = "unix", values[0]
		default:
			return nil, fmt.Errorf("read a database's URL: %q is no parameter of it, tls and socket are", name)
		}
	}
	c.ClientFoundRows = true
	c.MaxAllowedPacket = 0 // the server's: what is too large is an error here and not a broken connection
	c.Collation = "utf8mb4_bin"
	c.Timeout = 10 * time.Second
	c.Params = map[string]string{"sql_mode": "'" + mysqlMode + "'", "time_zone": "'+00:00'"}
	c.Logger = &mysql.NopLogger{} // what it would print is returned as an error as well
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, errors.New("read a database's URL: the driver refuses it") // its error may quote it
	}
	return sql.OpenDB(connector), nil
}

// mysqlMode is strict for every engine. It does not forbid zero dates: a row that holds one must be readable as it stands.
const mysqlMode = "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION"
