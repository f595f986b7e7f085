package config

import (
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
)

// Engine is the kind of a database.
type Engine string

// The engines.
const (
	Postgres Engine = "postgres"
	MySQL    Engine = "mysql" // MariaDB; for systems and ledgers
	SQLite   Engine = "sqlite"
)

// Database says where a database is. It may hold a password, so it prints as its scheme alone; see [Database.URL].
type Database struct{ url string }

var errDatabase = errors.New("is no database URL: write postgres://user:password@host:5432/name, mysql://user:password@host:3306/name or sqlite:///path/to/file.db")

// ParseDatabase reads the URL of a PostgreSQL or MariaDB database, or sqlite:// followed by the absolute path of a file. The error
// never holds the URL.
func ParseDatabase(s string) (Database, error) {
	u, err := url.Parse(s)
	if err != nil { // its text quotes the URL
		return Database{}, errDatabase
	}
	switch u.Scheme {
	case "postgres", "postgresql":
		// The host may be left to PGHOST and the socket directory.
		return Database{s}, nil
	case "mysql":
		name := strings.TrimPrefix(u.Path, "/")
		if name == "" || strings.Contains(name, "/") || u.Host == "" && u.Query().Get("socket") == "" || u.Fragment != "" {
			return Database{}, errMySQL
		}
		for parameter := range u.Query() {
			if parameter != "tls" && parameter != "socket" {
				return Database{}, errMySQL
			}
		}
		return Database{s}, nil
	case "sqlite":
		path := strings.TrimPrefix(s, "sqlite://")
		if !filepath.IsAbs(path) || strings.HasSuffix(path, "/") || u.RawQuery != "" || u.Fragment != "" {
			return Database{}, errors.New("is no SQLite URL: write sqlite:// and the absolute path of a file, without options")
		}
		return Database{s}, nil
	}
	return Database{}, errDatabase
}

var errMySQL = errors.New("is no MariaDB URL: write mysql://user:password@host:3306/name; it takes the parameters tls (true, skip-verify, preferred or false) and socket (a path, instead of the host)")

// IsZero reports whether no database was named.
func (d Database) IsZero() bool { return d.url == "" }

// Engine returns the kind of the database; empty for the zero value.
func (d Database) Engine() Engine {
	switch {
	case d.url == "":
		return ""
	case strings.HasPrefix(d.url, "sqlite:"):
		return SQLite
	case strings.HasPrefix(d.url, "mysql:"):
		return MySQL
	}
	return Postgres
}

// URL reveals the whole URL, password included. It is for the driver alone.
func (d Database) URL() string { return d.url }

// Path is the file of an SQLite database, empty for the other engines.
func (d Database) Path() string {
	path, ok := strings.CutPrefix(d.url, "sqlite://")
	if !ok {
		return ""
	}
	return path
}

// String returns what may be shown: the scheme of a server's URL, the whole of a file's.
func (d Database) String() string {
	switch d.Engine() {
	case Postgres:
		return "postgres://…"
	case MySQL:
		return "mysql://…"
	}
	return d.url
}

// GoString is String, so that %#v tells no more.
func (d Database) GoString() string { return d.String() }

// LogValue is String, for slog.
func (d Database) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText is String, for encoders.
func (d Database) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Equal reports whether both name the same database in the same words.
func (d Database) Equal(o Database) bool { return d.url == o.url }
