package sql_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// club is a database with the usual traps: an undeclared foreign key, names that promise what the values do not hold and the other way
// round, an address that others share, a circle of people, reserved and odd names, a table of the ledger.
const club = `CREATE TABLE addresses (id integer PRIMARY KEY, street varchar(60), city varchar(40), zip varchar(10));
CREATE TABLE members (id integer PRIMARY KEY, login varchar(40), email varchar(80) NOT NULL, born date, recruited_by integer REFERENCES members (id), address_id integer REFERENCES addresses (id), club_id integer);
CREATE TABLE "Training Plans" (id integer PRIMARY KEY, coach integer REFERENCES members (id), remarks varchar(500), "true" integer);
CREATE TABLE sports (id integer PRIMARY KEY, title varchar(40), mail varchar(10));
CREATE TABLE bookings (id integer PRIMARY KEY, member_id integer NOT NULL, sport_id integer REFERENCES sports (id), price numeric(10,2), origin varchar(45), contact varchar(80));
CREATE TABLE notices (address varchar(200), spam varchar(10))`

// secrets are the values that must not leave the process.
var secrets = []string{"zora", "yuri", "Quellweg", "203.0.113", "2001:db8", "knee", "Hinterzarten"}

func (w *world) fillClub() {
	for _, q := range []string{
		"INSERT INTO addresses VALUES (1, 'Quellweg 1', 'Hinterzarten', '79856'), (2, 'Quellweg 2', 'Hinterzarten', '79856'), (3, 'Quellweg 3', 'Hinterzarten', '79856')",
		"INSERT INTO members VALUES (1, 'zora1', 'zora1@club.example', '1990-01-01', NULL, 1, 1), (2, 'yuri2', 'yuri2@club.example', NULL, 1, 1, 1), (3, 'zora3', 'zora3@club.example', NULL, 1, 2, 1)",
		"INSERT INTO \"Training Plans\" VALUES (1, 1, 'her left knee hurts when she runs uphill', 1), (2, 2, 'his right knee is fine but he is slow', 1), (3, 3, 'no knee trouble at all since the last winter', 1)",
		"INSERT INTO sports VALUES (1, 'Judo', 'no'), (2, 'Golf', 'no'), (3, 'Polo', 'yes'), (4, 'Chess', 'no'), (5, 'Go', 'no'), (6, 'Darts', 'no'), (7, 'Rugby', 'no'), (8, 'Skat', 'no'), (9, 'Sumo', 'no'), (10, 'Yoga', 'no')",
		"INSERT INTO bookings VALUES (1, 1, 1, 1, '203.0.113.7', 'zora1@club.example'), (2, 2, 1, 1, '2001:db8::1', 'yuri2@club.example'), (3, 3, 2, 1, '203.0.113.9', 'zora3@club.example')",
		"INSERT INTO notices VALUES ('zora1@club.example', 'no'), ('yuri2@club.example', 'no'), ('zora3@club.example', 'no')",
	} {
		w.exec(w.quotes(q))
	}
}

// quotes quotes names as the engine does.
func (p place) quotes(s string) string {
	if p.dialect == sql.MySQL {
		s = strings.Replace(s, "spam varchar(10))", "spam varchar(10), number bigint AUTO_INCREMENT PRIMARY KEY INVISIBLE)", 1)
		return strings.ReplaceAll(s, `"`, "`")
	}
	return s
}

func (w *world) draft(t *testing.T, change ...func(*sql.DraftConfig)) string {
	t.Helper()
	c := sql.DraftConfig{DB: w.db, Dialect: w.dialect, System: "club"}
	if w.dialect == sql.Postgres {
		c.Schemas = []string{w.schema}
	}
	for _, f := range change {
		f(&c)
	}
	text, err := sql.Draft(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDraft holds a whole draft against a golden file, to be read by people, and demands that it loads, and that the check names what is open.
func TestDraft(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.world(t, p.quotes(club))
		w.fillClub()
		w.ledgerTables()
		text := w.draft(t)
		for _, v := range secrets {
			if strings.Contains(text, v) {
				t.Errorf("the draft holds a value: %q", v)
			}
		}
		golden := strings.ReplaceAll(strings.ReplaceAll(text, p.schema, "SCHEMA"), "  fides_meta: {namespace: {schema: SCHEMA}}\n", "")
		const file = "testdata/draft_club.yml"
		if *update {
			if err := os.WriteFile(file, []byte(golden), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), golden); d != "" {
			t.Errorf("(-want +got; -update writes it anew):\n%s", d)
		}
		m, err := parseMap(text)
		if err != nil {
			t.Fatal(err)
		}
		open := []string{}
		for _, f := range m.Check() {
			if f.Severity == datamap.SeverityError {
				open = append(open, f.Message)
			}
		}
		wantOpen := []string{
			`member: lethe.erase does not say what an erasure does to "Training Plans", which holds rows of the person`,
			`member: lethe.erase does not say what an erasure does to "addresses", which holds rows of the person`,
			`member: lethe.erase does not say what an erasure does to "bookings", which holds rows of the person`,
			`member: lethe.erase does not say what an erasure does to "members", which holds rows of the person`,
			`collection "notices" holds personal data (address) and no identity reaches it`, // until it has a policy
		}
		if d := cmp.Diff(wantOpen, open); d != "" {
			t.Errorf("open (-want +got):\n%s", d)
		}
	})
}

