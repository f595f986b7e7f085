package datamap_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// facts keeps the warning about what is not declared out of the way.
const facts = ", lethe.backups: none, lethe.physical: {within: P1D}, lethe.recipients: [], lethe.relation: own, lethe.not_covered: []"

// purposes does so for the purpose and the retention of everything in dataset d.
const purposes = `
system:
- fides_key: s
  system_type: Database
  dataset_references: [d]
  privacy_declarations: [{data_use: essential.service, data_categories: [user], retention_period: a year}]
`

func TestCheck(t *testing.T) {
	ground := `{article: a, law: b, period: P1Y, restriction: c}`
	for _, tt := range []struct {
		name, policies, more, tables, tail string
		want                               []string
	}{
		{name: "nothing_to_find", policies: "customers: delete", tables: `customers: id* email`},
		{
			name: "dangling_references", policies: "customers: delete",
			tables: `customers (after=d.nowhere): id* email rep>nobody/x.y
				a (skip): id#system b#system>d/a.c c#system>d/x.y`,
			want: []string{
				`at d.nowhere: error: collection "customers" is to be erased after "d.nowhere", which is not in system "s" (dangling_reference)`,
				`at {dataset: error: customers.rep refers to "x.y": the map has no dataset "nobody" (dangling_reference)`,
				`at {dataset: error: a.c refers to "x.y": dataset "d" has no field "x.y", written as collection.field (dangling_reference)`,
			},
		},
		{
			name: "a_system_with_a_dataset_that_is_not_there", policies: "customers: delete", tables: `customers: id* email`,
			tail: "- {fides_key: t, system_type: x, privacy_declarations: [], dataset_references: [nobody]}\n",
			want: []string{`at nobody: error: system "t" references the dataset "nobody", which the map does not hold (dangling_reference)`},
		},
		{
			name: "not_followed_names_nothing", policies: "customers: delete", more: ", lethe.not_followed: [customers.x, customers.id]", tables: `customers: id* email`,
			want: []string{`at customers.x: error: lethe.not_followed: dataset "d" has no field "customers.x" (not_followed_unknown)`},
		},
		{
			name: "a_circle_of_deletes", policies: "customers: delete, a: delete, b: delete",
			tables: `customers: id* email
				a: id* c>customers.id b>b.id
				b: id* a>a.id`,
			want: []string{"at customer: error: customer: a → b → a: all of these are deleted and each refers to the next; detach one of the references (order_cycle)"},
		},
		{
			name: "free_text_that_is_searched", policies: "customers: delete", more: ", lethe.free_text: {customer: [a.name]}",
			tables: `customers: id* email
				a: id#system name`,
		},
		{
			name: "free_text_that_is_skipped", policies: "customers: delete", more: ", lethe.free_text: {customer: [a.id]}",
			tables: `customers: id* email
				a (skip): id#system`,
			want: []string{`at {name: error: customer: lethe.free_text: collection "a" is skipped (free_text_skipped)`},
		},
		{
			name: "a_detached_reference_in_what_is_skipped", policies: "customers: delete, a.c: detach",
			tables: `customers: id* email
				a (skip): id#system c#system>customers.id`,
			want: []string{`at a.c: error: customer: a.c is to be detached, but a is skipped, so that nothing in it is worked: take skip_processing away (detach_skipped)`},
		},
		{
			name: "no_way_to_personal_data", policies: "customers: delete",
			tables: `customers: id* email
				a: id* name
				b: id#system
				c (skip): ip`,
			want: []string{
				`at name: error: collection "a" holds personal data (id, name) and no identity reaches it (unreached)`,
				`at name: warning: collection "c" holds personal data (ip) and is skipped: records list it as not covered (skipped)`,
			},
		},
		{
			name: "policies_that_are_missing", policies: "customers: delete",
			tables: `customers: id* email
				a: id*#system c#system>customers.id
				b: id#system a#system>a.id
				e: id a#system>a.id`,
			want: []string{
				`at name: error: customer: lethe.erase does not say what an erasure does to "a", which holds rows of the person (no_policy)`,
				`at name: warning: customer: lethe.erase does not say what an erasure does to "b" (no_policy)`,
				`at name: error: customer: lethe.erase does not say what an erasure does to "e", which holds rows of the person (no_policy)`,
			},
		},
		{
			name: "policies_that_nothing_leads_to", policies: "customers: delete, a: delete, a.x: detach", more: ", lethe.shared: {customers: keep}, lethe.ground: {customer: {a: " + ground + ", customers: " + ground + "}}",
			tables: `customers: id* email
				a: id#system x#system`,
			want: []string{
				"at a: error: customer: lethe.erase says delete for a, but no identity reaches it (policy_unreached)",
				"at a.x: error: customer: a.x is to be detached, but it refers to no rows of the person (detach_unreached)",
				"at keep: warning: customer: customers is not reached as a row that others refer to, lethe.shared is for nothing (shared_unused)",
				"at {article: warning: customer: no identity reaches a, its ground is for nothing (ground_unused)",
				`at {article: warning: customer: "customers" is deleted, its ground is for nothing (ground_unused)`,
			},
		},
		{
			name: "what_stays_needs_its_ground", policies: "customers: anonymise, a: keep, b: keep, c: anonymise",
			more: ", lethe.ground: {customer: {b: {article: a, law: b}}}, lethe.assessment: {customer: {c: x, b: y}}",
			tables: `customers: id* email!null_rewrite
				a: id* c>customers.id
				b: id* c>customers.id
				c: id* c>customers.id x!null_rewrite`,
			want: []string{
				`at customers: error: customer: customers is "anonymise" and lethe.ground gives no ground for it: its rows would leave every erasure incomplete (no_ground)`,
				`at a: error: customer: a is "keep" and lethe.ground gives no ground for it: its rows would leave every erasure incomplete (no_ground)`,
				"at b: warning: customer: b has an assessment and is not anonymised (assessment_unused)",
				"at {article: error: customer: the ground for b lacks its period or its restriction: its rows would leave every erasure incomplete (no_ground)",
			},
		},
		{
			name: "masks_that_are_missing", policies: "customers: anonymise, a: anonymise",
			more: ", lethe.ground: {customer: {customers: " + ground + ", a: " + ground + "}}",
			tables: `customers: id* email!hmac name phone!preserve
				a: id* c>customers.id`,
			want: []string{
				"at customers: warning: customer: the anonymised rows of customers keep these personal fields (mask them, or say preserve): name (left_in_clear)",
				"at a: error: customer: a is to be anonymised and none of its fields has a masking_strategy_override (nothing_masked)",
			},
		},
		{
			name: "what_stays_refers_to_what_goes", policies: "customers: delete, a: keep, b: anonymise, c: anonymise, e: keep, e.c: detach",
			more: ", lethe.ground: {customer: {a: " + ground + ", b: " + ground + ", c: " + ground + ", e: " + ground + "}}",
			tables: `customers: id* email
				a: id* c>customers.id
				b: id* c>customers.id!string_rewrite
				c: id* c>customers.id!null_rewrite
				e: id* c>customers.id d>customers.id!null_rewrite`,
			want: []string{
				"at a: error: customer: a stays and c in it refers to customers, which is deleted: detach it or mask it with null_rewrite (refers_to_deleted)",
				"at b: error: customer: b stays and c in it refers to customers, which is deleted: detach it or mask it with null_rewrite (refers_to_deleted)",
				"at e: error: customer: e stays and d in it refers to customers, which is deleted: detach it or mask it with null_rewrite (refers_to_deleted)",
			},
		},
		{
			name: "a_reference_to_itself_that_is_followed", policies: "customers: delete", tables: `customers: id* email up>customers.id`,
			want: []string{"at {name: warning: customer: rows of customers that refer to the person's are the person's too, in any depth; if they are other people's, detach customers.up or list it in lethe.not_followed (self_reference)"},
		},
		{
			name: "words_that_the_taxonomy_does_not_have", policies: "customers: delete", tables: `customers: id* email#usr.contact.email x#user.shoe_size`,
			tail: "- {fides_key: t, system_type: x, privacy_declarations: [{data_use: shopping, data_categories: [user.hobby]}]}\ndata_category: [{fides_key: user.shoe_size}]\n",
			want: []string{
				`at usr.contact.email: error: the data category "usr.contact.email" is not in Fideslang's taxonomy nor in the map's own data_category (unknown_category)`,
				`at {fides_key: warning: system "t" holds personal data and lethe.subjects names nobody there: no request reaches it (no_subjects)`,
				`at {data_use: error: the data category "user.hobby" is not in Fideslang's taxonomy nor in the map's own data_category (unknown_category)`,
				`at {data_use: warning: the data use "shopping" is not in Fideslang's taxonomy nor in the map's own data_use (unknown_use)`,
			},
		},
		{
			name: "an_identity_that_no_identifier_can_be", policies: "customers: delete", tables: `customers: id* email=E-Mail`,
			want: []string{`at {name: error: customers.email: no identifier can have the kind "E-Mail": a lower-case letter, then letters, digits, _ . or - (identity_kind)`},
		},
		{
			name: "shared_identifiers_that_find_a_person", policies: "customers: delete, devices: delete", more: ", lethe.shared_identities: [device]",
			tables: `customers: id* email
				devices: id* serial=device owner<customers.id`,
			want: []string{
				"at {name: error: customer: device is an identifier that several people share, and it leads from devices.serial to the person's row in customers (shared_leads_back)",
			},
		},
		{
			name: "identifiers_below_the_person", policies: "customers: delete, addresses: delete, phones: delete, invoices: delete, news: delete",
			tables: `customers: id* email
				addresses: id* other=email owner>customers.id
				phones: id* number=phone owner>customers.id
				invoices: id* vat=vat_id owner>customers.id<customers.id
				news: id* vat=vat_id`,
			want: []string{
				"at {name: warning: customer: who is asked about by phone alone is found in phones and not in customers; declare the reference between them in both directions (from and to), unless phones.number may be somebody else's (identity_leads_not_back)",
			},
		},
		{
			name: "masks_that_can't_be_done", policies: "customers: anonymise", more: ", lethe.ground: {customer: {customers: " + ground + "}}",
			tables: `customers: id*!null_rewrite email!null_rewrite`,
			want: []string{
				"at null_rewrite: error: customers.id is a primary key: masking it would cut off the rows that refer to it (mask_on_key)",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := schema("d", customer+tt.policies+"}}"+facts+tt.more, tt.tables) + purposes + tt.tail
			var got []string
			for _, f := range parse(t, text).Check() {
				got = append(got, strings.Replace(f.String(), f.Pos.String(), "at "+wordAt(text, f.Pos), 1))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// wordAt returns the word that stands at a place.
func wordAt(text string, p datamap.Pos) string {
	line := []rune(strings.Split(text, "\n")[p.Line-1])
	word, _, _ := strings.Cut(string(line[p.Column-1:]), " ")
	return strings.TrimRight(word, ":,]}")
}

// TestCheckWholeMaps has the findings that need more than a dataset d.
func TestCheckWholeMaps(t *testing.T) {
	for _, tt := range []struct {
		name  string
		texts []string
		want  []string
	}{
		{"nothing_declared", []string{`
dataset:
- fides_key: d
  meta:
    lethe.version: 1
    lethe.subjects: {customer: {collection: c, key: id, identities: {email: email}}, nobody: {collection: e, key: id}}
    lethe.erase: {customer: {c: delete}, nobody: {e: delete}}
  collections:
  - name: c
    fields:
    - {name: id}
    - {name: email, data_categories: [user.contact.email]}
  - name: e
    fides_meta: {skip_processing: true}
    fields:
    - {name: id}
`}, []string{
			`map.yml:3:3: warning: system "d" does not declare lethe.backups, lethe.physical, lethe.recipients, lethe.relation, lethe.not_covered: records say unknown, and unknown backups bar the result complete (undeclared)`,
			`map.yml:6:86: error: nobody: collection "e" is skipped (root_skipped)`,
			`map.yml:6:86: error: nobody: collection "e" holds no identifier by which one person is found (root_without_identity)`,
			`map.yml:9:5: warning: collection "c": no data_use, and no privacy declaration of the system, says what these are for: email (no_purpose)`,
			`map.yml:9:5: warning: collection "c": neither lethe.retention nor a privacy declaration says how long these are kept: email (no_retention)`,
		}},
		{"a_declaration_for_another_use_is_no_retention", []string{`
dataset:
- fides_key: d
  collections:
  - name: c
    data_uses: [sales]
    fields: [{name: email, data_categories: [user.contact.email]}]
system:
- fides_key: s
  system_type: x
  dataset_references: [d]
  privacy_declarations: [{data_use: finance, data_categories: [user], retention_period: P1Y}]
`}, []string{
			`map.yml:5:5: warning: collection "c": neither lethe.retention nor a privacy declaration says how long these are kept: email (no_retention)`,
			`map.yml:9:3: error: system "s" holds personal data and lethe.subjects names nobody there: no request reaches it (no_subjects)`,
		}},
		{"several_systems_and_references_between_systems", []string{
			`
dataset:
- {fides_key: d, collections: [{name: c, fields: [{name: f, fides_meta: {references: [{dataset: e, field: c.f, direction: from}]}}]}]}
- {fides_key: e, collections: [{name: c, fields: [{name: f}]}]}
system:
- {fides_key: s, system_type: x, dataset_references: [d], privacy_declarations: []}
- {fides_key: t, system_type: x, dataset_references: [d], privacy_declarations: []}
`,
		}, []string{
			`map.yml:3:3: warning: the dataset "d" is referenced by several systems: it is asked for as "d" (several_systems)`,
			`map.yml:3:87: warning: c.f refers to c.f in system "e", which holds no kind of identifier: nobody is looked for over it (no_identity)`,
		}},
		{"objects", []string{`
dataset:
- fides_key: d
  meta:
    lethe.version: 1
    lethe.subjects: {customer: {collection: c, key: id, identities: {email: email}}}
    lethe.erase: {customer: {c: anonymise}}
    lethe.assessment: {customer: {c: x}}
    lethe.objects: {c: {format: object, prefix: "c/{email}/{id}/"}}
    lethe.backups: none
    lethe.physical: {within: P1D}
    lethe.recipients: []
    lethe.relation: own
    lethe.not_covered: []
  collections:
  - name: c
    fields:
    - {name: id}
    - {name: email, fides_meta: {read_only: true, length: 3, masking_strategy_override: {strategy: hmac}}}
    - {name: nick, fides_meta: {length: 3, masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: gone}}}}
`}, []string{
			"map.yml:7:30: error: customer: whole objects are deleted or kept, c can't be anonymised (object_masked)",
			"map.yml:9:24: error: customer: nothing says which id the objects of the person have: no identity, no reference (prefix_unknown)",
			"map.yml:19:100: error: c.email is read_only and masked (mask_read_only)",
			"map.yml:20:82: error: c.nick is at most 3 characters long, its mask is longer (mask_too_long)",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range parse(t, tt.texts...).Check() {
				got = append(got, f.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("our_own_example_has_no_findings", func(t *testing.T) {
		for _, f := range load(t, company).Check() {
			t.Error(f)
		}
	})
}
