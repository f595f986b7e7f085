package datamap_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

func TestFrozen(t *testing.T) {
	m := load(t, company)
	for _, tt := range []struct {
		name, capacity string
		scope          []string
		want           []string
		is             error
		text           string
	}{
		{name: "a_kind_has_its_systems", capacity: "customer", want: []string{"embeddings", "shop_db", "support"}},
		{name: "another_kind_has_others", capacity: "employee", want: []string{"shop_db"}},
		{name: "no_kind_means_every_kind", want: []string{"embeddings", "shop_db", "support"}},
		{name: "a_scope_narrows", capacity: "customer", scope: []string{"support", "shop_db"}, want: []string{"shop_db", "support"}},
		{
			name: "an_unknown_kind_is_named", capacity: "patient", is: datamap.ErrUnknownCapacity,
			text: `capacity "patient": not a subject of the data map`,
		},
		{
			name: "every_unknown_system_is_named", scope: []string{"x", "support", "y"}, is: datamap.ErrUnknownSystem,
			text: "system \"x\": not in the data map\nsystem \"y\": not in the data map",
		},
		{
			name: "a_system_without_such_people_is_not_left_out_in_silence", capacity: "employee", scope: []string{"support"}, is: datamap.ErrUnknownSystem,
			text: `"employee" in system "support": not in the data map`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := m.Frozen(tt.capacity, tt.scope)
			if !errors.Is(err, tt.is) || err != nil && err.Error() != tt.text {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"customer", "employee"}, m.Capacities()); diff != "" {
		t.Error(diff)
	}
}

func TestNotCovered(t *testing.T) {
	m := parse(t, schema("d", customer+`customers: delete}}, lethe.not_covered: [{name: paper, reason: too old}]`, `customers: id* email
		products (skip): id#system.operations
		logs (skip): id ip`)+`
- {fides_key: alone, collections: [{name: c, fields: [{name: f, data_categories: [user.name]}]}]}
- {fides_key: harmless, collections: [{name: c, fields: [{name: f, data_categories: [system.operations]}]}]}
system:
- {fides_key: saas, system_type: x, privacy_declarations: [{data_use: sales, data_categories: [user.contact]}]}
- {fides_key: exempt, system_type: x, processes_personal_data: false, privacy_declarations: [{data_use: sales, data_categories: [user.contact]}]}
`)
	want := []datamap.NotCovered{
		{Name: "alone", Reason: "the data map names no subjects there"},
		{Name: "paper", Reason: "too old"},
		{Name: "d: logs", Reason: "the data map skips it"},
		{Name: "saas", Reason: "the data map names no subjects there"},
	}
	if diff := cmp.Diff(want, m.NotCovered()); diff != "" {
		t.Error(diff)
	}
}

func TestAcceptsAndSources(t *testing.T) {
	m := load(t, company)
	if diff := cmp.Diff([]string{"customer_id", "email"}, m.Accepts("shop_db", "customer")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"customer_id", "email", "employee_id"}, m.Accepts("shop_db", "")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"customer_id"}, m.Accepts("embeddings", "customer")); diff != "" {
		t.Error(diff)
	}
	if got := m.Accepts("nowhere", ""); got != nil {
		t.Errorf("got %v", got)
	}
	if diff := cmp.Diff([]string{"shop_db"}, m.SourcesOf("customer_id", "customer")); diff != "" {
		t.Error(diff)
	}
	if got := m.SourcesOf("customer_id", "employee"); got != nil {
		t.Errorf("got %v", got)
	}
	if diff := cmp.Diff([]datamap.Ask{{System: "shop_db", From: []string{"email"}, To: []string{"customer_id"}}},
		m.Suppliers("customer", []string{"email"}, []string{"customer_id", "device_id"})); diff != "" {
		t.Error(diff)
	}
}

// chain: the shop turns e-mail into customer number, the app customer number into device, telemetry knows only devices.
var chain = []string{
	schema("shop", customerWith("email: email, customer_id: id", "customers: delete"), `customers: id* email`),
	schema("crm", customerWith("email: email, customer_id: ref", "customers: delete"), `customers: id* email ref`),
	schema("app", `lethe.subjects: {customer: {collection: accounts, key: id, identities: {customer_id: customer}}}, lethe.erase: {customer: {accounts: delete, devices: delete}}`,
		`accounts: id* customer
		 devices: id*=device_id account>accounts.id`),
	schema("telemetry", `lethe.subjects: {customer: {collection: events, key: id, identities: {device_id: device}}}, lethe.erase: {customer: {events: delete}}`,
		`events: id* device`),
	schema("phones", `lethe.subjects: {customer: {collection: calls, key: id, identities: {phone: number}}}, lethe.erase: {customer: {calls: delete}}`,
		`calls: id* number`),
}

