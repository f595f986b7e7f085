package sql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// A look follows what refers to a row that is gone by the key that was remembered, of any type.
func TestKeysOfEveryTypeAreRemembered(t *testing.T) {
	for typ, value := range map[string]string{
		"bigint unsigned": "18446744073709551615", "int": "-7", "decimal(30,10)": "12345678901234567890.0123456789", "varchar(20) CHARACTER SET latin1": "'Zoë'",
		"char(5)": "'a\\\\b'", "varbinary(20)": "x'00ff27'", "binary(16)": "x'00112233445566778899aabbccddeeff'", "date": "'2026-02-28'", "datetime(6)": "'2026-02-28 01:02:03.000004'",
		"timestamp(3)": "'2026-02-28 01:02:03.004'", "time": "'-12:34:56'", "year": "2026", "uuid": "'123e4567-e89b-12d3-a456-426614174000'", "inet6": "'::1'",
		"enum('small','large')": "'large'", "bit(10)": "b'1000000001'", "double": "0.1", "tinyint": "1",
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, sql.MySQL)
			w := p.world(t, "CREATE TABLE people (id bigint PRIMARY KEY, code varchar(20), email varchar(60));\n"+
				"CREATE TABLE things (id "+typ+" PRIMARY KEY, person bigint REFERENCES people (id));\n"+
				"CREATE TABLE parts (id bigint PRIMARY KEY, thing "+typ+")")
			w.exec("INSERT INTO people VALUES (1, 'a', 'a@x.org')")
			w.exec("INSERT INTO things VALUES (" + value + ", 1)")
			s := w.system(p.parse(t, p.small(t, "things: delete, parts: delete", `  - name: things
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: person, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: people.id, direction: from}]}}
  - name: parts
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: thing, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: things.id, direction: from}]}}
`)))
			d := ask(dsr.Act, 1, customer("1"))
			a := erase(t, s, d)[0]
			if n := w.count("things"); n != 0 {
				t.Fatalf("%d things are left", n)
			}
			w.exec("INSERT INTO parts VALUES (10, " + value + ")")
			d.Keys = a.Keys
			if diff := cmp.Diff(map[string][2]int64{"parts": {1, 1}}, seen(t, s, d)); diff != "" {
				t.Errorf("the look (-want +got):\n%s", diff)
			}
			d.Round = 2
			if got := lines(erase(t, s, d)[0])["parts"].Counts.Erased; got != 1 || w.count("parts") != 0 {
				t.Errorf("the second act erased %d parts", got)
			}
		})
	}
}

func TestExportOfEveryType(t *testing.T) {
	p := newPlace(t, sql.MySQL)
	types := []struct{ name, typ, value, want string }{
		{"t01", "bigint unsigned", "18446744073709551615", "18446744073709551615"},
		{"t02", "int(6) zerofill", "42", "42"},
		{"t03", "tinyint(1)", "1", "1"},
		{"t04", "decimal(38,20)", "-0.10000000000000000001", "-0.10000000000000000001"},
		{"t05", "float", "0.1", "0.1"},
		{"t06", "double", "1e300", "1e+300"},
		{"t07", "bit(9)", "b'100000001'", "257"},
		{"t08", "year", "2026", "2026"},
		{"t09", "date", "'0000-00-00'", `"0000-00-00"`},
		{"t10", "datetime(3)", "'2026-02-28 01:02:03.400'", `"2026-02-28T01:02:03.4"`},
		{"t11", "timestamp", "'2026-02-28 01:02:03'", `"2026-02-28T01:02:03+00:00"`},
		{"t12", "time(2)", "'-100:00:00.50'", `"-100:00:00.50"`},
		{"t13", "enum('a','b')", "'b'", `"b"`},
		{"t14", "set('x','y','z')", "'x,z'", `"x,z"`},
		{"t15", "varbinary(9)", "x'00ff10'", `"AP8Q"`},
		{"t16", "json", `'{"a": [1, 2.50]}'`, `{"a":[1,2.50]}`},
		{"t17", "varchar(9) CHARACTER SET latin1", "'Zoë'", `"Zoë"`},
		{"t18", "uuid", "'123e4567-e89b-12d3-a456-426614174000'", `"123e4567-e89b-12d3-a456-426614174000"`},
		{"t19", "point", "POINT(1, 2)", `"POINT(1 2)"`},
		{"t20", "longtext", "'line\\none \"two\"'", `"line\none \"two\""`},
		{"t21", "int", "NULL", "null"},
		{"t22", "int(3) zerofill", "0", "0"},
	}
	defs, values, want, fields := []string{"id bigint PRIMARY KEY", "person bigint"}, []string{"1", "1"}, []string{`"id":1`}, ""
	for _, c := range types {
		defs = append(defs, c.name+" "+c.typ)
		values = append(values, c.value)
		want = append(want, fmt.Sprintf("%q:%s", c.name, c.want))
		fields += "    - {name: " + c.name + ", data_categories: [user.content.private]}\n"
	}
	w := p.world(t, "CREATE TABLE people (id bigint PRIMARY KEY, code varchar(20), email varchar(60))")
	w.exec("CREATE TABLE things (" + strings.Join(defs, ", ") + ")")
	w.exec("INSERT INTO people VALUES (1, 'a', 'a@x.org')")
	w.exec("INSERT INTO things VALUES (" + strings.Join(values, ", ") + ")")
	s := w.system(p.parse(t, p.small(t, "things: delete", `  - name: things
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: person, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: people.id, direction: from}]}}
`+fields)))
	d := ask(dsr.Act, 1, customer("1"))
	d.Kind = dsr.Access
	parts, _ := export(t, s, d)
	if diff := cmp.Diff("{"+strings.Join(append([]string{want[0], `"person":1`}, want[1:]...), ",")+"}\n", parts["things"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
