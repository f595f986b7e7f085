package datamap_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

func template(t *testing.T, prefix string) datamap.Template {
	t.Helper()
	m := parse(t, strings.Replace(`
dataset:
- fides_key: d
  meta: {lethe.version: 1, lethe.objects: {c: {format: object, prefix: "PREFIX"}}}
  collections: [{name: c, fields: [{name: id}, {name: tenant}]}]
`, "PREFIX", prefix, 1))
	return m.Systems[0].Datasets[0].Collections[0].Source.Prefix
}

func TestTemplate(t *testing.T) {
	two := template(t, "{tenant}/p-{id}.json")
	if diff := cmp.Diff([]string{"tenant", "id"}, two.Fields()); diff != "" {
		t.Error(diff)
	}
	values := func(m map[string]string) func(string) (string, bool) {
		return func(f string) (string, bool) { v, ok := m[f]; return v, ok }
	}
	t.Run("values_go_in_place_of_fields_and_come_back", func(t *testing.T) {
		in := map[string]string{"tenant": "acme", "id": "12"}
		got, err := two.Expand(values(in))
		if err != nil || got != "acme/p-12.json" {
			t.Fatalf("got %q, %v", got, err)
		}
		out, ok := two.Match(got)
		if diff := cmp.Diff(in, out); diff != "" || !ok {
			t.Error(diff)
		}
	})
	one := template(t, "embeddings/{id}/")
	for name, id := range map[string]string{
		"nothing_would_be_everybody's_prefix": "", "a_slash_leaves_the_place": "1/../2", "dots_leave_it_too": "..", "a_backslash": `1\2`, "a_null": "1\x00",
	} {
		t.Run("refused_"+name, func(t *testing.T) {
			got, err := one.Expand(values(map[string]string{"id": id}))
			if err == nil {
				t.Fatalf("got %q", got)
			}
			if id != "" && id != ".." && strings.Contains(err.Error(), id) {
				t.Error("the error holds the value")
			}
		})
	}
	t.Run("a_missing_value_is_refused", func(t *testing.T) {
		if _, err := one.Expand(values(nil)); err == nil {
			t.Error("no error")
		}
	})
	t.Run("names_of_other_collections_do_not_match", func(t *testing.T) {
		for _, name := range []string{"embeddings/", "embeddings//x", "embedding/1/x", "embeddings/1", "x/embeddings/1/"} {
			if v, ok := one.Match(name); ok {
				t.Errorf("%s: %v", name, v)
			}
		}
	})
	t.Run("one_person's_prefix_is_never_another's", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			id := rapid.StringMatching(`[a-z0-9./@-]{0,6}`)
			a, b := id.Draw(rt, "a"), id.Draw(rt, "b")
			pa, err := one.Expand(values(map[string]string{"id": a}))
			if err != nil {
				return
			}
			pb, err := one.Expand(values(map[string]string{"id": b}))
			if err != nil {
				return
			}
			if a != b && strings.HasPrefix(pb+"file", pa) {
				rt.Fatalf("%q holds %q", pa, pb)
			}
			if got, ok := one.Match(pa + "file"); !ok || got["id"] != a {
				rt.Fatalf("%q came back as %v", a, got)
			}
		})
	})
	t.Run("the_same_field_twice_has_one_value", func(t *testing.T) {
		twice := template(t, "{id}/{id}/")
		if _, ok := twice.Match("1/2/"); ok {
			t.Error("matched")
		}
		if v, ok := twice.Match("1/1/x"); !ok || v["id"] != "1" {
			t.Errorf("got %v", v)
		}
	})
}

func TestTemplateErrors(t *testing.T) {
	for prefix, want := range map[string]string{
		"all/":       `"all/" names no field in braces: it would be every person's prefix`,
		"a/{id":      `"a/{id" has a { without a field and } after it`,
		"a/{}/":      `"a/{}/" has a { without a field and } after it`,
		"a/}{id}/":   `"a/}{id}/" has a } without {`,
		"{id}{id}/":  `"{id}{id}/": a literal character, such as /, stands after {id}, or the prefix of 1 is also one of 12`,
		"/a/{id}/":   `"/a/{id}/" is not relative, with / between its parts`,
		"../{id}/":   `"../{id}/" has an empty part, . or .. in it`,
		"a//{id}/":   `"a//{id}/" has an empty part, . or .. in it`,
		"a/{id}/../": `"a/{id}/../" has an empty part, . or .. in it`,
	} {
		t.Run(prefix, func(t *testing.T) {
			_, err := datamap.Parse(datamap.File{Name: "map.yml", Data: []byte(`
dataset:
- fides_key: d
  collections: [{name: c, fields: [{name: id}]}]
  meta:
    lethe.version: 1
    lethe.objects: {c: {format: object, prefix: '` + prefix + `'}}
`)})
			if err == nil || err.Error() != "map.yml:7:49: lethe.objects: c: prefix: "+want {
				t.Errorf("got %v", err)
			}
		})
	}
}