// TestADraftThatIsFinished fills in what is open, as a person would, and starts the responder with it.
func TestADraftThatIsFinished(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.world(t, p.quotes(club))
		w.fillClub()
		text := strings.NewReplacer("      member: # open", "      member:\n        members: delete\n        addresses: delete\n        bookings: delete\n        notices: delete\n        \"Training Plans\": delete\n        # open").Replace(w.draft(t))
		m, err := parseMap(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		c := w.config(m)
		c.System = "club"
		s := w.newSystem(c)
		d := ask("act", 1, email("zora1@club.example"))
		d.Capacity = "member"
		erase(t, s, d)
		got := map[string]int64{}
		for _, table := range []string{"members", "addresses", "bookings", "notices", `"Training Plans"`} {
			got[table] = w.count(w.quotes(table))
		}
		want := map[string]int64{"members": 2, "addresses": 3, "bookings": 2, "notices": 2, `"Training Plans"`: 2} // address 1 is shared
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("left (-want +got):\n%s", d)
		}
	})
}

func TestADraftFromNamesAlone(t *testing.T) {
	w := newPlace(t, sql.SQLite).world(t, club)
	w.fillClub()
	text := w.draft(t, func(c *sql.DraftConfig) { c.NoSamples = true })
	if strings.Contains(text, "samples") || !strings.Contains(text, "data_categories: [user.contact.email] # guessed: from the name") {
		t.Errorf("%s", text)
	}
}

// TestADraftSkipsNothingThatMayBeSomebodys: without foreign keys a name is all that says whose rows are.
func TestADraftSkipsNothingThatMayBeSomebodys(t *testing.T) {
	for name, c := range map[string]struct {
		ddl     string
		skipped []string
	}{
		"names_like_keys": {`CREATE TABLE wp_users (id integer PRIMARY KEY, user_email text, email text, first_name text, last_name text);
CREATE TABLE wp_usermeta (umeta_id integer PRIMARY KEY, user_id integer, meta_key text, meta_value text);
CREATE TABLE wp_options (option_id integer PRIMARY KEY, option_name text, option_value text)`, []string{"wp_options"}},
		"a_key_with_a_name_of_its_own": {`CREATE TABLE employees (emp_no integer PRIMARY KEY, email text, first_name text, last_name text, birth_date date);
CREATE TABLE salaries (emp_no integer, salary integer, from_date date, PRIMARY KEY (emp_no, from_date));
CREATE TABLE departments (dept_no text PRIMARY KEY, dept_name text)`, []string{"departments"}},
		"nobody_with_an_address": {`CREATE TABLE employees (emp_no integer PRIMARY KEY, first_name text, last_name text, birth_date date);
CREATE TABLE titles (nr integer PRIMARY KEY, title text)`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			text := newPlace(t, sql.SQLite).world(t, c.ddl).draft(t)
			var skipped []string
			for part := range strings.SplitSeq(text, "\n  - name: ") {
				if strings.Contains(part, "skip_processing: true}") {
					skipped = append(skipped, strings.SplitN(part, "\n", 2)[0])
				}
			}
			if d := cmp.Diff(c.skipped, skipped); d != "" {
				t.Errorf("skipped (-want +got):\n%s\n%s", d, text)
			}
		})
	}
}

// TestADraftOfATableWithAWordOfYAML: its kind of subject is a name and no null.
func TestADraftOfATableWithAWordOfYAML(t *testing.T) {
	w := newPlace(t, sql.SQLite).world(t, `CREATE TABLE "null" (id integer PRIMARY KEY, email text, first_name text, last_name text);
CREATE TABLE orders (id integer PRIMARY KEY, owner integer REFERENCES "null" (id))`)
	text := w.draft(t)
	if _, err := parseMap(text); err != nil || !strings.Contains(text, `"null": {collection: "null"`) {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestDraftsThatCannotBeMade(t *testing.T) {
	w := newPlace(t, sql.SQLite).world(t, "")
	for name, c := range map[string]sql.DraftConfig{
		"no_tables":     {DB: w.db, Dialect: sql.SQLite, System: "club"},
		"no_database":   {Dialect: sql.SQLite, System: "club"},
		"an_odd_name":   {DB: w.db, Dialect: sql.SQLite, System: "the club"},
		"other_dialect": {DB: w.db, Dialect: "oracle", System: "club"},
	} {
		if _, err := sql.Draft(t.Context(), c); err == nil {
			t.Errorf("%s: a draft was made", name)
		}
	}
}

// TestFideslangReadsDrafts holds drafts against the real fideslang package.
func TestFideslangReadsDrafts(t *testing.T) {
	python := os.Getenv("LETHE_TEST_PYTHON")
	if python == "" {
		t.Fatal("LETHE_TEST_PYTHON is not set: it names a python that has scripts/interop/requirements.txt installed; scripts/test provides it")
	}
	everywhere(t, func(t *testing.T, p place) {
		w := p.world(t, p.quotes(club))
		w.fillClub()
		s := newPlace(t, p.dialect).shop(t)
		for name, text := range map[string]string{"club": w.draft(t), "shop": s.draft(t)} {
			file := filepath.Join(t.TempDir(), name+".yml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), python, "../../../scripts/interop/fideslang_check.py", file).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		}
	})
}
