package schemas_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/schemas"
)

var update = flag.Bool("update", false, "write history/released.json anew; a version that is out in the world must not change")

var (
	snakeCase  = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	camelCase  = regexp.MustCompile(`^[A-Z][A-Za-z]*$`)
	primitives = []string{"null", "boolean", "int", "long", "bytes", "string"}
)

func all() []string { return append(schemas.Messages(), schemas.Identifiers) }

func parse(t testing.TB, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func current(t testing.TB, name string) any {
	t.Helper()
	text, err := schemas.Current(name)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

func TestEverySchemaFileIsListed(t *testing.T) {
	files, err := filepath.Glob("*.avsc")
	if err != nil {
		t.Fatal(err)
	}
	want := all()
	for i := range want {
		want[i] += ".avsc"
	}
	slices.Sort(want)
	if d := cmp.Diff(want, files); d != "" {
		t.Error(d)
	}
}

// TestStyle holds what makes a schema safe to grow and to generate code from.
func TestStyle(t *testing.T) {
	shared := map[string]any{} // nested records by name, over all files
	for _, name := range all() {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			record, ok := current(t, name).(map[string]any)
			if ok && record["type"] == "array" {
				record, ok = record["items"].(map[string]any)
			}
			if !ok || record["namespace"] != "lethe.v1" {
				t.Fatal("not a record of namespace lethe.v1, nor an array of one")
			}
			checkRecord(t, record, "", seen, shared)
		})
	}
}

func checkRecord(t *testing.T, record map[string]any, path string, seen map[string]bool, shared map[string]any) {
	name, _ := record["name"].(string)
	path += name
	if !camelCase.MatchString(name) || seen[name] {
		t.Errorf("%s: a record needs a name in camel case that no other record of the file has", path)
	}
	seen[name] = true
	if doc, _ := record["doc"].(string); doc == "" {
		t.Errorf("%s has no doc", path)
	}
	fields, _ := record["fields"].([]any)
	for _, f := range fields {
		checkField(t, f.(map[string]any), path, seen, shared)
	}
	if prior, ok := shared[name]; ok {
		if d := cmp.Diff(withoutDocs(prior), withoutDocs(record["fields"])); d != "" {
			t.Errorf("record %s is not the same in every file: a code generator would keep one of them: %s", name, d)
		}
	}
	shared[name] = record["fields"]
}

func checkField(t *testing.T, field map[string]any, path string, seen map[string]bool, shared map[string]any) {
	name, _ := field["name"].(string)
	path += "." + name
	if !snakeCase.MatchString(name) {
		t.Errorf("%s is not in snake case", path)
	}
	if doc, _ := field["doc"].(string); !strings.HasSuffix(doc, ".") && !strings.HasSuffix(doc, "…") {
		t.Errorf("%s has no doc that ends like a sentence", path)
	}
	def, hasDefault := field["default"]
	union, isUnion := field["type"].([]any)
	switch {
	case isUnion && (len(union) != 2 || union[0] != "null" || !hasDefault || def != nil):
		t.Errorf("%s: an optional field is a union of null and one type with the default null", path)
	case !isUnion && hasDefault:
		t.Errorf("%s: a field with a default is optional, so it must allow null", path)
	}
	for _, k := range []string{"order", "aliases"} {
		if _, ok := field[k]; ok {
			t.Errorf("%s: %s is not used in Lethe", path, k)
		}
	}
	typ := field["type"]
	if isUnion {
		typ = union[1]
	}
	checkType(t, typ, path, seen, shared)
}

func checkType(t *testing.T, typ any, path string, seen map[string]bool, shared map[string]any) {
	switch v := typ.(type) {
	case string:
		if !slices.Contains(primitives, v) && !seen[v] {
			t.Errorf("%s: type %q is neither used in Lethe nor a record defined before", path, v)
		}
	case map[string]any:
		switch {
		case v["type"] == "array":
			checkType(t, v["items"], path+"[]", seen, shared)
		case v["type"] == "record":
			checkRecord(t, v, path+":", seen, shared)
		case v["type"] == "long" && v["logicalType"] == "timestamp-micros":
		default:
			t.Errorf("%s: type %v is not used in Lethe", path, v["type"])
		}
	default:
		t.Errorf("%s: a union is only used to allow null", path)
	}
}

// TestWhatBothDirectionsCarry holds the fields that dispatch and acknowledgement have had from the first version, so that
// nothing that they were made for needs a new one.
func TestWhatBothDirectionsCarry(t *testing.T) {
	for _, name := range []string{schemas.DispatchedRequest, schemas.Acknowledgement} {
		has := map[string]bool{}
		for _, f := range current(t, name).(map[string]any)["fields"].([]any) {
			has[f.(map[string]any)["name"].(string)] = true
		}
		for _, f := range []string{
			"tenant", "systems", "phase", "round", "attempt", "ack_id", "not_after", "as_of", "priority", "scope", "parent_request_id", "instance",
			"map_hash", "key_id", "signature", "environment", "number",
		} {
			if !has[f] {
				t.Errorf("%s has no %s", name, f)
			}
		}
	}
}

