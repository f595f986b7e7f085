package completion

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/schemas"
)

func compile(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.CompletionRecord))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("record.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("record.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func payloadOf(t interface{ Fatal(...any) }, r *Record) []byte {
	s := testSigner(1)
	sealed, err := Seal(r, s)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := open(sealed.Envelope, s.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSealedRecordsFollowTheSchema(t *testing.T) {
	schema := compile(t)
	rapid.Check(t, func(t *rapid.T) {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(payloadOf(t, drawRecord(t))))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Fatal(err)
		}
	})
}

// What the schema refuses, reading refuses too: one place of a good record is changed at a time, every place in every way.
func TestReadingIsAsStrictAsTheSchema(t *testing.T) {
	schema := compile(t)
	full := erasure()
	full.Systems, full.Coverage.Expected, full.Recipients, full.Backups = full.Systems[:1], full.Coverage.Expected[:1], full.Recipients[:1], full.Backups[:1]
	full.Systems[0].Collections = full.Systems[0].Collections[:1]
	full.Type, full.Number, full.Previous = TypeAddendum, 1, &Previous{RecordID: full.RecordID, SHA256: hash("previous")}
	full.Request.Scope = &Scope{Systems: []string{"shop"}, Categories: []string{"user"}}
	full.Responsible.Decision.Grounds = []Ground{{Article: "a"}}
	full.Clock.Pauses = []Pause{{From: full.AsOf, Reason: "doubts"}}
	full.Clock.Extension = &Extension{Until: full.AsOf, Reason: "many"}
	full.Clock.Answer = &Answer{InformedAt: full.AsOf, Channel: "letter"}
	full.Delivery = &Delivery{Article: "GDPR 15", FreeTextExamined: No, Withheld: []Withheld{{System: "shop", Collection: "x", Ground: &Ground{Article: "a"}}}}
	full.Suppression = &Suppression{Entered: full.AsOf, Ground: Ground{Article: "a"}}
	full.Systems[0].Collections[0] = retained("customer", 1<<53+1)
	full.Systems[0].Attested = &Attested{ByRole: "a", Reference: "b"}
	full.Reasons = []Reason{Stated(ReasonTwoPersons)}
	payload := payloadOf(t, full)

	changes, refused, reached := 0, 0, 0
	try := func(doc any, what string) {
		t.Helper()
		changes++
		if schema.Validate(doc) == nil {
			return
		}
		refused++
		b, err := json.Marshal(doc) // canonical, too: names sorted, and nothing in it that is written in two ways
		if err != nil {
			t.Fatal(err)
		}
		var r Record
		if _, err := decodeStrict(b, &r); err != nil {
			return
		}
		if again, err := canonical(&r); err != nil || !bytes.Equal(again, b) {
			return
		}
		reached++
		if err := r.check(); err == nil {
			t.Errorf("%s: the schema refuses it, reading does not", what)
		}
	}

	var root any
	if err := json.Unmarshal(payload, &root); err != nil {
		t.Fatal(err)
	}
	wrong := func(node any) []any {
		switch node.(type) {
		case string, nil:
			return []any{nil, "", "x", "unknown", 1.0, "2026-02-30", "2026-11-27T08:14:00+01:00", "00000000-0000-0000-0000-000000000000"}
		case float64:
			return []any{nil, "", -1.0, 1.5, "9007199254740992", "-9007199254740993"}
		case bool:
			return []any{nil, "yes", 1.0}
		}
		return []any{nil, "x", []any{}, map[string]any{}}
	}
	var walk func(node any, path string, set func(any))
	walk = func(node any, path string, set func(any)) {
		for _, v := range wrong(node) {
			set(v)
			try(root, fmt.Sprintf("%s = %v", path, v))
		}
		set(node)
		switch n := node.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(n)) {
				v := n[k]
				delete(n, k)
				try(root, path+" without "+k)
				n[k] = v
				walk(v, path+"."+k, func(x any) { n[k] = x })
			}
			n["extra"] = 1
			try(root, path+" with extra")
			delete(n, "extra")
		case []any:
			for i, v := range n {
				walk(v, fmt.Sprintf("%s[%d]", path, i), func(x any) { n[i] = x })
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(root.(map[string]any))) {
		walk(root.(map[string]any)[k], k, func(x any) { root.(map[string]any)[k] = x })
	}
	if refused < changes/2 || reached < changes/20 {
		t.Errorf("of %d changes %d were refused by the schema, %d of them reached the check: the test shows little", changes, refused, reached)
	}
}
