package sql_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

const profile = `{"plan": 1.50, "handle":"anna",  "contacts": [{"phone":"030 1","the name":"Anna","mail":["a1@example.org",null,"a2@example.org"]}, [{"the name":7,"phone":["1","2"],"x\"y":"é"}], {"other":{"phone":"kept"}}], "phone":"not on the path"}`

// documents is a world with the map inside.yml. Its documents are of one type: json is PostgreSQL's other one.
func documents(t *testing.T, p place, plain bool) *world {
	t.Helper()
	doc := map[sql.Dialect]string{sql.Postgres: "jsonb", sql.MySQL: "json", sql.SQLite: "TEXT"}[p.dialect]
	if plain {
		doc = "json"
	}
	w := p.world(t, strings.NewReplacer("DOC", doc).Replace(`CREATE TABLE people (id int PRIMARY KEY, email varchar(90), profile DOC);
CREATE TABLE events (id int PRIMARY KEY, payload DOC);
CREATE TABLE visits (id int PRIMARY KEY, person int NOT NULL REFERENCES people (id), detail DOC)`))
	w.exec("INSERT INTO people VALUES (1, 'anna@example.org', ?), (2, 'ben@example.org', ?), (3, NULL, NULL), (4, 'd@example.org', '5'), (5, 'ü@example.org', '{\"handle\": 17}')",
		profile, strings.ReplaceAll(profile, "anna", "ben"))
	for i, e := range []string{
		`{"to":[{"addr":"Anna@Example.org"},{"addr":"x@example.org"}]}`, `{"to":{"addr":["x@example.org","anna@example.org","ANNA@example.org"]}}`,
		`[{"to":{"addr":"anna@example.org"}}]`, `{"to":[[{"addr":"anna@example.org"}]]}`, `{"to":{"addr":"\u00dc@example.org"}}`,
		`{"addr":"anna@example.org"}`, `{"to":"anna@example.org"}`, `{"to":{"addr":{"addr":"anna@example.org"}}}`, `{"to":{"addr":"anna@example.org.x"}}`, `null`, `7`, `[]`, `{"to":null}`,
	} {
		w.exec("INSERT INTO events VALUES (?, ?)", i, e)
	}
	w.exec(`INSERT INTO visits VALUES (1, 1, '{"ip":"10.0.0.1","at":"x"}'), (2, 2, '{"ip":"10.0.0.2"}'), (3, 1, '{"at":"y"}'), (4, 1, NULL)`)
	return w
}

func insideEverywhere(t *testing.T, test func(t *testing.T, w *world)) {
	everywhere(t, func(t *testing.T, p place) { test(t, documents(t, p, false)) })
	t.Run("json_of_postgres", func(t *testing.T) {
		t.Parallel()
		test(t, documents(t, newPlace(t, sql.Postgres), true))
	})
}

func (w *world) doc(query string, args ...any) string {
	w.Helper()
	return w.texts(query, args...)[0]
}

