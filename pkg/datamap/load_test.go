package datamap_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

const company = "testdata/company"

// parse reads maps that are right; the files are called map.yml, or map1.yml, map2.yml …
func parse(t *testing.T, texts ...string) *datamap.Map {
	t.Helper()
	m, err := datamap.Parse(files(texts)...)
	if err != nil {
		t.Fatalf("parse:\n%v", err)
	}
	return m
}

func files(texts []string) []datamap.File {
	var out []datamap.File
	for i, text := range texts {
		name := "map.yml"
		if len(texts) > 1 {
			name = fmt.Sprintf("map%d.yml", i+1)
		}
		out = append(out, datamap.File{Name: name, Data: []byte(text)})
	}
	return out
}

func load(t *testing.T, paths ...string) *datamap.Map {
	t.Helper()
	m, err := datamap.Load(paths...)
	if err != nil {
		t.Fatalf("load:\n%v", err)
	}
	return m
}

func TestLoad(t *testing.T) {
	t.Run("a_directory_is_one_company_map", func(t *testing.T) {
		m := load(t, company)
		var got []string
		for _, s := range m.Systems {
			got = append(got, s.Name)
		}
		if diff := cmp.Diff([]string{"embeddings", "shop_db", "support"}, got); diff != "" {
			t.Error(diff)
		}
		if m.Version != "12" {
			t.Errorf("version %q", m.Version)
		}
	})
	t.Run("files_named_one_by_one_give_the_same_map", func(t *testing.T) {
		a, b := load(t, company), load(t, company+"/support.yml", company+"/shop.yml")
		if a.SHA256 != b.SHA256 {
			t.Error("the order of files changed the hash")
		}
	})
	t.Run("hidden_files_and_other_files_are_left_alone", func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.yml"), minimal)
		write(t, filepath.Join(dir, ".b.yml"), "garbage: [")
		write(t, filepath.Join(dir, "..data", "c.yml"), "garbage: [")
		write(t, filepath.Join(dir, "README.md"), "garbage: [")
		load(t, dir)
	})
	t.Run("every_unreadable_file_is_named", func(t *testing.T) {
		_, err := datamap.Load("nowhere.yml", company, "nowhere_else.yml")
		if err == nil || !strings.Contains(err.Error(), "nowhere.yml") || !strings.Contains(err.Error(), "nowhere_else.yml") {
			t.Errorf("got %v", err)
		}
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v, want a not-exist error", err)
		}
	})
	t.Run("an_empty_directory_is_an_error", func(t *testing.T) {
		if _, err := datamap.Load(t.TempDir()); err == nil {
			t.Error("no error")
		}
		if _, err := datamap.Parse(); err == nil {
			t.Error("no error without files")
		}
	})
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestHash(t *testing.T) {
	a, b := datamap.File{Name: "a", Data: []byte("a\n")}, datamap.File{Name: "b", Data: []byte("b\n")}
	t.Run("of_one_file_it_is_the_file's", func(t *testing.T) {
		if datamap.Hash(a) != sha256.Sum256(a.Data) {
			t.Error("differs")
		}
	})
	t.Run("of_several_it_is_that_of_the_sorted_digests", func(t *testing.T) {
		// printf 'a\n' >a; printf 'b\n' >b; sha256sum a b | cut -c1-64 | LC_ALL=C sort | sha256sum
		const want = "64f3554a923b7403c47e9c8d8d5a8b6b5100c47657542e751a4d6eb8fc66098d"
		for _, order := range [][]datamap.File{{a, b}, {b, a}} {
			if got := fmt.Sprintf("%x", datamap.Hash(order...)); got != want {
				t.Errorf("got %s", got)
			}
		}
	})
	t.Run("a_name_does_not_count_and_a_byte_does", func(t *testing.T) {
		renamed, changed := datamap.File{Name: "c", Data: a.Data}, datamap.File{Name: "a", Data: []byte("a \n")}
		if datamap.Hash(renamed, b) != datamap.Hash(a, b) || datamap.Hash(changed, b) == datamap.Hash(a, b) {
			t.Error("wrong")
		}
	})
}

const minimal = `
dataset:
- fides_key: d
  collections:
  - name: people
    fields:
    - name: id
`