// TestTheNewestReleaseIsCurrent fails when a schema is edited without a new version in history. Docs may change.
func TestTheNewestReleaseIsCurrent(t *testing.T) {
	for _, name := range all() {
		versions, err := schemas.History(name)
		if err != nil {
			t.Fatal(err)
		}
		newest := parse(t, versions[len(versions)-1])
		if d := cmp.Diff(withoutDocs(newest), withoutDocs(current(t, name))); d != "" {
			t.Errorf("%s.avsc differs from history/%s/v%d.avsc: copy it to v%d.avsc, see README.md: %s", name, name, len(versions), len(versions)+1, d)
		}
	}
}

type release struct {
	Version int    `json:"version"`
	SHA256  string `json:"sha256"`
}

// TestReleasedVersionsAreNeverEdited holds every released file to its digest.
func TestReleasedVersionsAreNeverEdited(t *testing.T) {
	const file = "history/released.json"
	got := map[string][]release{}
	for _, name := range all() {
		versions, err := schemas.History(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range versions {
			sum := sha256.Sum256(text)
			got[name] = append(got[name], release{i + 1, hex.EncodeToString(sum[:])})
		}
	}
	if *update {
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]release{}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a released version was edited, or a new one is not in %s yet: %s", file, d)
	}
}

// TestVersionsOnlyGrow holds the rules of append-only: no field goes, none changes its place or type, what is new stands at
// the end and is optional.
func TestVersionsOnlyGrow(t *testing.T) {
	for _, name := range all() {
		versions, err := schemas.History(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == schemas.Identifiers && len(versions) != 1 {
			t.Error("identifiers have no frame that could tell versions apart")
		}
		for i := 1; i < len(versions); i++ {
			if err := grown(parse(t, versions[i-1]), parse(t, versions[i])); err != nil {
				t.Errorf("%s v%d: %v", name, i+1, err)
			}
		}
	}
}

func TestGrownRefusesWhatOldReadersCannotFollow(t *testing.T) {
	const old = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null",{"type":"array","items":{"type":"record","name":"N","fields":[{"name":"x","type":"int"}]}}],"default":null}]}`
	for _, tc := range []struct {
		name, next string
		ok         bool
	}{
		{"the_same", old, true},
		{"a_field_at_the_end", strings.Replace(old, `"default":null}]}`, `"default":null},{"name":"c","type":["null","int"],"default":null}]}`, 1), true},
		{"a_nested_field_at_the_end", strings.Replace(old, `{"name":"x","type":"int"}`, `{"name":"x","type":"int"},{"name":"y","type":["null","int"],"default":null}`, 1), true},
		{"a_field_without_default", strings.Replace(old, `"default":null}]}`, `"default":null},{"name":"c","type":"int"}]}`, 1), false},
		{"a_field_gone", strings.Replace(old, `{"name":"a","type":"int"},`, ``, 1), false},
		{"a_field_renamed", strings.Replace(old, `"name":"a"`, `"name":"z"`, 1), false},
		{"a_type_changed", strings.Replace(old, `"name":"a","type":"int"`, `"name":"a","type":"long"`, 1), false},
		{"a_nested_field_gone", strings.Replace(old, `{"name":"x","type":"int"}`, ``, 1), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := grown(parse(t, []byte(old)), parse(t, []byte(tc.next))); (err == nil) != tc.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

func grown(old, next any) error {
	switch o := old.(type) {
	case []any:
		n, ok := next.([]any)
		if !ok || len(n) != len(o) {
			return fmt.Errorf("a union changed")
		}
		for i := range o {
			if err := grown(o[i], n[i]); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		n, ok := next.(map[string]any)
		if !ok {
			return fmt.Errorf("a type changed")
		}
		for _, k := range []string{"name", "namespace", "logicalType", "default"} {
			if o[k] != n[k] {
				return fmt.Errorf("%s changed from %v to %v", k, o[k], n[k])
			}
		}
		if err := grownFields(o["fields"], n["fields"]); err != nil {
			return fmt.Errorf("record %v: %w", o["name"], err)
		}
		for _, k := range []string{"type", "items"} {
			if err := grown(o[k], n[k]); err != nil {
				return fmt.Errorf("%v: %w", o["name"], err)
			}
		}
		return nil
	}
	if old != next {
		return fmt.Errorf("a type changed from %v to %v", old, next)
	}
	return nil
}

func grownFields(old, next any) error {
	o, _ := old.([]any)
	n, _ := next.([]any)
	if len(n) < len(o) {
		return fmt.Errorf("a field went")
	}
	for i := range o {
		if err := grown(o[i], n[i]); err != nil {
			return err
		}
	}
	for _, f := range n[len(o):] {
		if _, ok := f.(map[string]any)["default"]; !ok {
			return fmt.Errorf("the new field %v has no default", f.(map[string]any)["name"])
		}
	}
	return nil
}

func withoutDocs(v any) any {
	switch t := v.(type) {
	case []any:
		out := make([]any, len(t))
		for i := range t {
			out[i] = withoutDocs(t[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, x := range t {
			if k != "doc" {
				out[k] = withoutDocs(x)
			}
		}
		return out
	}
	return v
}
