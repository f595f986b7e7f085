package roles

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/portability"
)

// TestFactsAreWordsForThePerson: the page of a package says what the demo's map declares so that the person understands it.
func TestFactsAreWordsForThePerson(t *testing.T) {
	m, err := datamap.Load("../demo/datamap.yml")
	if err != nil {
		t.Fatal(err)
	}
	shop, _ := m.System("shop")
	want := portability.Facts{
		System: "shop", Title: "Shop",
		Purposes: []string{"to provide what you asked for or ordered (essential.service)", "to do what a law demands (essential.legal_obligation)"},
		Categories: []string{
			"data about you of any kind (user)", "what you bought (user.behavior.purchase_history)", "the street in your address (user.contact.address.street)",
			"the number under which you are known (user.unique_id)",
		},
		Recipients: []string{"nobody"},
		Retention:  []string{"3 years: customers, orders, order_items", "10 years: invoices"},
	}
	if d := cmp.Diff(want, factsOf(shop)); d != "" {
		t.Error(d)
	}
	undeclared := &datamap.System{Name: "crm", Declarations: []datamap.Declaration{{Name: "support", DataUse: "acme.support", RetentionPeriod: "until the case is closed"}}}
	want = portability.Facts{System: "crm", Purposes: []string{"acme.support"}, Retention: []string{"until the case is closed: what is for support"}}
	if d := cmp.Diff(want, factsOf(undeclared)); d != "" {
		t.Error(d)
	}
}
