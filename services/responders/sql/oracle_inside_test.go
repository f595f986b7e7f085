package sql_test

import (
	"bytes"
	"encoding/json"

	"pgregory.net/rapid"
)

// Documents of the oracle: {"keep": 1, "who": …} with an owner, who is an address, and a note, which is masked, in an object, in an
// array of them, or in an array in an array.

const docFields = `    - name: doc
      data_categories: [user.content.private]
      fields:
      - name: who
        data_categories: [user.content.private]
        fields:
        - {name: owner, data_categories: [user.contact.email]OWNER}
        - {name: note, data_categories: [user.content.private], fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: x}}}}`

func drawDoc(t *rapid.T) any {
	one := rapid.Custom(func(t *rapid.T) any {
		out := map[string]any{}
		if rapid.Bool().Draw(t, "has owner") {
			out["owner"] = rapid.SampledFrom([]any{nil, "a@b.c", "A@b.c", "d@e.f", "Ü@b.c", []any{"d@e.f", nil, "ü@b.c"}, 7, true}).Draw(t, "owner")
		}
		if rapid.Bool().Draw(t, "has note") {
			out["note"] = rapid.SampledFrom([]any{nil, "x", "words", []any{"a", "x", []any{"é\"\\"}}, map[string]any{"note": "in"}, 1.5, false}).Draw(t, "note")
		}
		return out
	})
	who := rapid.OneOf(one, rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(one, 0, 3).Draw(t, "some") }),
		rapid.Custom(func(t *rapid.T) any { return []any{rapid.SliceOfN(one, 0, 2).Draw(t, "inner"), one.Draw(t, "beside")} }),
		rapid.SampledFrom([]any{nil, "who", 5, []any{}}))
	doc := map[string]any{"keep": 1, "note": "not on the path"}
	switch rapid.IntRange(0, 4).Draw(t, "doc") {
	case 0:
		return nil
	case 1:
		return docText([]any{map[string]any{"who": who.Draw(t, "who")}, doc})
	}
	doc["who"] = who.Draw(t, "who")
	return docText(doc)
}

// docText writes a document as the oracle compares it.
func docText(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

func docValue(doc any) any {
	var v any
	if s, ok := doc.(string); ok {
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			panic(err)
		}
	}
	return v
}

// each replaces what stands at a path in a document.
func each(v any, path []string, become func(any) any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = each(v[i], path, become)
		}
		return v
	case map[string]any:
		if len(path) > 0 {
			if below, ok := v[path[0]]; ok {
				v[path[0]] = each(below, path[1:], become)
			}
			return v
		}
	}
	if len(path) > 0 {
		return v
	}
	return become(v)
}

func docOwners(doc any) []any {
	var out []any
	each(docValue(doc), []string{"who", "owner"}, func(v any) any {
		if _, ok := v.(string); ok {
			out = append(out, v)
		}
		return v
	})
	return out
}

func docMasked(doc any) any {
	if doc == nil {
		return nil
	}
	return docText(each(docValue(doc), []string{"who", "note"}, func(v any) any {
		if v == nil {
			return nil
		}
		return "x"
	}))
}