func customerWith(identities, erase string) string {
	return "lethe.subjects: {customer: {collection: customers, key: id, identities: {" + identities + "}}}, lethe.erase: {customer: {" + erase + "}}"
}

func TestPlan(t *testing.T) {
	m := parse(t, chain...)
	all, _ := m.Frozen("customer", nil)
	ask := func(system, from string, to ...string) datamap.Ask {
		return datamap.Ask{System: system, From: strings.Fields(from), To: to}
	}
	phones := datamap.Unreached{System: "phones", Collections: []string{"calls"}, Whole: true, Kinds: []string{"phone"}}
	telemetry := datamap.Unreached{System: "telemetry", Collections: []string{"events"}, Whole: true, Kinds: []string{"device_id"}}
	app := datamap.Unreached{System: "app", Collections: []string{"accounts"}, Whole: false, Kinds: []string{"customer_id"}}
	for _, tt := range []struct {
		name          string
		systems, have []string
		asked         []datamap.Ask
		want          datamap.Resolution
	}{
		{
			name: "no_need_no_round", systems: []string{"shop", "crm"}, have: []string{"email"},
		},
		{
			name: "the_first_round_asks_every_source_of_what_is_on_the_way", systems: []string{"telemetry"}, have: []string{"email"},
			want: datamap.Resolution{Asks: []datamap.Ask{ask("crm", "email", "customer_id"), ask("shop", "email", "customer_id")}},
		},
		{
			name: "the_next_round_goes_on_with_what_was_learnt", systems: []string{"telemetry"}, have: []string{"email", "customer_id"},
			asked: []datamap.Ask{ask("crm", "email", "customer_id"), ask("shop", "email", "customer_id")},
			want:  datamap.Resolution{Asks: []datamap.Ask{ask("app", "customer_id", "device_id")}},
		},
		{
			name: "all_is_reached_at_the_end", systems: all[:4], have: []string{"email", "customer_id", "device_id"},
			asked: []datamap.Ask{ask("app", "customer_id", "device_id")},
			want:  datamap.Resolution{Unreached: []datamap.Unreached{phones}},
		},
		{
			name: "a_source_that_knew_nothing_is_not_asked_again", systems: []string{"telemetry"}, have: []string{"email"},
			asked: []datamap.Ask{ask("crm", "email", "customer_id"), ask("shop", "email", "customer_id")},
			want:  datamap.Resolution{Unreached: []datamap.Unreached{telemetry}},
		},
		{
			name: "a_source_that_is_still_to_be_asked_is_hope", systems: []string{"telemetry"}, have: []string{"email"},
			asked: []datamap.Ask{ask("crm", "email", "customer_id")},
			want:  datamap.Resolution{Asks: []datamap.Ask{ask("shop", "email", "customer_id")}},
		},
		{
			name: "nobody_turns_an_unknown_kind_into_anything", systems: []string{"telemetry", "phones"}, have: []string{"passport"},
			want: datamap.Resolution{Unreached: []datamap.Unreached{telemetry, phones}},
		},
		{
			name: "a_system_that_is_reached_in_part_is_asked_about_the_rest", systems: []string{"app"}, have: []string{"device_id"},
			want: datamap.Resolution{Unreached: []datamap.Unreached{app}},
		},
		{
			name: "a_part_is_worth_a_round_too", systems: []string{"app"}, have: []string{"device_id", "email"},
			want: datamap.Resolution{Asks: []datamap.Ask{ask("crm", "email", "customer_id"), ask("shop", "email", "customer_id")}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := m.Plan("customer", tt.systems, tt.have, tt.asked)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("unknown_names_are_errors", func(t *testing.T) {
		if _, err := m.Plan("pilot", all, nil, nil); !errors.Is(err, datamap.ErrUnknownCapacity) {
			t.Errorf("got %v", err)
		}
		if _, err := m.Plan("", []string{"x"}, nil, nil); !errors.Is(err, datamap.ErrUnknownSystem) {
			t.Errorf("got %v", err)
		}
		if _, err := m.Unreached("x", "", nil); !errors.Is(err, datamap.ErrUnknownSystem) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a_round_fits_one_dispatch", func(t *testing.T) {
		r, err := m.Plan("customer", all, []string{"email"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"crm", "shop"}, r.Systems()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"customer_id"}, r.Want()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSharedIdentifiers(t *testing.T) {
	m := parse(t,
		schema("shop", customerWith("email: email, phone: phone", "customers: delete")+", lethe.shared_identities: [phone]", `customers: id* email phone`),
		schema("calls", `lethe.subjects: {customer: {collection: calls, key: id, identities: {email: email}}}, lethe.erase: {customer: {calls: delete, numbers: delete}}`,
			`calls: id* email
			 numbers: id* number=phone`))
	t.Run("a_shared_kind_does_not_find_a_person's_own_row", func(t *testing.T) {
		if diff := cmp.Diff([]string{"email"}, m.Accepts("shop", "customer")); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("nor_does_it_lead_to_another_kind", func(t *testing.T) {
		if got := m.Suppliers("customer", []string{"phone"}, []string{"email"}); got != nil {
			t.Errorf("got %v", got)
		}
		if got := m.SourcesOf("email", "customer"); got != nil {
			t.Errorf("got %v", got)
		}
	})
	t.Run("it_can_be_learnt_and_finds_rows_that_only_it_finds", func(t *testing.T) {
		r, err := m.Plan("customer", []string{"calls"}, []string{"email"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]datamap.Ask{{System: "shop", From: []string{"email"}, To: []string{"phone"}}}, r.Asks); diff != "" {
			t.Error(diff)
		}
		u, _ := m.Unreached("calls", "customer", []string{"email", "phone"})
		if len(u.Collections) > 0 {
			t.Errorf("unreached: %v", u.Collections)
		}
	})
}

// TestPlanEnds plays rounds over random maps against a naive closure: whatever sources know, the rounds end, and what is left unreached
// is what nothing that was learnt reaches; where every source answers all it is asked, nothing that could be reached is left.
func TestPlanEnds(t *testing.T) {
	kinds := []string{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(rt *rapid.T) {
		var texts []string
		held := map[string][]string{}
		for i := range rapid.IntRange(1, 6).Draw(rt, "systems") {
			ids := rapid.SliceOfNDistinct(rapid.SampledFrom(kinds), 1, 3, rapid.ID[string]).Draw(rt, "identities")
			name := fmt.Sprintf("s%d", i)
			held[name] = ids
			var pairs []string
			for _, k := range ids {
				pairs = append(pairs, k+": "+k)
			}
			texts = append(texts, schema(name, `lethe.subjects: {customer: {collection: c, key: id, identities: {`+strings.Join(pairs, ", ")+`}}}`,
				"c: id "+strings.Join(ids, " ")))
		}
		m, err := datamap.Parse(files(texts)...)
		if err != nil {
			rt.Fatal(err)
		}
		systems, _ := m.Frozen("customer", nil)
		have := []string{rapid.SampledFrom(kinds).Draw(rt, "have")}
		generous := rapid.Bool().Draw(rt, "every source answers")
		reachable := naiveClosure(held, have)
		var asked []datamap.Ask
		var last datamap.Resolution
		for round := 0; ; round++ {
			if round > len(kinds)*len(systems) {
				rt.Fatalf("no end after %d rounds", round)
			}
			if last, err = m.Plan("customer", systems, have, asked); err != nil {
				rt.Fatal(err)
			}
			if len(last.Asks) == 0 {
				break
			}
			before := slices.Clone(have)
			for _, a := range last.Asks {
				for _, k := range a.From {
					if !slices.Contains(before, k) || !slices.Contains(held[a.System], k) {
						rt.Fatalf("%v asks with what is not at hand", a)
					}
				}
				for _, k := range a.To {
					if !slices.Contains(have, k) && (generous || rapid.Bool().Draw(rt, "knows")) {
						have = append(have, k)
					}
				}
			}
			asked = append(asked, last.Asks...)
		}
		for _, name := range systems {
			reached := slices.ContainsFunc(held[name], func(k string) bool { return slices.Contains(have, k) })
			said := !slices.ContainsFunc(last.Unreached, func(u datamap.Unreached) bool { return u.System == name })
			if reached != said {
				rt.Fatalf("%s: reached %v, said %v (have %v)", name, reached, said, have)
			}
			could := slices.ContainsFunc(held[name], func(k string) bool { return slices.Contains(reachable, k) })
			if generous && could != reached {
				rt.Fatalf("%s could be reached and was not", name)
			}
		}
	})
}

func naiveClosure(held map[string][]string, have []string) []string {
	out := slices.Clone(have)
	for n := -1; n != len(out); {
		n = len(out)
		for _, ids := range held {
			if slices.ContainsFunc(ids, func(k string) bool { return slices.Contains(out, k) }) {
				for _, k := range ids {
					if !slices.Contains(out, k) {
						out = append(out, k)
					}
				}
			}
		}
	}
	return out
}
