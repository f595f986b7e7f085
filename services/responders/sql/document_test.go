package sql

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

func TestRewrite(t *testing.T) {
	for _, c := range []struct{ name, strategy, value, doc, want string }{
		{"spaces_stay", datamap.StringRewrite, "x", " { \"a\" : { \"b\" : \"v\" , \"c\":1e3} } \n", " { \"a\" : { \"b\" : \"x\" , \"c\":1e3} } \n"},
		{"a_name_that_is_escaped", datamap.StringRewrite, "x", `{"\u0061":{"b":"v"}}`, `{"\u0061":{"b":"x"}}`},
		{"a_name_that_stands_twice", datamap.StringRewrite, "x", `{"a":{"b":"v","b":"w"},"a":{"b":"u"}}`, `{"a":{"b":"x","b":"x"},"a":{"b":"x"}}`},
		{"brackets_in_text", datamap.StringRewrite, "x", `{"z":"}]\\\"{","a":[{"b":"]}"},{"b":["\\"]}]}`, `{"z":"}]\\\"{","a":[{"b":"x"},{"b":["x"]}]}`},
		{"an_object_is_one_value", datamap.StringRewrite, "x", `{"a":{"b":{"b":[{}]}}}`, `{"a":{"b":"x"}}`},
		{"numbers_stay_numbers", datamap.StringRewrite, "0", `{"a":{"b":[1,-2.5e3,"3",null,true,[]]}}`, `{"a":{"b":[0,0,"0",null,0,[]]}}`},
		{"a_number_of_no_plain_form", datamap.StringRewrite, "0.0", `{"a":{"b":1}}`, `{"a":{"b":"0.0"}}`},
		{"null_is_for_the_whole", datamap.NullRewrite, "", `{"a":[{"b":[1,2]},{"b":null},{"b":{}}]}`, `{"a":[{"b":null},{"b":null},{"b":null}]}`},
		{"nothing_at_the_path", datamap.NullRewrite, "", `{"b":1,"a":"b","c":[{"a":1}],"d":{"a":{"b":2}}}`, `{"b":1,"a":"b","c":[{"a":1}],"d":{"a":{"b":2}}}`},
		{"no_object", datamap.NullRewrite, "", `"a"`, `"a"`},
		{"an_array_of_documents", datamap.NullRewrite, "", `[{"a":{"b":1}},[[{"a":[{"b":2}]}]]]`, `[{"a":{"b":null}},[[{"a":[{"b":null}]}]]]`},
		{"html_stays_html", datamap.StringRewrite, "<é>", `{"a":{"b":"v"}}`, `{"a":{"b":"<é>"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mask{strategy: c.strategy, value: c.value, in: &column{path: []string{"a", "b"}}}
			got, err := m.rewrite(nil, []byte(c.doc))
			if err != nil || string(got) != c.want {
				t.Errorf("%s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

// A rewritten document is valid, holds everything that it held elsewhere, and does not change when it is rewritten again.
func FuzzRewrite(f *testing.F) {
	for _, s := range []string{`{"a":{"b":"v"}}`, `[{"a":[{"b":[1,null]}]}]`, `{"a":1,"\u0061":{"b":"\\"}}`, ` [ ] `, `0`, `{"a":{"b":{"a":{"b":2}}}}`} {
		f.Add([]byte(s))
	}
	m := mask{strategy: datamap.HMAC, prefix: hashPrefix, digits: leastDigits, in: &column{path: []string{"a", "b"}}}
	f.Fuzz(func(t *testing.T, doc []byte) {
		once, err := m.rewrite([]byte("key"), doc)
		if valid := json.Valid(doc); (err == nil) != valid {
			t.Fatalf("valid %t: %v", valid, err)
		}
		if err != nil {
			return
		}
		if !json.Valid(once) {
			t.Fatalf("%q became %q", doc, once)
		}
		if again, err := m.rewrite([]byte("key"), once); err != nil || !bytes.Equal(again, once) {
			t.Fatalf("%q became %q, then %q, %v", doc, once, again, err)
		}
		none := mask{strategy: datamap.HMAC, prefix: hashPrefix, digits: leastDigits, in: &column{path: []string{"no such name, ever"}}}
		if same, err := none.rewrite([]byte("key"), doc); err != nil || !bytes.Equal(same, doc) {
			t.Fatalf("%q became %q, %v", doc, same, err)
		}
	})
}
