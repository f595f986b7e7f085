package sql_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// survey returns the findings, each after the line of the map that it is about.
func (w *world) survey(t *testing.T, change ...string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/shop.yml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.NewReplacer(change...).Replace(string(text)), "\n")
	found, err := sql.Survey(t.Context(), w.config(w.loadMap(t, "shop.yml", change...)))
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, f := range found {
		if f.Pos.File != "map.yml" || f.Pos.Line == 0 || f.System != "shop" {
			t.Errorf("without a place: %+v", f)
		}
		out = append(out, strings.ReplaceAll(fmt.Sprintf("%s: %s: %s (%s)", strings.TrimSpace(lines[f.Pos.Line-1]), f.Severity, f.Message, f.Code), w.schema+".", "S."))
		out[len(out)-1] = strings.Replace(out[len(out)-1], " is TEXT in", " is text in", 1)
	}
	return out
}

func TestSurvey(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.ledgerTables() // nobody's
		if got := w.survey(t); len(got) > 0 {
			t.Errorf("a map that fits: %s", strings.Join(got, "\n"))
		}
		for _, q := range []string{
			"CREATE TABLE visits (id int PRIMARY KEY, customer_id bigint REFERENCES customers (id))",
			"CREATE TABLE leads (id int PRIMARY KEY, email text, phone text, score int)",
			"CREATE TABLE weather (day text, rain int)",
			"ALTER TABLE messages ADD COLUMN sender_email text",
			"ALTER TABLE messages ADD COLUMN mood text",
			"ALTER TABLE order_items DROP COLUMN sku",
			"ALTER TABLE order_items ADD COLUMN of_order bigint REFERENCES orders (id)",
		} {
			w.exec(q)
		}
		w.exec("CREATE TABLE lookup (id int PRIMARY KEY, parent int REFERENCES lookup (id))")
		got := w.survey(t, "- name: topic\n", "- name: topic\n      fides_meta: {data_type: integer}\n",
			"fides_meta: {data_type: integer, primary_key: true}\n    - name: sku", "fides_meta: {data_type: integer}\n    - name: sku",
			"fides_meta: {data_type: string, length: 60, masking", "fides_meta: {data_type: string, length: 90, masking",
			"  - name: employees\n", "  - name: lookup\n    fields: [{name: id, fides_meta: {data_type: integer}}, {name: parent, fides_meta: {data_type: integer}}]\n  - name: employees\n")
		want := []string{
			`- fides_key: shop: warning: the data map does not know table S.leads; its columns look like personal data: email (user.contact.email), phone (user.contact.phone_number) (unknown_table)`,
			`- fides_key: shop: warning: the data map does not know table S.weather (unknown_table)`,
			`- name: customers: error: the data map does not know the foreign key visits (customer_id) → customers (id): add the table visits to it, or skip it there on purpose (skip_processing) (misfit)`,
			`- name: email: warning: customers.email takes 60 characters in the database, and 90 in the data map (length_differs)`,
			`- name: order_items: error: the data map does not know column of_order of table order_items, by which the foreign key order_items (of_order) → orders (id) leads to rows of a customer (misfit)`,
			`- name: order_items: warning: the data map does not know column of_order of table order_items: it is neither erased nor exported (unknown_column)`,
			`- name: order_items: warning: the primary key of order_items is (order_id, line) in the database, and (order_id) in the data map (key_differs)`,
			`- name: sku: error: column sku of table S.order_items does not exist (misfit)`,
			`- name: messages: warning: the data map does not know column mood of table messages: it is neither erased nor exported (unknown_column)`,
			`- name: messages: warning: the data map does not know column sender_email of table messages: it is neither erased nor exported; it looks like user.contact.email (unknown_column)`,
			`- name: topic: warning: newsletter.topic is text in the database, and integer in the data map (type_differs)`,
			`- name: lookup: warning: no request reaches table lookup: skip it on purpose (skip_processing), or say how it belongs to a person (unreached_table)`,
			`fields: [{name: id, fides_meta: {data_type: integer}}, {name: parent, fides_meta: {data_type: integer}}]: warning: the data map does not know the foreign key lookup (parent) → lookup (id): declare it in references, or list it in lethe.not_followed (unknown_key)`,
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

// warns demands what a survey says of the rows that an erasure goes past.
func (h hard) warns(t *testing.T, w *world, m *datamap.Map) {
	t.Helper()
	found, err := sql.Survey(t.Context(), w.config(m))
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, f := range found {
		if slices.Contains([]string{"undeclared_reference", "blocking_key"}, f.Code) {
			got = append(got, f.Message)
		}
		if f.Severity == datamap.SeverityError {
			t.Errorf("what is started with is an error: %s", f)
		}
	}
	for line := range strings.Lines(h.text("warned", w.dialect)) {
		want = append(want, strings.TrimSpace(line))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("warned (-want +got):\n%s", d)
	}
}

// What a survey advises silences it, and is nothing that the check of the map finds fault with.
func TestUndeclaredReferencesThatAreDecided(t *testing.T) {
	decided := map[string]*strings.Replacer{
		"not_followed": strings.NewReplacer("staff: delete}}", "staff: delete}}\nlethe.not_followed: [wp_usermeta.user_id, salaries.emp_no]"),
		"references":   strings.NewReplacer("user_id system | meta", "user_id <wp_users.ID system | meta", "emp_no pk system | from_year", "emp_no pk <staff.emp_no system | from_year"),
		"from_the_key": strings.NewReplacer("wp_users: ID pk", "wp_users: ID >wp_usermeta.user_id pk", "staff: emp_no pk", "staff: emp_no >salaries.emp_no pk"),
		"detach": strings.NewReplacer("user_id system | meta", "user_id <wp_users.ID system | meta", "staff: delete}}",
			"staff: delete, wp_usermeta.user_id: detach}}\nlethe.not_followed: [salaries.emp_no]"),
	}
	for name, change := range decided {
		t.Run(name, func(t *testing.T) {
			h := readHard(t, "testdata/shapes/references_by_name_alone.txt")
			p := newPlace(t, sql.SQLite)
			w := p.world(t, h.ddl(p.dialect, p.schema))
			h.sections["map"], h.sections["warned"] = change.Replace(h.sections["map"]), ""
			m := p.parse(t, h.yaml(p.dialect))
			for _, f := range m.Check() {
				if strings.Contains(f.Message, "not_followed") {
					t.Error(f)
				}
			}
			h.warns(t, w, m)
		})
	}
}

// Of what the map does not know, a survey says as well to what it seems to refer.
func TestUnknownTablesThatSeemToRefer(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.exec("CREATE TABLE visits (id int PRIMARY KEY, customer_id bigint, day text)")
		w.exec("ALTER TABLE messages ADD COLUMN order_id bigint")
		want := []string{
			`- fides_key: shop: warning: the data map does not know table S.visits; customer_id looks like a reference to customers (unknown_table)`,
			`- name: messages: warning: the data map does not know column order_id of table messages: it is neither erased nor exported; order_id looks like a reference to orders (unknown_column)`,
		}
		if d := cmp.Diff(want, w.survey(t)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}
