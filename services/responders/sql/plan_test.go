package sql_test

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The golden files are the statements of an erasure, to be read by people.
func TestExplain(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		s := w.system(p.loadMap(t, "shop.yml"))
		for _, kind := range []string{"customer", "employee"} {
			got, err := s.Explain(dsr.Erasure, kind)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(strings.Join(got, ";\n\n")+";\n", p.schema, "shop")
			file := "testdata/plan_" + kind + "_" + string(p.dialect) + ".sql"
			if *update {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), text); d != "" {
				t.Errorf("%s (-want +got; -update writes it anew):\n%s", file, d)
			}
		}
		if _, err := s.Explain(dsr.Erasure, "patient"); !errors.Is(err, datamap.ErrUnknownCapacity) {
			t.Errorf("an unknown kind of subject: %v", err)
		}
	})
}

// An access reads every collection that the map hands over, in its order, after it has counted what the map leaves out.
func TestExplainAccess(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml"))
		got, err := s.Explain(dsr.Access, "customer")
		if err != nil {
			t.Fatal(err)
		}
		var read []string
		for _, q := range got {
			last := q[strings.LastIndex(q, "\nSELECT ")+1:]
			switch {
			case strings.HasPrefix(last, "SELECT 7 AS what, count(*)"):
				read = append(read, "count")
			case strings.Contains(last, " ORDER BY t."):
				before, _, _ := strings.Cut(strings.ReplaceAll(last, "`", `"`), `" AS t`)
				read = append(read, before[strings.LastIndex(before, `"`)+1:])
			}
			if strings.Contains(last, "margin") {
				t.Errorf("it reads what the map leaves out: %s", last)
			}
		}
		want := []string{"count", "customers", "addresses", "orders", "order_items", "messages", "invoices", "invoice_lines"}
		if d := cmp.Diff(want, read); d != "" {
			t.Errorf("(-want +got):\n%s\n%s", d, strings.Join(got, ";\n\n"))
		}
	})
}

