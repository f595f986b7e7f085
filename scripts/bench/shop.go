package main

import (
	"context"
	"database/sql"
	"embed"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	responders "github.com/lethe-dsr/lethe/services/responders/sql"
)

//go:embed shop
var shopFiles embed.FS

// shop is a database with customers, their orders and items, messages and payment cards, and the responder's view of it.
type shop struct {
	dialect responders.Dialect
	db      *sql.DB
	url     string
	system  *responders.System
}

func mysqlOpen(url string) (*sql.DB, error) { return ledger.OpenMySQL(url) }

// openShop makes an empty database in one of the engines.
func (l *lab) openShop(ctx context.Context, d responders.Dialect) (*shop, string, error) {
	s := &shop{dialect: d}
	if d == responders.Postgres {
		url, err := l.database(ctx)
		if err != nil {
			return nil, "", err
		}
		s.url = url
		s.db, err = sql.Open("pgx", url)
		return s, "public", err
	}
	url, err := l.maria(ctx)
	if err != nil {
		return nil, "", err
	}
	admin, err := mysqlOpen(url + "mysql")
	if err != nil {
		return nil, "", err
	}
	defer admin.Close()
	name := l.next("shop")
	if _, err := admin.ExecContext(ctx, "create database "+name); err != nil {
		return nil, "", err
	}
	s.db, err = mysqlOpen(url + name)
	return s, name, err
}

// fill runs a script of the shop, statement by statement.
func (s *shop) fill(ctx context.Context, script string) error {
	for q := range strings.SplitSeq(script, ";\n") {
		if strings.TrimSpace(q) == "" {
			continue
		}
		if _, err := s.db.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// plan lays the data map over the database.
func (s *shop) plan(ctx context.Context, l *lab, schema string, change ...string) error {
	text, err := shopFiles.ReadFile("shop/map.yml")
	if err != nil {
		return err
	}
	path := filepath.Join(l.dir, l.next("map")+".yml")
	if err := os.WriteFile(path, []byte(strings.NewReplacer(append(change, "SCHEMA", schema)...).Replace(string(text))), 0o600); err != nil {
		return err
	}
	m, err := datamap.Load(path)
	if err != nil {
		return err
	}
	s.system, err = responders.New(ctx, responders.Config{DB: s.db, Dialect: s.dialect, Map: m, System: "shop", Logger: slog.New(slog.DiscardHandler)})
	return err
}

// asks is a dispatch for one customer.
func asks(kind dsr.Kind, email string) responder.Dispatch {
	return responder.Dispatch{
		Key:     dsr.Key{RequestID: dsr.RequestID(uuid.NewString()), System: "shop", Phase: dsr.Act, Round: 1},
		Attempt: 1, Kind: kind, Capacity: "customer", Identifiers: []dsr.Identifier{{Kind: dsr.Email, Value: email}},
	}
}