func TestMapAcceptsFideslang(t *testing.T) {
	t.Run("a_map_without_keys_of_ours", func(t *testing.T) {
		m := parse(t, minimal)
		s, ok := m.System("d")
		if !ok || s.Relation != datamap.Unknown || s.Backups.State != datamap.Unknown || s.Recipients.Declared || s.NotCovered.Declared {
			t.Errorf("got %+v", s)
		}
	})
	t.Run("anchors_merge_keys_tags_flow_style_and_foreign_keys", func(t *testing.T) {
		m := parse(t, `
organization: [{fides_key: acme, fides_made_up: 1}]
policy: []
data_category: [{fides_key: user.shoe_size}]
dataset:
- &base
  fides_key: d
  name: 12
  meta: {anything: {goes: here}, other.tool: 1}
  collections:
  - name: people
    description: |
      several
      lines
    fides_meta: &meta {skip_processing: "no"}
    fields:
    - &id {name: id, fides_meta: {primary_key: yes, data_type: integer}}
    - {<<: *id, name: !!str 7}
    unknown_to_us: {a: b}
- <<: *base
  fides_key: e
  fidesops_meta: {namespace: {schema: old, n: 3}}
`)
		d, _ := m.System("d")
		e, _ := m.System("e")
		people, _ := d.Datasets[0].Collection("people")
		if len(people.PrimaryKey()) != 2 || people.Fields[1].Name != "7" || d.Datasets[0].Name != "12" {
			t.Errorf("got %+v", people.Fields)
		}
		if diff := cmp.Diff(map[string]string{"schema": "old", "n": "3"}, e.Datasets[0].Namespace); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("labels_are_inherited_and_data_purposes_is_an_alias", func(t *testing.T) {
		m := parse(t, `
dataset:
- fides_key: d
  data_categories: [user]
  data_purposes: [finance]
  collections:
  - name: people
    data_uses: [sales]
    fields:
    - name: address
      data_categories: [user.contact.address]
      fields: [{name: city, data_categories: [user.contact.address.city]}]
`)
		people, _ := m.Systems[0].Datasets[0].Collection("people")
		city, ok := people.Field("address.city")
		if !ok {
			t.Fatal("no field address.city")
		}
		if diff := cmp.Diff([]string{"user", "user.contact.address", "user.contact.address.city"}, city.Categories()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"finance", "sales"}, city.DataUses()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSystems(t *testing.T) {
	systems := func(m *datamap.Map) (out []string) {
		for _, s := range m.Systems {
			line := s.Name + ":"
			for _, d := range s.Datasets {
				line += " " + d.Key
			}
			out = append(out, line)
		}
		return out
	}
	const datasets = `
dataset:
- {fides_key: a, collections: []}
- {fides_key: b, collections: []}
- {fides_key: c, collections: []}
- {fides_key: d, collections: []}
`
	m := parse(t, datasets, `
system:
- {fides_key: s, system_type: x, privacy_declarations: [], dataset_references: [a, c, d]}
- {fides_key: c, system_type: x, privacy_declarations: [{data_use: sales, data_categories: [user], dataset_references: [c]}]}
- {fides_key: t, system_type: x, privacy_declarations: [], dataset_references: [d]}
- {fides_key: paper, system_type: x, privacy_declarations: []}
`)
	// a has one system, b none, c two of which one bears its name, d two others.
	if diff := cmp.Diff([]string{"b: b", "c: c", "d: d", "paper:", "s: a", "t:"}, systems(m)); diff != "" {
		t.Error(diff)
	}
}

func TestRecordFacts(t *testing.T) {
	text := func(system, first, second string) string {
		return `
dataset:
- {fides_key: a, collections: [], meta: {lethe.version: 1` + first + `}}
- {fides_key: b, collections: [], meta: {lethe.version: 1` + second + `}}
system:
- {fides_key: s, system_type: x, privacy_declarations: [], dataset_references: [a, b], meta: {lethe.version: 1` + system + `}}
`
	}
	type facts struct {
		Relation, Backups, Physical string
		Recipients                  datamap.Recipients
		NotCovered                  datamap.Exclusions
	}
	horizon := func(h datamap.Horizon) string {
		if h.State == datamap.Within {
			return h.Within.String()
		}
		return h.State
	}
	unknown := facts{Relation: "unknown", Backups: "unknown", Physical: "unknown"}
	for _, tt := range []struct {
		name                  string
		system, first, second string
		want                  facts
	}{
		{name: "nothing_declared_is_unknown", want: unknown},
		{
			name:  "one_dataset_that_declares_nothing_makes_the_system_unknown",
			first: ", lethe.backups: none, lethe.physical: {within: P1D}, lethe.recipients: [], lethe.relation: own, lethe.not_covered: []",
			want:  unknown,
		},
		{
			name:   "declared_and_empty_is_none",
			system: ", lethe.backups: none, lethe.physical: {within: P0D}, lethe.recipients: [], lethe.relation: joint, lethe.not_covered: []",
			want:   facts{"joint", "none", "P0D", datamap.Recipients{Declared: true}, datamap.Exclusions{Declared: true}},
		},
		{
			name:   "a_dataset's_own_come_first_and_the_longest_time_counts",
			system: ", lethe.backups: none, lethe.physical: {within: P40D}, lethe.recipients: [{name: r, type: controller}], lethe.relation: own, lethe.not_covered: []",
			first:  ", lethe.backups: {within: P1M}, lethe.physical: {within: P1D}, lethe.recipients: [{name: q, type: controller}]",
			second: ", lethe.backups: {within: P30D}, lethe.not_covered: [{name: n, reason: m}]",
			want: facts{
				"own", "P1M", "P40D",
				datamap.Recipients{Declared: true, List: []datamap.Recipient{{Name: "q", Type: "controller"}, {Name: "r", Type: "controller"}}},
				datamap.Exclusions{Declared: true, List: []datamap.NotCovered{{Name: "n", Reason: "m"}}},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := parse(t, text(tt.system, tt.first, tt.second)).System("s")
			got := facts{s.Relation, horizon(s.Backups), horizon(s.Physical), s.Recipients, s.NotCovered}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
