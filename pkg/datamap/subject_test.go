package datamap_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// describe puts a subject into lines: a row with its policy and ways, then detached references, order and circles.
func describe(s *datamap.Subject) []string {
	var out []string
	for _, r := range s.Rows {
		line := r.Collection.Label + " " + string(r.Policy)
		if r.Policy == "" {
			line += "?"
		}
		if r.Root {
			line += " root"
		}
		for _, e := range r.Entries {
			line += " by " + e.Kind
		}
		for _, j := range r.Via {
			line += "; " + way(j)
		}
		out = append(out, line)
	}
	for _, d := range s.Detach {
		out = append(out, "detach "+d.Field.Label()+": "+way(d.Join))
	}
	order := "order:"
	for _, r := range s.Order {
		order += " " + r.Collection.Label
	}
	out = append(out, order)
	for _, c := range s.Cycles {
		out = append(out, "circle: "+strings.Join(c, " "))
	}
	return out
}

func way(j datamap.Join) string {
	s := j.String()
	switch {
	case j.Identity != "":
		s += " [same " + j.Identity + "]"
	case j.Parent:
		s += " [parent]"
	}
	if j.Recursive {
		s += " [again]"
	}
	return s
}

const customer = `lethe.subjects: {customer: {collection: customers, key: id, identities: {email: email}}}, lethe.erase: {customer: {`

