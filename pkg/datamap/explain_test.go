package datamap_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

func TestExplain(t *testing.T) {
	m := load(t, company)
	find := []string{
		"find customers: customers.id = customer_id; customers.email = email (the person's own row)",
		"find addresses: addresses.id = customers.address_id (customers refers to it)",
		"find orders: orders.customer_id = customers.id (its rows refer to customers)",
		"find order_items: order_items.order_id = orders.id (its rows refer to orders)",
		"find invoices: invoices.customer_id = customers.id (its rows refer to customers)",
		"find newsletter: newsletter.email = email; newsletter.email = customers.email (holds an identifier of the person; holds the same email as customers)",
	}
	for _, tt := range []struct {
		name, system, capacity string
		kind                   dsr.Kind
		want                   []string
	}{
		{"erasure_of_a_customer", "shop_db", "customer", dsr.Erasure, append(find[:6:6],
			"delete newsletter",
			"keep invoices (GDPR 17(3)(b), national accounting and tax law)",
			"delete order_items (before orders: its rows refer to orders)",
			"delete orders",
			`anonymise customers: email: 20 random characters; name: "erased"; phone: null; loyalty_number: a keyed hash; address_id: null (before addresses: its rows refer to addresses; GDPR 17(3)(b), national accounting and tax law)`,
			"delete addresses (keep where another person's rows refer to it too)",
		)},
		{"access_of_a_customer", "shop_db", "customer", dsr.Access, append(find[:6:6],
			"export customers: without account_manager_id", "export addresses", "export orders: without margin", "export order_items", "export invoices",
			"withhold newsletter (lethe.export leaves it out)",
		)},
		{"erasure_of_an_employee", "shop_db", "employee", dsr.Erasure, []string{
			"find employees: employees.email = email; employees.id = employee_id (the person's own row)",
			"detach customers: set account_manager_id to null where customers.account_manager_id = employees.id (the rows need not be the person's, they refer to employees; first, so that nothing refers to rows that are deleted)",
			"detach employees: set manager_id to null where employees.manager_id = employees.id (the rows need not be the person's, they refer to employees; first, so that nothing refers to rows that are deleted)",
			"delete employees",
		}},
		{"every_kind_of_a_system", "embeddings", "", dsr.Erasure, []string{
			"find embeddings: embeddings.customer_id = customer_id (the person's own row)", "delete embeddings",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			steps, err := m.Explain(tt.system, tt.kind, tt.capacity)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range steps {
				got = append(got, s.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("unknown_names_are_errors", func(t *testing.T) {
		if _, err := m.Explain("x", dsr.Erasure, ""); !errors.Is(err, datamap.ErrUnknownSystem) {
			t.Errorf("got %v", err)
		}
		if _, err := m.Explain("support", dsr.Erasure, "employee"); !errors.Is(err, datamap.ErrUnknownCapacity) {
			t.Errorf("got %v", err)
		}
		if _, err := m.Explain("support", "shredding", ""); err == nil {
			t.Error("no error for a kind of request that there is not")
		}
	})
	t.Run("rows_without_a_policy_are_refused", func(t *testing.T) {
		m := parse(t, schema("d", customer+"}}", `customers: id* email`))
		steps, _ := m.Explain("d", dsr.Erasure, "customer")
		if got := steps[1].String(); got != "refuse customers (lethe.erase does not say what to do)" {
			t.Errorf("got %s", got)
		}
	})
}
