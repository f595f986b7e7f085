package sql_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// role makes a user and returns the place as that user sees it.
func (p place) role(t *testing.T, w *world, grants ...string) place {
	t.Helper()
	name := "role_" + p.schema[len(p.schema)-20:]
	w.exec("CREATE USER " + name + "@'127.0.0.1'")
	t.Cleanup(func() {
		if _, err := w.db.ExecContext(context.Background(), "DROP USER "+name+"@'127.0.0.1'"); err != nil {
			t.Error(err)
		}
	})
	for _, g := range grants {
		w.exec("GRANT " + strings.ReplaceAll(g, "DB", p.schema) + " TO " + name + "@'127.0.0.1'")
	}
	p.dsn = strings.Replace(p.dsn, "mysql://root@", "mysql://"+name+"@", 1)
	return p
}

// leastRights are the grants that the package's documentation lists.
var leastRights = []string{
	"SELECT, CREATE TEMPORARY TABLES ON DB.*", "DELETE, UPDATE ON DB.employees", "DELETE, UPDATE ON DB.addresses", "UPDATE ON DB.customers", "DELETE ON DB.orders", "DELETE ON DB.order_items",
	"DELETE ON DB.messages", "DELETE ON DB.newsletter", "INSERT, UPDATE, DELETE ON DB.lethe_ledger",
}

func TestTheLeastRights(t *testing.T) {
	p := newPlace(t, sql.MySQL)
	w := p.shop(t)
	w.people()
	w.exec("CREATE TRIGGER audited AFTER UPDATE ON customers FOR EACH ROW SET @audited = 1") // whose text the role may not see
	w.ledgerTables()
	least := p.role(t, w)
	role := "role_" + p.schema[len(p.schema)-20:] + "@127.0.0.1"
	quoted := w.system(p.loadMap(t, "shop.yml")).Account(role)
	for _, g := range append(w.grants(p.loadMap(t, "shop.yml"), role), ledger.Grants(quoted)...) {
		w.exec(g)
	}
	own := &world{t, least, least.open(t)}
	s := own.system(p.loadMap(t, "shop.yml"))
	d := ask(dsr.Act, 1, email("anna@example.org"))
	_, err := s.Ledger().Step(t.Context(), now, responder.Deliver, []responder.Entry{{Key: d.Key, Attempt: 1}}, func(ctx context.Context, es []responder.Entry) ([]responder.Entry, error) {
		as, err := s.Erase(ctx, []responder.Dispatch{d})
		if err != nil {
			return nil, err
		}
		d.Keys = as[0].Keys
		es[0].State, es[0].Ack = dsr.AckAnswered, []byte("a")
		return es, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := seen(t, s, d); len(got) != 0 {
		t.Errorf("a look finds %v", got)
	}
	d.Kind = dsr.Access
	d.Identifiers = []dsr.Identifier{customer("2")}
	if parts, _ := export(t, s, d); !strings.Contains(parts["customers"], "bob@example.org") {
		t.Errorf("an export: %v", parts)
	}
	boss := ask(dsr.Act, 1, email("boss@shop.example"))
	boss.Capacity = "employee"
	erase(t, s, boss)
}

func TestRightsThatAreMissing(t *testing.T) {
	t.Run("to_see_every_table", func(t *testing.T) {
		p := newPlace(t, sql.MySQL)
		w := p.shop(t)
		var grants []string
		for _, table := range w.texts("SHOW TABLES") {
			grants = append(grants, "SELECT, UPDATE, DELETE ON DB."+table)
		}
		least := p.role(t, w, append(grants, "CREATE TEMPORARY TABLES ON DB.*")...)
		own := &world{t, least, least.open(t)}
		_, err := sql.New(t.Context(), own.config(p.loadMap(t, "shop.yml")))
		var misfit *sql.MisfitError
		if !errors.As(err, &misfit) || !strings.Contains(err.Error(), "the role sees only some tables of database "+p.schema) {
			t.Errorf("%v, want a misfit", err)
		}
	})
	// without returns a world whose role lacks a right.
	without := func(t *testing.T, right string) (w, own *world) {
		p := newPlace(t, sql.MySQL)
		w = p.shop(t)
		w.people()
		var grants []string
		for _, g := range leastRights {
			if !strings.Contains(g, "ledger") && g != right {
				if right != "" {
					g = strings.ReplaceAll(g, ", "+right, "")
				}
				grants = append(grants, g)
			}
		}
		least := p.role(t, w, grants...)
		return w, &world{t, least, least.open(t)}
	}
	t.Run("to_make_temporary_tables", func(t *testing.T) {
		_, own := without(t, "CREATE TEMPORARY TABLES")
		_, err := sql.New(t.Context(), own.config(own.loadMap(t, "shop.yml")))
		var misfit *sql.MisfitError
		if !errors.As(err, &misfit) || !strings.Contains(err.Error(), "this role lacks the right TEMPORARY on the database") {
			t.Errorf("%v, want an error that names the missing right", err)
		}
	})
	t.Run("to_delete", func(t *testing.T) {
		_, own := without(t, "DELETE ON DB.messages")
		_, err := sql.New(t.Context(), own.config(own.loadMap(t, "shop.yml")))
		var misfit *sql.MisfitError
		if !errors.As(err, &misfit) || !strings.Contains(err.Error(), "this role lacks the right DELETE on table "+own.schema+".messages") {
			t.Errorf("%v, want an error that names the missing right", err)
		}
	})
	t.Run("revoked_while_it_runs", func(t *testing.T) {
		w, own := without(t, "")
		s := own.system(own.loadMap(t, "shop.yml"))
		w.exec("REVOKE DELETE ON " + w.schema + ".messages FROM role_" + w.schema[len(w.schema)-20:] + "@'127.0.0.1'")
		refusing(t, s, responder.ClassUnavailable, "this role lacks the right DELETE on table", ask(dsr.Act, 1, customer("1")))
		if n := w.count("orders WHERE customer_id = 1"); n != 2 {
			t.Errorf("%d orders are left after a failure", n)
		}
	})
}