func canonical(t testing.TB, doc string) string {
	t.Helper()
	var v any
	dec := json.NewDecoder(strings.NewReader(doc))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMasksInsideDocuments(t *testing.T) {
	insideEverywhere(t, func(t *testing.T, w *world) {
		s := w.system(w.loadMap(t, "inside.yml"))
		others := w.texts("SELECT profile FROM people WHERE id <> 1 ORDER BY id")
		d := ask(dsr.Act, 1, customer("1"))
		as := erase(t, s, d, ask(dsr.Act, 1, customer("4")))
		want := map[string]line{
			"people": {dsr.Pseudonymised, dsr.Counts{Found: 1, Pseudonymised: 1}, ""},
			"events": {dsr.Erased, dsr.Counts{Found: 4, Erased: 4}, ""},
			"visits": {dsr.Pseudonymised, dsr.Counts{Found: 3, Pseudonymised: 3}, ""},
		}
		if diff := cmp.Diff(want, lines(as[0])); diff != "" {
			t.Errorf("the act (-want +got):\n%s", diff)
		}
		got := w.doc("SELECT profile FROM people WHERE id = 1")
		form := regexp.MustCompile(`(erased-|hmac-)[0-9a-f]+`)
		wantDoc := `{"plan": 1.50, "handle":"erased-",  "contacts": [{"phone":null,"the name":"0","mail":["hmac-",null,"hmac-"]}, [{"the name":0,"phone":null,"x\"y":"é"}], {"other":{"phone":"kept"}}], "phone":"not on the path"}`
		if g := form.ReplaceAllString(got, "$1"); canonical(t, g) != canonical(t, wantDoc) {
			t.Errorf("the document is\n%s, want\n%s", g, wantDoc)
		} else if g != wantDoc && w.kept() {
			t.Errorf("the document is byte for byte\n%s, want\n%s", g, wantDoc)
		}
		if hashes := form.FindAllString(got, -1); len(hashes) != 3 || hashes[1] == hashes[2] {
			t.Errorf("hashes: %v", hashes)
		}
		if diff := cmp.Diff(others, w.texts("SELECT profile FROM people WHERE id <> 1 ORDER BY id")); diff != "" {
			t.Errorf("documents of others (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{`{"at":"x","ip":"0.0.0.0"}`, `{"ip":"10.0.0.2"}`, `{"at":"y"}`}, []string{
			canonical(t, w.doc("SELECT detail FROM visits WHERE id = 1")), canonical(t, w.doc("SELECT detail FROM visits WHERE id = 2")), canonical(t, w.doc("SELECT detail FROM visits WHERE id = 3")),
		}); diff != "" {
			t.Errorf("details (-want +got):\n%s", diff)
		}
		if n := w.count("events"); n != 9 {
			t.Errorf("%d events are left, want 9", n)
		}
		d.Keys = as[0].Keys
		if found := seen(t, s, d); len(found) > 0 {
			t.Errorf("a look finds %v", found)
		}
		// What the application writes into the document afterwards is found, and masked again.
		w.exec(`UPDATE people SET profile = '{"contacts":[{"mail":"new@example.org"}],"handle":null}' WHERE id = 1`)
		if diff := cmp.Diff(map[string][2]int64{"people": {1, 1}}, seen(t, s, d)); diff != "" {
			t.Errorf("a look at a document that was written again (-want +got):\n%s", diff)
		}
		d.Round = 2
		if got := lines(erase(t, s, d)[0])["people"]; got.Counts.Pseudonymised != 1 {
			t.Errorf("the second act: %+v", got)
		}
		if found := seen(t, s, d); len(found) > 0 {
			t.Errorf("a look after the second act finds %v", found)
		}
		if got := canonical(t, form.ReplaceAllString(w.doc("SELECT profile FROM people WHERE id = 1"), "$1")); got != `{"contacts":[{"mail":"hmac-"}],"handle":null}` {
			t.Errorf("after the second act: %s", got)
		}
	})
}

// kept reports whether the engine keeps documents as they were written.
func (w *world) kept() bool {
	return w.dialect != sql.Postgres || w.doc("SELECT pg_typeof(profile)::text FROM people LIMIT 1") == "json"
}

func TestIdentitiesInsideDocuments(t *testing.T) {
	insideEverywhere(t, func(t *testing.T, w *world) {
		s := w.system(w.loadMap(t, "inside.yml"))
		for _, c := range []struct {
			id   dsr.Identifier
			want map[string][2]int64
		}{
			{dsr.Identifier{Kind: "handle", Value: "anna"}, map[string][2]int64{"people": {1, 1}, "events": {4, 4}, "visits": {1, 1}}},
			{dsr.Identifier{Kind: "handle", Value: "17"}, map[string][2]int64{"people": {1, 1}, "events": {1, 1}}},
			{dsr.Identifier{Kind: "handle", Value: "ann"}, map[string][2]int64{}},
			{email("x@example.org"), map[string][2]int64{"events": {2, 2}}},
			{email("ü@example.org"), map[string][2]int64{"people": {1, 0}}}, // a person's own row that came anew
		} {
			got := map[string][2]int64{}
			d := ask(dsr.Verify, 1, c.id)
			for _, l := range look(t, s, d)[0].Collections {
				if l.Counts.Found > 0 {
					got[l.Name] = [2]int64{l.Counts.Found, l.Counts.Remaining}
				}
			}
			if c.id.Kind == "handle" && len(c.want) > 0 { // brought along: reported
				c.want = map[string][2]int64{"people": {1, 0}}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("a look for %s (-want +got):\n%s", c.id.Value, diff)
			}
		}
		as := erase(t, s, ask(dsr.Act, 1, dsr.Identifier{Kind: "handle", Value: "anna"}), ask(dsr.Act, 1, email("ü@example.org")))
		if got := lines(as[0])["events"]; got.Counts != (dsr.Counts{Found: 4, Erased: 4}) {
			t.Errorf("events of anna: %+v", got)
		}
		if got := lines(as[1])["events"]; got.Counts != (dsr.Counts{Found: 1, Erased: 1}) {
			t.Errorf("events of ü: %+v", got)
		}
	})
}

func TestResolveInsideDocuments(t *testing.T) {
	insideEverywhere(t, func(t *testing.T, w *world) {
		s := w.system(w.loadMap(t, "inside.yml"))
		d := ask(dsr.Resolve, 1, customer("1"))
		d.Want = []string{"handle", "email"}
		as, err := s.Resolve(t.Context(), []responder.Dispatch{d})
		if err != nil {
			t.Fatal(err)
		}
		want := []dsr.Identifier{email("anna@example.org"), {Kind: "handle", Value: "anna"}}
		if diff := cmp.Diff(want, as[0].Resolved); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestExportOfDocuments(t *testing.T) {
	insideEverywhere(t, func(t *testing.T, w *world) {
		s := w.system(w.loadMap(t, "inside.yml"))
		d := ask(dsr.Act, 1, dsr.Identifier{Kind: "handle", Value: "anna"})
		d.Kind = dsr.Access
		parts, _ := export(t, s, d)
		if p := parts["people"]; strings.Contains(p, "030 1") || !strings.Contains(p, "not on the path") || !strings.Contains(p, `"kept"`) {
			t.Errorf("an excluded path: %s", p)
		}
		if n := strings.Count(parts["events"], "\n"); n != 4 {
			t.Errorf("%d events", n)
		}
	})
}

func TestDocumentsThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		name    string
		only    sql.Dialect
		ddl     []string
		change  []string
		problem string
	}{
		{"text_of_postgres", sql.Postgres, []string{"ALTER TABLE people ALTER COLUMN profile TYPE text"}, nil, "people.profile.handle: column profile has type text: a path leads into json and jsonb"},
		{"an_excluded_path_in_text", sql.Postgres, []string{"ALTER TABLE people ALTER COLUMN profile TYPE text"}, nil, "people.profile.contacts.phone is left out of exports: column profile has type text"},
		{"text_without_a_check", sql.MySQL, []string{"ALTER TABLE events MODIFY payload longtext"}, nil, "events.payload.to.addr: column payload has type longtext: a path leads into JSON, or into text with the check JSON_VALID"},
		{"bytes", sql.SQLite, []string{"DROP TABLE events", "CREATE TABLE events (id int PRIMARY KEY, payload BLOB)"}, nil, "events.payload.to.addr: column payload has type BLOB: a path leads into text"},
		{"a_name_with_quotes", "", nil, []string{"name: the name", `name: 'the "name"'`}, `people.profile.contacts.the "name": a name inside a document with quotes`},
		{"masked_twice", "", nil, []string{`{data_type: "object[]"}`, `{data_type: "object[]", masking_strategy_override: {strategy: null_rewrite}}`}, "people.profile.contacts.phone is masked, and so is people.profile.contacts"},
		{"a_column_masked_as_well", "", nil, []string{"data_categories: [user.account]\n", "data_categories: [user.account]\n      fides_meta: {masking_strategy_override: {strategy: null_rewrite}}\n"}, "people.profile.handle is masked, and so is people.profile"},
		{"a_hash_that_does_not_fit", "", nil, []string{"fides_meta: {masking_strategy_override: {strategy: hmac}}\n      - name: plan", "fides_meta: {length: 9, masking_strategy_override: {strategy: hmac}}\n      - name: plan"}, "people.profile.contacts.mail takes 9 characters: a keyed hash needs 21"},
		{"a_reference", "", nil, []string{"      - name: plan\n        data_categories: [system.operations]\n", "      - name: plan\n        data_categories: [system.operations]\n        fides_meta: {references: [{dataset: shop, field: events.id, direction: to}]}\n"}, "people.profile.plan: a reference inside a document is not carried out"},
		{"an_identifier_that_leads_on", "", nil, []string{"{customer_id: id, email: email, handle: profile.handle}", "{customer_id: id, email: profile.contacts.mail}"}, "people.profile.contacts.mail: rows of events cannot be found from an identifier inside a document or an array: keep it in a column of its own"},
		{"a_key", sql.Postgres, []string{"CREATE UNIQUE INDEX ON people (profile)"}, nil, "people.profile.handle stands in a column of a key: it cannot be masked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, p place) {
				if c.only != "" && c.only != p.dialect {
					return
				}
				w := documents(t, p, false)
				for _, q := range c.ddl {
					w.exec(q)
				}
				_, err := sql.New(t.Context(), w.config(p.loadMap(t, "inside.yml", c.change...)))
				var misfit *sql.MisfitError
				if !errors.As(err, &misfit) || !strings.Contains(err.Error(), c.problem) {
					t.Errorf("%v\nwant: %s", err, c.problem)
				}
			})
		})
	}
}