func TestMisfits(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  []string // of the map
		ddl     []string // on every engine
		only    sql.Dialect
		problem string
	}{
		{"a_table_that_is_not_there", []string{"name: messages", "name: letters", "messages: delete", "letters: delete"}, nil, "", "letters does not exist"},
		{"a_column_that_is_not_there", []string{"- name: body", "- name: text"}, nil, "", "column text of table SCHEMA.messages does not exist"},
		{
			"a_table_that_the_map_does_not_know", nil,
			[]string{"CREATE TABLE visits (id int PRIMARY KEY, customer_id bigint REFERENCES customers (id))"},
			"",
			"the data map does not know the foreign key visits (customer_id) → customers (id): add the table visits to it",
		},
		{
			"a_table_below_that_the_map_does_not_know", nil,
			[]string{"CREATE TABLE visits (id int PRIMARY KEY, order_id bigint REFERENCES orders (id))"},
			"",
			"the data map does not know the foreign key visits (order_id) → orders (id)",
		},
		{
			"a_foreign_key_that_the_map_does_not_know", nil,
			[]string{"ALTER TABLE messages ADD COLUMN reply_to bigint REFERENCES customers (id)"},
			"",
			"the data map does not know column reply_to of table messages",
		},
		{"a_reference_that_is_followed_the_other_way", []string{
			"- name: customer_id\n      data_categories: [user.unique_id]\n      fides_meta:\n        data_type: integer\n        references: [{dataset: shop, field: customers.id, direction: from}]\n    - name: body",
			"- name: customer_id\n      data_categories: [user.unique_id]\n      fides_meta:\n        data_type: integer\n        references: [{dataset: shop, field: customers.id, direction: to}]\n    - name: body",
			"        messages: delete\n", "",
		}, nil, "", "no identity reaches"},
		{"a_view", nil, []string{"DROP TABLE messages", "CREATE VIEW messages AS SELECT id AS customer_id, name AS body FROM customers"}, "", "messages is a view"},
		{"null_in_a_column_that_takes_none", []string{"string_rewrite, configuration: {rewrite_value: erased}}", "null_rewrite}"}, nil, "", "customers.name is NOT NULL: null_rewrite cannot be carried out"},
		{
			"a_constant_in_a_unique_column",
			[]string{"random_string_rewrite, configuration: {length: 30}}", "string_rewrite, configuration: {rewrite_value: erased}}"},
			nil, "",
			"customers.email is UNIQUE: string_rewrite would give two rows the same value",
		},
		{"too_few_random_characters", []string{"configuration: {length: 30}", "configuration: {length: 10}"}, nil, "", "customers.email is UNIQUE: 10 random characters are too few"},
		{
			"a_constant_that_is_too_long",
			[]string{"rewrite_value: erased", "rewrite_value: " + strings.Repeat("x", 70), "- name: name\n      data_categories: [user.name]\n      fides_meta: {data_type: string,", "- name: name\n      data_categories: [user.name]\n      fides_meta: {data_type: string, length: 90,"},
			[]string{"ALTER TABLE customers DROP COLUMN name", "ALTER TABLE customers ADD COLUMN name varchar(50)"},
			"", "customers.name takes 50 characters, the value of its string_rewrite has 70",
		},
		{"a_hash_that_does_not_fit", nil, []string{"ALTER TABLE customers DROP COLUMN loyalty", "ALTER TABLE customers ADD COLUMN loyalty varchar(12)"}, "", "customers.loyalty takes 12 characters: a keyed hash needs 21"},
		{"a_text_mask_on_a_number", nil, []string{"ALTER TABLE customers DROP COLUMN loyalty", "ALTER TABLE customers ADD COLUMN loyalty bigint"}, "", "customers.loyalty has type bigint: hmac is for text"},
		{"a_constant_of_another_type", []string{"1900-01-01", "long ago"}, nil, sql.Postgres, "customers.born has type date, which the value of its string_rewrite is not"},
		{"a_generated_column", nil, []string{"ALTER TABLE customers DROP COLUMN phone", "ALTER TABLE customers ADD COLUMN phone text GENERATED ALWAYS AS ('+49') STORED"}, sql.Postgres, "customers.phone is a generated column"},
		{"a_reference_that_cannot_be_null", nil, []string{"DELETE FROM customers", "ALTER TABLE customers ALTER COLUMN account_manager_id SET NOT NULL"}, sql.Postgres, "customers.account_manager_id is NOT NULL: it cannot be detached"},
		{
			"a_deletion_that_changes_what_is_skipped",
			[]string{
				"name: messages\n", "name: messages\n    fides_meta: {skip_processing: true}\n", "        messages: delete\n", "", "customers: anonymise", "customers: delete",
				"invoices: keep", "invoices: delete", "invoice_lines: keep", "invoice_lines: delete", "references: [{dataset: shop, field: addresses.id, direction: to}]", "references: []", "addresses: delete\n        orders", "orders",
			},
			[]string{"ALTER TABLE messages DROP CONSTRAINT messages_customer_id_fkey", "ALTER TABLE messages ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE SET NULL"},
			sql.Postgres,
			"deleting rows of customers would change rows of messages, which the data map skips",
		},
		{
			"a_cascade_into_what_is_skipped",
			[]string{
				"name: messages\n", "name: messages\n    fides_meta: {skip_processing: true}\n", "        messages: delete\n", "", "customers: anonymise", "customers: delete",
				"invoices: keep", "invoices: delete", "invoice_lines: keep", "invoice_lines: delete", "references: [{dataset: shop, field: addresses.id, direction: to}]", "references: []", "addresses: delete\n        orders", "orders",
			},
			[]string{"ALTER TABLE messages DROP CONSTRAINT messages_customer_id_fkey", "ALTER TABLE messages ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE"},
			sql.Postgres,
			"deleting rows of customers would cascade into messages, which the data map skips",
		},
		{
			"a_cascade_into_what_is_skipped",
			[]string{
				"name: messages\n", "name: messages\n    fides_meta: {skip_processing: true}\n", "        messages: delete\n", "", "customers: anonymise", "customers: delete",
				"invoices: keep", "invoices: delete", "invoice_lines: keep", "invoice_lines: delete", "references: [{dataset: shop, field: addresses.id, direction: to}]", "references: []", "addresses: delete\n        orders", "orders",
			},
			[]string{"ALTER TABLE messages DROP FOREIGN KEY messages_ibfk_1", "ALTER TABLE messages ADD FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE"},
			sql.MySQL,
			"deleting rows of customers would cascade into messages, which the data map skips",
		},
		{"a_constant_that_is_no_date", []string{"1900-01-01", "long ago"}, nil, sql.MySQL, "customers.born has type date, which the value of its string_rewrite is not"},
		{"a_constant_that_is_not_listed", []string{"1900-01-01", "long ago"}, []string{"ALTER TABLE customers MODIFY born enum('a', 'b')"}, sql.MySQL, "customers.born has type enum, which the value of its string_rewrite is not"},
		{"a_constant_that_is_no_number", []string{"1900-01-01", "1x"}, []string{"ALTER TABLE customers MODIFY born int"}, sql.MySQL, "customers.born has type int, which the value of its string_rewrite is not"},
		{"a_constant_that_is_out_of_range", []string{"1900-01-01", "-1"}, []string{"ALTER TABLE customers MODIFY born smallint unsigned"}, sql.MySQL, "customers.born has type smallint, which the value of its string_rewrite is not"},
		{"a_generated_column", nil, []string{"ALTER TABLE customers DROP COLUMN phone", "ALTER TABLE customers ADD COLUMN phone varchar(20) GENERATED ALWAYS AS ('+49') VIRTUAL"}, sql.MySQL, "customers.phone is a generated column"},
		{"a_reference_that_cannot_be_null", nil, []string{"ALTER TABLE customers MODIFY account_manager_id bigint NOT NULL"}, sql.MySQL, "customers.account_manager_id is NOT NULL: it cannot be detached"},
		{"a_table_without_transactions", nil, []string{"ALTER TABLE newsletter ENGINE = MyISAM"}, sql.MySQL, "table SCHEMA.newsletter has the engine MyISAM, which knows no transactions"},
		{"a_table_that_keeps_its_history", nil, []string{"ALTER TABLE newsletter ADD SYSTEM VERSIONING"}, sql.MySQL, "table SCHEMA.newsletter keeps the history of its rows"},
		{"a_table_whose_rows_have_no_name", nil, []string{"ALTER TABLE messages DROP COLUMN number"}, sql.MySQL, "table SCHEMA.messages has no primary key: its rows cannot be told apart"},
		{"a_unique_key_over_the_beginning", nil, []string{"ALTER TABLE customers ADD UNIQUE (loyalty (10))"}, sql.MySQL, "customers.loyalty is UNIQUE in its first 10 characters: a keyed hash would not keep it so"},
		{
			"a_binary_identifier", nil,
			[]string{"ALTER TABLE customers DROP KEY email", "ALTER TABLE customers MODIFY email varbinary(60)"},
			sql.MySQL, "customers.email: an identifier cannot be compared with type varbinary",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, p place) {
				if c.only != "" && c.only != p.dialect {
					return
				}
				w := p.shop(t)
				for _, q := range c.ddl {
					w.exec(q)
				}
				_, err := sql.New(t.Context(), w.config(p.loadMap(t, "shop.yml", c.change...)))
				var misfit *sql.MisfitError
				if !errors.As(err, &misfit) {
					t.Fatalf("%v, want a misfit", err)
				}
				if want := strings.ReplaceAll(c.problem, "SCHEMA", p.schema); !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant: %s", err, want)
				}
			})
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	w := newPlace(t, sql.SQLite).shop(t)
	_, err := sql.New(t.Context(), w.config(w.loadMap(t, "shop.yml", "- name: body", "- name: text", "- name: topic", "- name: subject")))
	var misfit *sql.MisfitError
	if !errors.As(err, &misfit) || len(misfit.Problems) != 2 || misfit.System != "shop" {
		t.Errorf("%v", err)
	}
}

func TestConfigurations(t *testing.T) {
	w := newPlace(t, sql.SQLite).shop(t)
	m := w.loadMap(t, "shop.yml")
	for name, c := range map[string]struct {
		change func(*sql.Config)
		want   string
	}{
		"no_database":          {func(c *sql.Config) { c.DB = nil }, "no database"},
		"another_dialect":      {func(c *sql.Config) { c.Dialect = "oracle" }, `dialect is postgres, mysql or sqlite, not "oracle"`},
		"no_map":               {func(c *sql.Config) { c.Map = nil }, "no data map"},
		"an_unknown_system":    {func(c *sql.Config) { c.System = "till" }, `system "till"`},
		"a_negative_limit":     {func(c *sql.Config) { c.MaxKeys = -1 }, "negative"},
		"hashes_without_a_key": {func(c *sql.Config) { c.MaskKey = []byte("short") }, "hmac"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := w.config(m)
			c.change(&cfg)
			if _, err := sql.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}
