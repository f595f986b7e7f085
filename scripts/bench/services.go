package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	responders "github.com/lethe-dsr/lethe/services/responders/sql"

	"github.com/lethe-dsr/lethe/scripts/servers/servers"
)

// service is one role of the command itself, as it is deployed.
type service struct {
	*child
	ready string // URL
}

// staffed is a company with a shop in PostgreSQL, for the cases that run the command itself.
type staffed struct {
	*company
	shop *shop
	args map[string][]string
}

func (l *lab) staff(ctx context.Context) (*staffed, error) {
	sh, schema, err := l.openShop(ctx, responders.Postgres)
	if err != nil {
		return nil, err
	}
	if err := sh.fill(ctx, exportDDL); err != nil {
		return nil, err
	}
	if err := sh.plan(ctx, l, schema); err != nil {
		return nil, err
	}
	c, err := l.found(ctx, shape{shopMap: schema, more: fmt.Sprintf("systems: {shop: {kind: sql, dsn: %q, ledger: in_transaction}}\n", sh.url)})
	if err != nil {
		return nil, err
	}
	return &staffed{company: c, shop: sh, args: map[string][]string{"coordinator": {"coordinator"}, "packager": {"packager"}, "responder": {"responder", "shop"}}}, nil
}

func (s *staffed) quit(ctx context.Context) error {
	return errors.Join(s.company.quit(ctx), s.shop.db.Close())
}

// serviceRoles in the order in which figures are printed.
var serviceRoles = []string{"coordinator", "responder", "packager"}

// launch starts a service of the command.
func (s *staffed) launch(ctx context.Context, role string) (*service, error) {
	binary, err := s.l.lethe(ctx)
	if err != nil {
		return nil, err
	}
	port, err := servers.FreePort()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	args := append([]string{"--config", filepath.Join(s.dir, "lethe.yml")}, s.args[role]...)
	p, err := spawn(role, binary, args, []string{"LETHE_HEALTH_ADDRESS=" + address, "LETHE_LOG_LEVEL=warn"})
	return &service{child: p, ready: "http://" + address + "/readyz"}, err
}

// await asks every millisecond until the service says that it is ready.
func (s *service) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.ready, nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close() // nothing of it is read
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := s.ended(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", s.role, ctx.Err())
		case <-tick.C:
		}
	}
}
