package sql_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

const nobodyMap = `
dataset:
- fides_key: shop
  fides_meta: {namespace: {schema: SCHEMA}}
  meta:
    lethe.version: 1
    lethe.subjects: {customer: {collection: users, key: id, identities: {customer_id: id, email: email, phone: phone}}}
    lethe.erase: {customer: {users: anonymise, comments: delete, calls: delete}}
    lethe.ground: {customer: {users: {article: "GDPR 17(3)(b)", law: a law, period: P1Y, restriction: nobody}}}
  collections:
  - name: users
    fields:
    - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: "MASK"}}}}
    - {name: phone, data_categories: [user.contact.phone_number], fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: "-"}}}}
  - name: comments
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: body, data_categories: [user.content]}
  - name: calls
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: phone, data_categories: [user.contact.phone_number], fides_meta: {identity: phone}}
`

// TestWhatIsNobodysMakesNoTwoPeopleOne: what stands in the place of an identifier (nothing, a dash, the mask of an earlier erasure) is held by many
// people's rows and leads from none to another.
func TestWhatIsNobodysMakesNoTwoPeopleOne(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		for _, mask := range []string{"", "erased@x.invalid", "n/a"} {
			t.Run("mask_"+strings.Trim(mask, "/"), func(t *testing.T) {
				w := newPlace(t, p.dialect).world(t, `CREATE TABLE users (id int PRIMARY KEY, email varchar(100) NOT NULL DEFAULT '', phone varchar(40) NOT NULL DEFAULT '-');
CREATE TABLE comments (id int PRIMARY KEY, email varchar(100) NOT NULL DEFAULT '', body varchar(100));
CREATE TABLE calls (id int PRIMARY KEY, phone varchar(40));
INSERT INTO users VALUES (1, 'anna@example.org', '+49 30 7654'), (2, '', '-'), (3, '-', '0'), (4, 'erased@x.invalid', ' '), (5, 'N/A', 'n/a');
INSERT INTO comments VALUES (1, 'Anna@Example.org', 'anna'), (2, '', 'a guest'), (3, ' ', 'guest'), (4, '-', 'guest'), (5, 'erased@x.invalid', 'masked'), (6, 'n/a', 'guest');
INSERT INTO calls VALUES (1, '+49 (0)30 7654'), (2, '-'), (3, '(0)'), (4, ' '), (5, 'n/a'), (6, NULL)`)
				s := w.system(w.parse(t, strings.Replace(nobodyMap, "MASK", mask, 1)))
				others := func() []string {
					return append(w.texts("SELECT body FROM comments ORDER BY id"), w.texts("SELECT id FROM calls ORDER BY id")...)
				}
				all := others()
				for _, who := range []string{"2", "3", "4", "5"} {
					d := ask(dsr.Act, 1, customer(who))
					d.Kind = dsr.Access
					if parts, _ := export(t, s, d); who != "4" && parts["comments"]+parts["calls"] != "" { // the mask of 4 is an address where the map does not say that it is one
						t.Errorf("user %s is handed over %s%s", who, parts["comments"], parts["calls"])
					} else if who == "4" && mask != "" && mask != "n/a" && parts["comments"] != "" {
						t.Errorf("whoever was masked is handed over %s", parts["comments"])
					}
					if who == "4" && mask != "erased@x.invalid" {
						continue
					}
					got := lines(erase(t, s, ask(dsr.Act, 1, customer(who)))[0])
					if n := got["comments"].Counts.Found + got["calls"].Counts.Found; n != 0 {
						t.Errorf("of user %s %d rows of others are found", who, n)
					}
				}
				if d := cmp.Diff(all, others()); d != "" {
					t.Fatalf("rows of others changed (-want +got):\n%s", d)
				}
				act := ask(dsr.Act, 1, customer("1"))
				as := erase(t, s, act)
				if got := lines(as[0]); got["comments"].Counts.Erased != 1 || got["calls"].Counts.Erased != 1 {
					t.Errorf("anna: %+v", got)
				}
				left := others()
				for round := int32(1); round <= 2; round++ { // her address is masked now
					later := ask(dsr.Verify, round, customer("1"))
					later.Keys = as[0].Keys
					if got := lines(look(t, s, later)[0]); got["comments"].Counts.Remaining+got["calls"].Counts.Remaining != 0 {
						t.Errorf("look of round %d: %+v", round, got)
					}
					later.Phase, later.Round = dsr.Act, round+1
					erase(t, s, later)
				}
				if d := cmp.Diff(left, others()); d != "" {
					t.Errorf("later rounds took rows of others (-want +got):\n%s", d)
				}
				d := ask(dsr.Resolve, 1, customer("1"))
				d.Want = []string{"email", "phone"}
				if as, err := s.Resolve(t.Context(), []responder.Dispatch{d}); err != nil || len(as[0].Resolved) != 0 {
					t.Errorf("resolved after the erasure: %v, %v", as, err)
				}
			})
		}
	})
}
