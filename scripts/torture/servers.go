package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/scripts/servers/servers"
)

// roleNames are the services, each a group of processes. A responder is called by its system.
var roleNames = []string{"coordinator", "shop", "desk", "chats", "packager"}

// password of the roles of the databases, which can so be refused.
const password = "harness"

// stage is the servers, the ways to them, and the harness's own connections, which lead past the ways.
type stage struct {
	net                      *network
	kafka, postgres, mariadb *servers.Server
	brokers                  map[string]string // by role: where it finds Kafka
	store                    map[string]string // by role: URL of the coordinator's database
	dsn                      map[string]string // by system
	admin                    *sql.DB           // of PostgreSQL, as its superuser
	root                     *sql.DB           // of MariaDB
	shop, desk               *sql.DB
}

// raise starts the servers. What it started is stopped by fall, also after an error.
func raise(ctx context.Context) (*stage, error) {
	s := &stage{net: newNetwork(), brokers: map[string]string{}, store: map[string]string{}, dsn: map[string]string{}}
	listeners := map[string]string{}
	for _, role := range roleNames {
		at, err := s.net.address()
		if err != nil {
			return s, err
		}
		s.brokers[role], listeners[strings.ToUpper(role)] = at, at
	}
	g, ctx := errgroup.WithContext(ctx)
	quiet := func(string) {}
	g.Go(func() (err error) {
		s.kafka, err = servers.StartKafka(ctx, servers.Options{Heap: "768m", Ways: listeners, Progress: quiet})
		return err
	})
	g.Go(func() (err error) {
		s.postgres, err = servers.StartPostgres(ctx, servers.Options{Progress: quiet, Settings: map[string]string{"max_connections": "120", "deadlock_timeout": "200ms"}})
		return err
	})
	g.Go(func() (err error) { // 2: a commit is with the operating system, so that a kill of the server loses none
		s.mariadb, err = servers.StartMariaDB(ctx, servers.Options{Progress: quiet, Settings: map[string]string{"max-connections": "100", "innodb-flush-log-at-trx-commit": "2"}})
		return err
	})
	if err := g.Wait(); err != nil {
		return s, err
	}
	for _, role := range roleNames {
		if err := s.net.open("kafka-"+role, s.brokers[role], s.kafka.Ways[strings.ToUpper(role)]); err != nil {
			return s, err
		}
	}
	return s, nil
}

// fall stops everything.
func (s *stage) fall() {
	for _, db := range []*sql.DB{s.admin, s.root, s.shop, s.desk} {
		if db != nil {
			_ = db.Close() // the server goes as well
		}
	}
	s.net.close()
	for _, server := range []*servers.Server{s.kafka, s.postgres, s.mariadb} {
		if server != nil {
			server.Stop()
		}
	}
}

// databases makes them, with roles that have a password and no rights over anybody else's.
func (s *stage) databases(ctx context.Context) error {
	var err error
	if s.admin, err = s.pg("postgres"); err != nil {
		return err
	}
	for _, name := range []string{"store", "shop"} {
		for _, q := range []string{"create role lethe_" + name + " login password '" + password + "'", "create database " + name + " template template0 owner lethe_" + name} {
			if _, err := s.admin.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("make the database %s: %w", name, err)
			}
		}
	}
	if err := s.demandPasswords(ctx); err != nil {
		return err
	}
	if s.shop, err = s.pg("shop"); err != nil {
		return err
	}
	if _, err := s.shop.ExecContext(ctx, "alter default privileges grant all on tables to lethe_shop; grant all on schema public to lethe_shop"); err != nil {
		return fmt.Errorf("grant rights: %w", err)
	}
	for role, way := range map[string]string{"coordinator": "store", "packager": "store", "shop": "shop"} {
		at, err := s.way("postgres-"+role, s.postgres.Addr)
		if err != nil {
			return err
		}
		u := fmt.Sprintf("postgres://lethe_%s:%s@%s/%s?sslmode=disable", way, password, at, way)
		if role == "shop" {
			s.dsn[role] = u
		} else {
			s.store[role] = u
		}
	}
	return s.desks(ctx)
}

func (s *stage) desks(ctx context.Context) error {
	var err error
	if s.root, err = s.maria(""); err != nil {
		return err
	}
	for _, q := range []string{
		"create database desk character set utf8mb4 collate utf8mb4_general_ci",
		"create user lethe_desk@'%' identified by '" + password + "'", "grant all on desk.* to lethe_desk@'%'",
	} {
		if _, err := s.root.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("make the database desk: %w", err)
		}
	}
	if s.desk, err = s.maria("desk"); err != nil {
		return err
	}
	at, err := s.way("mariadb-desk", s.mariadb.Addr)
	s.dsn["desk"] = fmt.Sprintf("mysql://lethe_desk:%s@%s/desk", password, at)
	return err
}

func (s *stage) way(name, to string) (string, error) {
	at, err := s.net.address()
	if err != nil {
		return "", err
	}
	return at, s.net.open(name, at, to)
}

// demandPasswords has PostgreSQL ask Lethe's roles for theirs: as it was set up it lets everybody in.
func (s *stage) demandPasswords(ctx context.Context) error {
	var file string
	if err := s.admin.QueryRowContext(ctx, "show hba_file").Scan(&file); err != nil {
		return fmt.Errorf("find the server's rules of access: %w", err)
	}
	rules, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append([]byte("host all lethe_store,lethe_shop 127.0.0.1/32 scram-sha-256\n"), rules...), 0o600)
	}
	if err != nil {
		return fmt.Errorf("demand passwords: %w", err)
	}
	_, err = s.admin.ExecContext(ctx, "select pg_reload_conf()")
	return err
}

// pg opens a database of PostgreSQL as the superuser, who may write whatever is forbidden to others.
func (s *stage) pg(name string) (*sql.DB, error) {
	u, err := url.Parse(s.postgres.URL)
	if err != nil {
		return nil, errors.New("the server's URL cannot be read")
	}
	u.Path = "/" + name
	q := u.Query()
	q.Set("default_transaction_read_only", "off")
	q.Set("application_name", "harness")
	u.RawQuery = q.Encode()
	return pooled(sql.Open("pgx", u.String()))
}

func (s *stage) maria(name string) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.DBName, cfg.Logger = "tcp", s.mariadb.Addr, "root", name, &mysql.NopLogger{}
	cfg.Params = map[string]string{"max_statement_time": "0"}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return pooled(sql.OpenDB(connector), nil)
}

func pooled(db *sql.DB, err error) (*sql.DB, error) {
	if err == nil {
		db.SetMaxOpenConns(4)
		db.SetMaxIdleConns(4)
	}
	return db, err
}
