package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

// runDatamap runs one of the commands, and returns how it ended and what it said.
func runDatamap(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	s := lethe(t, nil, append([]string{"datamap"}, args...)...)
	return s.code, s.stdout, s.stderr
}

// demoShop makes the demo's database of a shop, with a few people in it, and returns its URL.
func demoShop(t *testing.T, more ...string) string {
	t.Helper()
	schema, err := os.ReadFile("demo/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "shop.db")
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() // the statements below tell whether it took them
	for _, q := range append([]string{
		string(schema),
		"INSERT INTO customers VALUES (1, 'zora@post.example', 'Zora Quell', '+49 30 1', 'Weg 1', 'Ulm', 1), (2, 'yuri@post.example', 'Yuri Quell', NULL, NULL, NULL, 0), (3, 'kim@post.example', 'Kim Quell', NULL, NULL, NULL, 0)",
	}, more...) {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	return "sqlite://" + file
}

const demoMap = "demo/datamap.yml"

func TestDatamapCheckOfALiveDatabase(t *testing.T) {
	code, out, errs := runDatamap(t, "check", "--file", demoMap, "--system", "shop", "--dsn", demoShop(t))
	if code != 0 || errs != "" || !strings.Contains(out, "0 errors, 0 warnings") || !strings.Contains(out, "the live catalogue of shop was looked at") {
		t.Errorf("a map that fits: %d %s%s", code, out, errs)
	}
	dsn := demoShop(t, "CREATE TABLE wishes (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), title TEXT)", "ALTER TABLE customers ADD COLUMN birthday TEXT")
	code, out, errs = runDatamap(t, "check", "--file", demoMap, "--system", "shop", "--dsn", dsn)
	for _, want := range []string{
		demoMap + ":23:5: error: the data map does not know the foreign key wishes (customer_id) → customers (id): add the table wishes to it",
		demoMap + ":23:5: warning: the data map does not know column birthday of table customers: it is neither erased nor exported; it looks like user.demographic.date_of_birth",
		"1 errors, 1 warnings",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s\nwant: %s", out, want)
		}
	}
	if code != 1 || errs != "" {
		t.Errorf("it ended with %d: %s", code, errs)
	}
}

// The database of the configuration is looked at as well, and a system without one is said not to have been.
func TestDatamapCheckOfAConfiguredDatabase(t *testing.T) {
	dsn := demoShop(t, "ALTER TABLE orders DROP COLUMN ship_to")
	config := filepath.Join(t.TempDir(), "lethe.yml")
	if err := os.WriteFile(config, []byte("systems: {shop: {kind: sql, dsn: '"+dsn+"'}, conversations: {kind: objects, url: 'file:///nowhere'}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := runDatamap(t, "check", "--config", config, "--file", demoMap, "--system", "shop", "--output", "json")
	var f struct{ Severity, Code, System, Message string }
	if err := json.Unmarshal([]byte(out), &f); err != nil || code != 1 || errs != "" {
		t.Fatalf("%d %s%s: %v", code, out, errs, err)
	}
	if want := (struct{ Severity, Code, System, Message string }{"error", "misfit", "shop", "column ship_to of table main.orders does not exist"}); f != want {
		t.Errorf("%+v, want %+v", f, want)
	}
	code, out, _ = runDatamap(t, "check", "--config", config, "--file", demoMap, "--system", "conversations")
	if code != 0 || !strings.Contains(out, "no live catalogue was looked at") {
		t.Errorf("%d %s", code, out)
	}
}

func TestDatamapPlanOfALiveDatabase(t *testing.T) {
	dsn := demoShop(t)
	for kind, want := range map[string][]string{
		"erasure": {" 1. find customers: ", "-- erasure, subject customer: as the database of shop would be asked", `DELETE FROM "main"."order_items"`, `DELETE FROM "main"."orders"`, `DELETE FROM "main"."customers"`},
		"access":  {" 1. find customers: ", "-- access, subject customer: as the database of shop would be asked", `FROM "main"."customers" AS t WHERE`, `JOIN "main"."orders" AS t ON f.l0 = t."customer_id" ORDER BY`},
	} {
		code, out, errs := runDatamap(t, "plan", "--file", demoMap, "--system", "shop", "--kind", kind, "--subject", "customer", "--dsn", dsn)
		if code != 0 || errs != "" {
			t.Errorf("%s ended with %d: %s", kind, code, errs)
		}
		rest := out
		for _, w := range want { // in this order
			_, after, ok := strings.Cut(rest, w)
			if !ok {
				t.Errorf("%s: %q is missing, or out of its order:\n%s", kind, w, out)
				break
			}
			rest = after
		}
	}
	code, out, errs := runDatamap(t, "plan", "--file", demoMap, "--system", "shop")
	if code != 0 || errs != "" || strings.Contains(out, "DELETE FROM") || !strings.Contains(out, "delete customers") {
		t.Errorf("without a database: %d %s%s", code, out, errs)
	}
}

func TestDatamapDraft(t *testing.T) {
	dsn := demoShop(t)
	file := filepath.Join(t.TempDir(), "draft.yml")
	code, out, errs := runDatamap(t, "draft", "--system", "shop", "--dsn", dsn, "--out", file)
	if code != 0 || out != "" || errs != "" {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"zora", "Zora", "Quell", "+49", "Ulm"} {
		if bytes.Contains(text, []byte(value)) {
			t.Errorf("the draft holds %q", value)
		}
	}
	code, out, _ = runDatamap(t, "check", "--file", file, "--system", "shop", "--dsn", dsn)
	if code != 1 || strings.Count(out, "does not say what an erasure does to") != 4 || !strings.Contains(out, " 4 errors, ") {
		t.Errorf("what is open: %d %s", code, out)
	}
	code, _, errs = runDatamap(t, "draft", "--system", "shop", "--dsn", dsn, "--out", file)
	if after, err := os.ReadFile(file); code != 1 || !strings.Contains(errs, "exists") || err != nil || !bytes.Equal(text, after) {
		t.Errorf("it wrote over a file: %d %s", code, errs)
	}
}

func TestDatamapThatCannotBeLookedAt(t *testing.T) {
	missing := "sqlite://" + filepath.Join(t.TempDir(), "missing.db")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no_database":          {[]string{"draft", "--system", "shop"}, 1, "--dsn"},
		"a_file_that_is_not":   {[]string{"draft", "--system", "shop", "--dsn", missing}, 1, "unable to open database file"},
		"no_url":               {[]string{"draft", "--system", "shop", "--dsn", "shop.db"}, 1, "--dsn"},
		"no_system":            {[]string{"draft"}, 2, "system"},
		"a_database_of_nobody": {[]string{"check", "--file", demoMap, "--dsn", missing}, 2, "--system"},
		"an_unknown_system":    {[]string{"check", "--file", demoMap, "--system", "till"}, 1, "till"},
		"rights_of_a_file":     {[]string{"grants", "--file", demoMap, "--system", "shop", "--dsn", demoShop(t)}, 1, "knows no rights"},
		"an_unknown_subject":   {[]string{"plan", "--file", demoMap, "--system", "shop", "--subject", "patient"}, 1, "patient"},
	} {
		code, out, errs := runDatamap(t, c.args...)
		if code != c.code || !strings.Contains(errs, c.says) || out != "" {
			t.Errorf("%s: %d %s%s, want %d and %s", name, code, out, errs, c.code, c.says)
		}
	}
	if _, err := os.Stat(strings.TrimPrefix(missing, "sqlite://")); err == nil {
		t.Error("a look made a file")
	}
}

func TestDatamapGrantsOfMariaDB(t *testing.T) {
	base := os.Getenv("LETHE_TEST_MARIADB")
	if base == "" {
		t.Fatal("LETHE_TEST_MARIADB is not set: start one with `go run ./scripts/servers mariadb`")
	}
	db, err := ledger.OpenMySQL(base + "mysql")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() // the statements below tell whether it took them
	for _, q := range []string{"CREATE OR REPLACE DATABASE lethe_grants_test", "CREATE TABLE lethe_grants_test.people (id int PRIMARY KEY, email text, parent int REFERENCES people (id))"} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	defer db.Exec("DROP DATABASE lethe_grants_test") //nolint:errcheck // the next run replaces it as well
	file := filepath.Join(t.TempDir(), "map.yml")
	text := `dataset:
- fides_key: club
  meta:
    lethe.version: 1
    lethe.subjects: {member: {collection: people, key: id, identities: {email: email}}}
    lethe.erase: {member: {people: delete}}
  collections:
  - name: people
    fields:
    - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email]}
    - {name: parent, data_categories: [user.unique_id], fides_meta: {references: [{dataset: club, field: people.id, direction: from}]}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := runDatamap(t, "grants", "--file", file, "--system", "club", "--dsn", base+"lethe_grants_test", "--role", "a role@10.0.0.%")
	for _, want := range []string{
		"GRANT CREATE TEMPORARY TABLES ON `lethe\\_grants\\_test`.* TO `a role`@`10.0.0.%`;", "GRANT SELECT ON `lethe\\_grants\\_test`.* TO `a role`@`10.0.0.%`;",
		"GRANT DELETE ON `lethe_grants_test`.`people` TO `a role`@`10.0.0.%`;", "GRANT UPDATE (`parent`) ON `lethe_grants_test`.`people` TO `a role`@`10.0.0.%`;",
		"in the database of the role's URL", ") ENGINE = InnoDB;", "GRANT SELECT, INSERT, UPDATE, DELETE ON lethe_ledger TO `a role`@`10.0.0.%`;",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if code != 0 || errs != "" || t.Failed() {
		t.Errorf("%d %s%s", code, out, errs)
	}
}

func TestDatamapGrants(t *testing.T) {
	dsn := os.Getenv("LETHE_TEST_POSTGRES")
	if dsn == "" {
		t.Fatal("LETHE_TEST_POSTGRES is not set: start one with `go run ./scripts/servers postgres`")
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() // the statements below tell whether it took them
	for _, q := range []string{"DROP SCHEMA IF EXISTS lethe_grants_test CASCADE", "CREATE SCHEMA lethe_grants_test", "CREATE TABLE lethe_grants_test.people (id int PRIMARY KEY, email text)"} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	defer db.Exec("DROP SCHEMA lethe_grants_test CASCADE") //nolint:errcheck // the next run drops it as well
	file := filepath.Join(t.TempDir(), "map.yml")
	text := `dataset:
- fides_key: club
  fides_meta: {namespace: {schema: lethe_grants_test}}
  meta:
    lethe.version: 1
    lethe.subjects: {member: {collection: people, key: id, identities: {email: email}}}
    lethe.erase: {member: {people: delete}}
  collections:
  - name: people
    fields:
    - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// The role has no right yet, and asks for itself.
	for _, q := range []string{"DROP ROLE IF EXISTS lethe_grants_test", "CREATE ROLE lethe_grants_test LOGIN"} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	defer db.Exec("DROP ROLE lethe_grants_test") //nolint:errcheck // the next run drops it as well
	own, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("LETHE_TEST_POSTGRES is no URL")
	}
	own.User = url.User("lethe_grants_test")
	code, out, errs := runDatamap(t, "grants", "--file", file, "--system", "club", "--dsn", own.String(), "--role", "a role")
	for _, want := range []string{
		`GRANT TEMPORARY ON DATABASE "postgres" TO "a role";`, `GRANT USAGE ON SCHEMA "lethe_grants_test" TO "a role";`, `GRANT SELECT ON "lethe_grants_test"."people" TO "a role";`,
		`GRANT DELETE ON "lethe_grants_test"."people" TO "a role";`, "CREATE TABLE IF NOT EXISTS lethe_ledger", `GRANT SELECT, INSERT, UPDATE, DELETE ON lethe_ledger TO "a role";`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if code != 0 || errs != "" || strings.Contains(out, "UPDATE ON \"") || t.Failed() {
		t.Errorf("%d %s%s", code, out, errs)
	}
}
