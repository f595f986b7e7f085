package objects

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValues(t *testing.T) {
	const doc = `{"a":{"b":[{"c":5},{"c":"5"},{"c":5.0},{"c":5e0},{"c":[true,null,{"c":1}]}]},"n":12345678901234567890,"a.b":7,"u":"\u00f6"}`
	ms, err := members([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   path
		want []string
	}{
		{path{"a", "b", "c"}, []string{"5", "5", "5", "5", "true"}},
		{path{"n"}, []string{"12345678901234567890"}},
		{path{"u"}, []string{"ö"}},
		{path{"a"}, nil},
		{path{"a", "b"}, nil},
		{path{"n", "x"}, nil},
		{path{"gone"}, nil},
	} {
		if d := cmp.Diff(c.want, record(ms).values(c.at)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.at, d)
		}
	}
}

func TestEdited(t *testing.T) {
	const doc = `{ "a" : {"x":1, "y":[{"x":2,"z":3.10},{"z":4}]}, "b\u0041":1e400, "c":null }`
	drop := func([]byte) []byte { return nil }
	null := func([]byte) []byte { return []byte("null") }
	for _, c := range []struct {
		name  string
		edits []edit
		want  string
	}{
		{"nothing", nil, `{"a":{"x":1, "y":[{"x":2,"z":3.10},{"z":4}]},"b\u0041":1e400,"c":null}`},
		{"a_member", []edit{{path{"a"}, drop}}, `{"b\u0041":1e400,"c":null}`},
		{"inside_an_array", []edit{{path{"a", "y", "x"}, drop}}, `{"a":{"x":1,"y":[{"z":3.10},{"z":4}]},"b\u0041":1e400,"c":null}`},
		{"a_name_that_is_written_otherwise", []edit{{path{"bA"}, null}}, `{"a":{"x":1, "y":[{"x":2,"z":3.10},{"z":4}]},"b\u0041":null,"c":null}`},
		{"a_path_into_a_scalar", []edit{{path{"c", "d"}, null}}, `{"a":{"x":1, "y":[{"x":2,"z":3.10},{"z":4}]},"b\u0041":1e400,"c":null}`},
		{"two_at_once", []edit{{path{"a", "x"}, null}, {path{"c"}, drop}}, `{"a":{"x":null,"y":[{"x":2,"z":3.10},{"z":4}]},"b\u0041":1e400}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := edited([]byte(doc), c.edits)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, string(got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestLines(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no_end": "a", "blank": "\n\n", "long": strings.Repeat("x", 300_000) + "\n" + "b\n", "long_at_the_end": "a\n" + strings.Repeat("x", 300_000),
	} {
		for _, most := range []int{1, 100_000, 1 << 20} {
			var got bytes.Buffer
			whole, long := 0, 0
			err := lines(strings.NewReader(text), most, func(line []byte, p part) error {
				got.Write(line)
				switch p {
				case wholeLine:
					whole++
					if len(line) > most {
						t.Errorf("%s: a line of %d bytes is whole, at most %d may be", name, len(line), most)
					}
				case tooLong:
					long++
				case more:
				}
				return nil
			})
			if err != nil || got.String() != text {
				t.Errorf("%s: %v, %d of %d bytes came", name, err, got.Len(), len(text))
			}
			want := strings.Count(text, "\n")
			if text != "" && !strings.HasSuffix(text, "\n") {
				want++
			}
			if whole+long != want {
				t.Errorf("%s with at most %d: %d whole and %d long lines, want %d", name, most, whole, long, want)
			}
		}
	}
}

// Whatever stands in a file, taking it apart neither fails otherwise than by saying so nor changes what it does not edit.
func FuzzEdited(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,{"b":2}]}}`, `{"a":1,"a":2}`, `{}`, `{"\ud800":1}`, `[`, `{"a":1}}`, `{"a"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		ms, err := members(doc)
		if err != nil {
			return
		}
		if !json.Valid(doc) {
			t.Fatalf("%q was read as a record", doc)
		}
		record(ms).values(path{"a", "b"})
		got, err := edited(doc, []edit{{path{"no such member"}, func([]byte) []byte { return nil }}})
		if err != nil {
			t.Fatalf("%q can be read and not written: %v", doc, err)
		}
		var want, have any
		if json.Unmarshal(doc, &want) == nil && json.Unmarshal(got, &have) == nil {
			if d := cmp.Diff(want, have); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
	})
}