// A text that should be a document and is none is not passed over, nor is a mask that does not stay.
func TestDocumentsThatCannotBeMasked(t *testing.T) {
	t.Run("no_document", func(t *testing.T) {
		w := documents(t, newPlace(t, sql.SQLite), false)
		w.exec("UPDATE people SET profile = '{broken' WHERE id = 1")
		s := w.system(w.loadMap(t, "inside.yml"))
		if found := seen(t, s, ask(dsr.Verify, 1, customer("1"))); found["people"] != [2]int64{1, 1} {
			t.Errorf("a look finds %v", found)
		}
		_, err := s.Erase(t.Context(), []responder.Dispatch{ask(dsr.Act, 1, customer("1"))})
		if responder.Classify(err) != responder.ClassPermanent || !strings.Contains(err.Error(), "people.profile.handle of a row: no JSON document") || strings.Contains(err.Error(), "broken") {
			t.Errorf("%v", err)
		}
		if n := w.count("events"); n != 13 {
			t.Errorf("it failed and left %d events", n)
		}
	})
	t.Run("a_trigger_that_brings_it_back", func(t *testing.T) {
		w := documents(t, newPlace(t, sql.Postgres), false)
		w.exec("CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.profile = OLD.profile; RETURN NEW; END'")
		w.exec("CREATE TRIGGER back BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION back()")
		s := w.system(w.loadMap(t, "inside.yml"))
		_, err := s.Erase(t.Context(), []responder.Dispatch{ask(dsr.Act, 1, customer("1"))})
		if responder.Classify(err) != responder.ClassPermanent || !strings.Contains(err.Error(), "what was masked is not masked") {
			t.Errorf("%v", err)
		}
	})
}

// More documents than one chunk takes.
func TestManyDocuments(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := documents(t, p, false)
		var rows []string
		for i := range 2500 {
			rows = append(rows, fmt.Sprintf(`(%d, 1, '{"ip":["10.0.0.%d"],"n":%d}')`, 100+i, i, i))
		}
		w.exec("INSERT INTO visits VALUES " + strings.Join(rows, ", "))
		s := w.system(w.loadMap(t, "inside.yml"))
		if got := lines(erase(t, s, ask(dsr.Act, 1, customer("1")))[0])["visits"].Counts; got != (dsr.Counts{Found: 2503, Pseudonymised: 2503}) {
			t.Errorf("%+v", got)
		}
		if got := canonical(t, w.doc("SELECT detail FROM visits WHERE id = 2599")); got != `{"ip":["0.0.0.0"],"n":2499}` {
			t.Errorf("a document: %s", got)
		}
	})
}