func TestSubject(t *testing.T) {
	for _, tt := range []struct {
		name, policies, tables string
		want                   []string
	}{
		{
			"children_of_children_are_found_from_the_root_and_erased_before_it",
			"customers: delete, orders: delete, items: delete",
			`items: id* order_id>orders.id
			 orders: id* customer_id>customers.id
			 customers: id* email
			 others: id* email`,
			[]string{
				"customers delete root by email", "orders delete; orders.customer_id = customers.id", "items delete; items.order_id = orders.id",
				"order: items orders customers",
			},
		},
		{
			"a_way_over_two_collections_keeps_what_is_found_first_in_front",
			"customers: delete, orders: delete, refunds: delete",
			`customers: id* email
			 refunds: id* customer_id>customers.id order_id>orders.id
			 orders: id* customer_id>customers.id`,
			[]string{
				"customers delete root by email", "orders delete; orders.customer_id = customers.id",
				"refunds delete; refunds.customer_id = customers.id; refunds.order_id = orders.id",
				"order: refunds orders customers",
			},
		},
		{
			"a_reference_declared_at_the_key_leads_to_the_same_join",
			"customers: delete, orders: delete",
			`customers: id*<orders.customer_id email
			 orders: id* customer_id>customers.id`,
			[]string{"customers delete root by email", "orders delete; orders.customer_id = customers.id", "order: orders customers"},
		},
		{
			"without_a_direction_the_look_goes_to_the_row_that_refers",
			"customers: delete, orders: delete",
			`customers: id* email rep_id?staff.id
			 staff: id* email
			 orders: id* customer_id?customers.id`,
			[]string{"customers delete root by email", "orders delete; orders.customer_id = customers.id", "order: orders customers"},
		},
		{
			"a_row_that_the_person's_refers_to_is_erased_after_it",
			"customers: delete, addresses: delete, rooms: delete",
			`customers: id* email address_id<addresses.id
			 addresses: id*
			 rooms: id* address_id>addresses.id`,
			[]string{
				"customers delete root by email", "addresses delete; addresses.id = customers.address_id [parent]",
				"rooms delete; rooms.address_id = addresses.id", "order: rooms customers addresses",
			},
		},
		{
			"a_composite_key_is_one_join",
			"customers: delete, orders: delete, items: delete",
			`customers: id* email
			 orders: shop* number* customer_id>customers.id
			 items: id* order_shop>orders.shop order_number>orders.number`,
			[]string{
				"customers delete root by email", "orders delete; orders.customer_id = customers.id",
				"items delete; items.order_shop = orders.shop and items.order_number = orders.number", "order: items orders customers",
			},
		},
		{
			"a_composite_key_declared_at_the_key_is_one_join_too",
			"customers: delete, orders: delete, items: delete",
			`customers: id* email
			 orders: shop*<items.order_shop number*<items.order_number customer_id>customers.id
			 items: id* order_shop order_number`,
			[]string{
				"customers delete root by email", "orders delete; orders.customer_id = customers.id",
				"items delete; items.order_shop = orders.shop and items.order_number = orders.number", "order: items orders customers",
			},
		},
		{
			"two_parties_to_a_message_are_two_ways_to_it",
			"customers: delete, messages: delete, messages.about: detach",
			`customers: id* email
			 messages: id* sender>customers.id receiver>customers.id about>customers.id`,
			[]string{
				"customers delete root by email", "messages delete; messages.sender = customers.id; messages.receiver = customers.id",
				"detach messages.about: messages.about = customers.id", "order: messages customers",
			},
		},
		{
			"a_reference_to_itself_is_followed_in_any_depth",
			"customers: delete",
			`customers: id* email parent_id>customers.id`,
			[]string{"customers delete root by email; customers.parent_id = customers.id [again]", "order: customers"},
		},
		{
			"a_detached_reference_to_itself_is_not_followed",
			"customers: delete, customers.parent_id: detach",
			`customers: id* email parent_id>customers.id`,
			[]string{"customers delete root by email", "detach customers.parent_id: customers.parent_id = customers.id", "order: customers"},
		},
		{
			"a_detached_pointer_is_turned_round",
			"customers: delete, visits: delete, customers.last_visit: detach",
			`customers: id* email last_visit<visits.id
			 visits: id* customer_id>customers.id`,
			[]string{
				"customers delete root by email", "visits delete; visits.customer_id = customers.id",
				"detach customers.last_visit: customers.last_visit = visits.id", "order: visits customers",
			},
		},
		{
			"a_circle_of_deletes_is_reported_and_every_collection_still_has_a_place",
			"customers: delete, carts: delete, payments: delete, notes: delete",
			`customers: id* email
			 carts: id* customer_id>customers.id payment_id>payments.id
			 payments: id* cart_id>carts.id
			 notes: id* cart_id>carts.id`,
			[]string{
				"customers delete root by email", "carts delete; carts.customer_id = customers.id; carts.payment_id = payments.id [again]",
				"payments delete; payments.cart_id = carts.id", "notes delete; notes.cart_id = carts.id",
				"order: notes payments carts customers", "circle: carts payments",
			},
		},
		{
			"what_waits_for_a_circle_comes_after_it",
			"customers: delete, visits: delete, addresses: delete",
			`customers: id* email visit_id<visits.id address_id<addresses.id
			 visits: id* customer_id<customers.id
			 addresses: id*`,
			[]string{
				"customers delete root by email; customers.id = visits.customer_id [parent] [again]",
				"visits delete; visits.id = customers.visit_id [parent]", "addresses delete; addresses.id = customers.address_id [parent]",
				"order: visits customers addresses", "circle: customers visits",
			},
		},
		{
			"a_circle_is_no_circle_when_one_row_stays",
			"customers: delete, carts: keep, payments: delete",
			`customers: id* email
			 carts: id* customer_id>customers.id payment_id>payments.id
			 payments: id* cart_id>carts.id`,
			[]string{
				"customers delete root by email", "carts keep; carts.customer_id = customers.id; carts.payment_id = payments.id [again]",
				"payments delete; payments.cart_id = carts.id", "order: carts payments customers",
			},
		},
		{
			"references_that_are_not_followed_still_count_for_the_order",
			"customers: delete, orders: delete, refunds: delete}}, lethe.not_followed: [orders.refund_id], lethe.export: {customer: {",
			`customers: id* email
			 orders: id* customer_id>customers.id refund_id>refunds.id
			 refunds: id* customer_id>customers.id`,
			[]string{
				"customers delete root by email", "orders delete; orders.customer_id = customers.id",
				"refunds delete; refunds.customer_id = customers.id", "order: orders refunds customers",
			},
		},
		{
			"erase_after_is_obeyed",
			"customers: delete, a: delete, b: delete",
			`customers: id* email
			 a: id* customer_id>customers.id
			 b (after=d.a): id* customer_id>customers.id`,
			[]string{
				"customers delete root by email", "a delete; a.customer_id = customers.id", "b delete; b.customer_id = customers.id",
				"order: a b customers",
			},
		},
		{
			"native_words_are_policies_where_ours_say_nothing",
			"customers: delete",
			`customers: id* email
			 a (delete): id* customer_id>customers.id
			 b: id* customer_id>customers.id name!null_rewrite
			 c: id* customer_id>customers.id name!preserve`,
			[]string{
				"customers delete root by email", "a delete; a.customer_id = customers.id", "b anonymise; b.customer_id = customers.id",
				"c ?; c.customer_id = customers.id", "order: c b a customers",
			},
		},
		{
			"what_is_skipped_is_no_way",
			"customers: delete",
			`customers: id* email
			 a (skip): id* customer_id>customers.id
			 b: id* a_id>a.id`,
			[]string{"customers delete root by email", "order: customers"},
		},
		{
			"an_identity_elsewhere_is_an_entry_and_joined_to_the_person's_row",
			"customers: delete, letters: delete, hits: delete",
			`letters: address=email text
			 customers: id* email
			 hits: id* letter>letters.address
			 staff: id* email=email`,
			[]string{
				"customers delete root by email", "letters delete by email; letters.address = customers.email [same email]",
				"hits delete; hits.letter = letters.address", "order: hits letters customers",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, schema("d", customer+tt.policies+"}}", tt.tables))
			s, ok := m.Systems[0].Subject("customer")
			if !ok {
				t.Fatal("no customer")
			}
			if diff := cmp.Diff(tt.want, describe(s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSubjectOverDatasets(t *testing.T) {
	const system = `
system:
- {fides_key: s, system_type: Database, privacy_declarations: [], dataset_references: [a, b]}
`
	t.Run("collections_of_the_same_name_are_told_apart", func(t *testing.T) {
		m := parse(t,
			schema("a", customer+`customers: delete}}`, `customers: id* email
				orders: id* customer_id>customers.id`),
			schema("b", `lethe.erase: {customer: {orders: delete, notes: keep}}`, `orders: id* customer_id>a/customers.id
				notes: id* order_id>orders.id`), system)
		s, _ := m.Systems[0].Subject("customer")
		want := []string{
			"customers delete root by email", "a.orders ?; a.orders.customer_id = customers.id", "b.orders delete; b.orders.customer_id = customers.id",
			"notes keep; notes.order_id = b.orders.id", "order: notes b.orders a.orders customers",
		}
		if diff := cmp.Diff(want, describe(s)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("two_datasets_may_each_have_the_person's_row", func(t *testing.T) {
		m := parse(t, schema("a", customer+`customers: delete}}`, `customers: id* email`),
			schema("b", `lethe.subjects: {customer: {collection: people, key: [x, y], identities: {email: mail, number: x}}}, lethe.erase: {customer: {people: delete}}`,
				`people: x* y* mail`), system)
		s, _ := m.Systems[0].Subject("customer")
		want := []string{
			"people delete root by email by number; people.mail = customers.email [same email] [again]",
			"customers delete root by email; customers.email = people.mail [same email]", "order: customers people",
		}
		if diff := cmp.Diff(want, describe(s)); diff != "" {
			t.Error(diff)
		}
		if n := len(s.Roots[1].Key); n != 2 {
			t.Errorf("%d key fields", n)
		}
	})
	t.Run("a_reference_to_another_system's_identifier_is_that_identifier", func(t *testing.T) {
		m := parse(t, schema("a", `lethe.subjects: {customer: {collection: customers, key: id, identities: {email: email, customer_id: id}}}, lethe.erase: {customer: {customers: delete}}`,
			`customers: id* email`),
			schema("b", `lethe.subjects: {customer: {collection: chats, key: id}}, lethe.erase: {customer: {chats: delete}}`, `chats: id* who>a/customers.id`))
		s, _ := m.Systems[1].Subject("customer")
		if diff := cmp.Diff([]string{"chats delete root by customer_id", "order: chats"}, describe(s)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a_policy_for_a_kind_of_another_dataset_of_the_system_is_fine", func(t *testing.T) {
		parse(t, schema("a", customer+`customers: delete}}`, `customers: id* email`),
			schema("b", `lethe.erase: {customer: {notes: delete}}`, `notes: id* c>a/customers.id`), system)
	})
}

func TestRows(t *testing.T) {
	m := load(t, company)
	shop, _ := m.System("shop_db")
	s, _ := shop.Subject("customer")
	rows := func(name string) *datamap.Rows {
		c, ok := shop.Datasets[0].Collection(name)
		if !ok {
			t.Fatalf("no collection %s", name)
		}
		r, ok := s.Of(c)
		if !ok {
			t.Fatalf("no rows in %s", name)
		}
		return r
	}
	names := func(fields []*datamap.Field) (out []string) {
		for _, f := range fields {
			out = append(out, f.Path)
		}
		return out
	}
	t.Run("the_ground_is_the_kind's_and_the_collection's", func(t *testing.T) {
		g := rows("invoices").Ground
		if g == nil || g.Article != "GDPR 17(3)(b)" || g.Restriction != "read by the finance role only" || g.Period.String() != "P10Y" {
			t.Errorf("got %+v", g)
		}
		if rows("orders").Ground != nil {
			t.Error("orders have a ground")
		}
	})
	t.Run("exports_leave_out_collections_and_fields", func(t *testing.T) {
		if rows("newsletter").Export || !rows("orders").Export {
			t.Error("wrong collections")
		}
		if diff := cmp.Diff([]string{"margin"}, names(rows("orders").Exclude)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("preserve_is_no_mask", func(t *testing.T) {
		if diff := cmp.Diff([]string{"email", "name", "phone", "loyalty_number", "address_id"}, names(rows("customers").Masked())); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a_shared_row_is_kept_where_the_map_says_so", func(t *testing.T) {
		if rows("addresses").Shared != datamap.Keep {
			t.Errorf("got %q", rows("addresses").Shared)
		}
	})
	t.Run("categories_of_a_collection_are_those_of_its_fields", func(t *testing.T) {
		want := []string{"system.operations", "user.contact.address.city", "user.contact.address.street"}
		if diff := cmp.Diff(want, rows("addresses").Collection.Categories()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the_schema_is_in_the_namespace_and_retention_at_the_collection", func(t *testing.T) {
		c := rows("invoices").Collection
		if c.Dataset.Namespace["schema"] != "shop" || c.Retention.String() != "P10Y" {
			t.Errorf("got %v, %v", c.Dataset.Namespace, c.Retention)
		}
	})
	t.Run("a_random_mask_is_no_longer_than_its_field", func(t *testing.T) {
		m := parse(t, `
dataset:
- fides_key: d
  collections:
  - name: c
    fields:
    - {name: a, fides_meta: {length: 12, masking_strategy_override: {strategy: random_string_rewrite}}}
    - {name: b, fides_meta: {masking_strategy_override: {strategy: random_string_rewrite}}}
`)
		f := m.Systems[0].Datasets[0].Collections[0].Fields
		if f[0].Mask.Length != 12 || f[1].Mask.Length != 30 {
			t.Errorf("got %d and %d", f[0].Mask.Length, f[1].Mask.Length)
		}
	})
}
