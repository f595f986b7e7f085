package datamap_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// TestErrors holds the exact words, lines and columns. Each map is wrong in one way, or in several that are all reported.
func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		maps []string
		want []string
	}{
		{"nothing_at_all", []string{""}, []string{"map.yml:1:1: the file is empty"}},
		{"only_a_comment", []string{"# nothing\n"}, []string{"map.yml:1:1: the file is empty"}},
		{"neither_dataset_nor_system", []string{"policy: []\n"}, []string{"map.yml:1:1: the data map has neither a dataset nor a system"}},
		{"no_mapping", []string{"- a\n"}, []string{"map.yml:1:1: data map: want a mapping, found a list"}},
		{"broken_yaml", []string{"dataset:\n- fides_key: [d\n  collections: []\n"}, []string{"map.yml:3:3: ',' or ']' must be specified"}},
		{"not_utf8", []string{"dataset:\n- fides_key: d\xff\n"}, []string{"map.yml:2:15: not valid UTF-8"}},
		{"two_documents", []string{"dataset: []\n---\ndataset: []\n"}, []string{"map.yml:3:1: a second YAML document: a file holds one"}},
		{"misspelt_top_level", []string{"datasets: []\nsystem: []\n"}, []string{
			`map.yml:1:1: data map: unknown key "datasets" (known: data_category, data_subject, data_use, dataset, evaluation, organization, policy, system)`,
		}},
		{"the_same_file_twice", []string{"dataset: []\n", "dataset: []\n"}, []string{"map2.yml:1:1: the same file as map1.yml"}},
		{"a_key_twice", []string{`
dataset:
- fides_key: d
  collections: []
  fides_key: e
  meta:
    lethe.version: 1
    "lethe.version": 1
`}, []string{
			`map.yml:5:3: the key "fides_key" is here twice, first at line 3`,
			`map.yml:8:5: the key "lethe.version" is here twice, first at line 7`,
		}},
		{"aliases", []string{`
dataset:
- fides_key: *nowhere
  name: &n [*n]
  tags: !!binary aGk=
  collections: []
`}, []string{
			"map.yml:3:3: dataset: fides_key is missing",
			"map.yml:3:14: alias *nowhere: no anchor of this name before it",
			`map.yml:4:12: dataset "": name: want text, found a list`,
			"map.yml:4:13: alias *n: no anchor of this name before it",
			"map.yml:5:9: the tag !!binary is not used in a data map",
		}},
		{"aliases_that_explode", []string{bomb()}, []string{"map.yml:1:1: the aliases stand for more than 10 times what the file holds"}},
		{"what_fideslang_requires", []string{`
dataset:
- name: d
- fides_key: a b
  collections:
  - fields: []
  - name: c
  - name: e
    fields:
    - {}
    - just text
system:
- fides_key: s
  privacy_declarations:
  - name: p
    legal_basis_for_processing: Because
`}, []string{
			`map.yml:3:3: dataset "": collections is missing`,
			"map.yml:3:3: dataset: fides_key is missing",
			`map.yml:4:14: dataset: fides_key: "a b" is no Fideslang key: letters, digits and _ . < > - are allowed`,
			`map.yml:6:5: collection of dataset "": name is missing`,
			`map.yml:7:5: collection "c": fields is missing`,
			`map.yml:10:7: field of collection "e": name is missing`,
			`map.yml:11:7: field of collection "e": want a mapping, found text`,
			`map.yml:13:3: system "s": system_type is missing`,
			`map.yml:15:5: system "s": privacy_declarations: data_categories is missing`,
			`map.yml:15:5: system "s": privacy_declarations: data_use is missing`,
			`map.yml:16:33: system "s": privacy_declarations: legal_basis_for_processing is Consent, Contract, Legal obligations, Vital interests, Public interest or Legitimate interests, not "Because"`,
		}},
		{"native_values_of_the_wrong_type", []string{`
dataset:
- fides_key: d
  data_categories: user.name
  fides_meta: []
  collections:
  - name: c
    fides_meta:
      skip_processing: maybe
      masking_strategy_override: {strategy: null_rewrite}
      erase_after: d.e
    fields:
    - name: f
      fides_meta:
        data_type: text
        length: -3
        primary_key: [yes]
        references:
        - {dataset: d, field: c.f, direction: sideways}
        - {field: c.f}
        - c.f
    - name: g
      fides_meta: {data_type: string}
      fields: [{name: h}, {name: h}]
    - name: f
  - name: c
    fields: []
`}, []string{
			`map.yml:4:20: dataset "d": data_categories: want a list, found text`,
			`map.yml:5:15: dataset "d": fides_meta: want a mapping, found a list`,
			`map.yml:9:24: collection "c": fides_meta: skip_processing: want true or false, found text`,
			`map.yml:10:45: collection "c": fides_meta: masking_strategy_override: the strategy of a collection is delete`,
			`map.yml:11:20: collection "c": fides_meta: erase_after: want a list, found text`,
			`map.yml:15:20: field "c.f": fides_meta: data_type is string, integer, float, boolean, object_id or object, with [] for an array, not "text"`,
			`map.yml:16:17: field "c.f": fides_meta: length: want a whole number above 0`,
			`map.yml:17:22: field "c.f": fides_meta: primary_key: want true or false, found a list`,
			`map.yml:19:47: field "c.f": fides_meta: references: direction is from or to, not "sideways"`,
			`map.yml:20:11: field "c.f": fides_meta: references: dataset is missing`,
			`map.yml:21:11: field "c.f": fides_meta: references: want a mapping, found text`,
			`map.yml:22:7: field "c.g": its data_type is string, but a field with fields is an object`,
			`map.yml:24:27: field "c.g": the field "g.h" is here twice, first at line 24`,
			`map.yml:25:7: collection "c": the field "f" is here twice, first at line 13`,
			`map.yml:26:5: dataset "d": the collection "c" is here twice, first at line 7`,
		}},
		{"masks", []string{`
dataset:
- fides_key: d
  collections:
  - name: c
    fields:
    - {name: a, fides_meta: {masking_strategy_override: {strategy: hash}}}
    - {name: b, fides_meta: {masking_strategy_override: {strategy: aes_encrypt}}}
    - {name: c, fides_meta: {masking_strategy_override: {strategy: string_rewrite}}}
    - {name: d, fides_meta: {masking_strategy_override: {strategy: random_string_rewrite, configuration: {length: 0, format_preservation: {suffix: x}}}}}
    - {name: e, fides_meta: {masking_strategy_override: {configuration: {}}}}
    - {name: f, fides_meta: {masking_strategy_override: {strategy: null_rewrite, configuration: {rewrite_value: x}}}}
`}, []string{
			`map.yml:7:68: field "c.a": fides_meta: masking_strategy_override: hash is refused: without a key it can be guessed by trying values; use hmac`,
			`map.yml:8:68: field "c.b": fides_meta: masking_strategy_override: strategy is null_rewrite, string_rewrite, random_string_rewrite, hmac or preserve, not "aes_encrypt"`,
			`map.yml:9:68: field "c.c": fides_meta: masking_strategy_override: string_rewrite needs configuration: {rewrite_value: …}`,
			`map.yml:10:115: field "c.d": fides_meta: masking_strategy_override: configuration: length: want a whole number above 0`,
			`map.yml:10:118: field "c.d": fides_meta: masking_strategy_override: configuration: random_string_rewrite has no setting "format_preservation"`,
			`map.yml:11:57: field "c.e": fides_meta: masking_strategy_override: strategy is missing`,
			`map.yml:12:98: field "c.f": fides_meta: masking_strategy_override: configuration: null_rewrite has no setting "rewrite_value"`,
		}},
		{"our_keys_where_fideslang_drops_them", []string{`
dataset:
- fides_key: d
  lethe.version: 1
  collections:
  - name: c
    lethe.erase: {}
    fides_meta: {lethe.retention: P1Y}
    fields:
    - name: f
      fides_meta: {lethe.x: 1, references: [{dataset: d, field: c.f, lethe.y: 1}]}
`}, []string{
			`map.yml:4:3: dataset "d": lethe.version stands only in the meta of a dataset or of a system`,
			`map.yml:7:5: collection "c": lethe.erase stands only in the meta of a dataset or of a system`,
			`map.yml:8:18: collection "c": fides_meta: lethe.retention stands only in the meta of a dataset or of a system`,
			`map.yml:11:20: field "c.f": fides_meta: lethe.x stands only in the meta of a dataset or of a system`,
			`map.yml:11:70: field "c.f": fides_meta: references: lethe.y stands only in the meta of a dataset or of a system`,
		}},
		{"keys_that_claim_to_be_ours", []string{`
dataset:
- fides_key: d
  meta: {lethe.erases: {}, lethe: {subjects: {}}, Lethe.Erase: {}}
  collections: []
system:
- fides_key: s
  system_type: x
  privacy_declarations: []
  meta: {lethe.version: 2, lethe.subjects: {}}
`}, []string{
			`map.yml:4:9: dataset "d": meta: lethe.version: 1 is missing`,
			`map.yml:4:10: dataset "d": meta: unknown key "lethe.erases" (known: ` + datasetKeys + `)`,
			`map.yml:4:28: dataset "d": meta: unknown key "lethe" (known: ` + datasetKeys + `)`,
			`map.yml:4:51: dataset "d": meta: unknown key "Lethe.Erase" (known: ` + datasetKeys + `)`,
			`map.yml:10:25: lethe.version: this build reads version 1`,
			`map.yml:10:28: system "s": meta: unknown key "lethe.subjects" (known: ` + systemKeys + `)`,
		}},
		{"names_that_do_not_exist", []string{ours(`
    lethe.subjects:
      customer: {collection: nobody, key: id}
      employee: {collection: c, key: nothing, identities: {email: nothing, ID: id}, row: 1}
      Boss: {collection: c}
    lethe.erase:
      employee: {nobody: delete, c.nothing: detach, c.id: delete, c: remove, c2: 1}
      client: {c: keep}
    lethe.ground: {employee: {nobody: {article: a, law: b}}}
    lethe.retention: {nobody: P1Y}
    lethe.export: {employee: {nobody: false}, client: {c: maybe}}
    lethe.export_exclude: {employee: [c.nothing, 1]}
    lethe.shared: {c: delete}
    lethe.assessment: {client: {}}
    lethe.free_text: {employee: [c.nothing], client: c.x}
`)}, []string{
			`map.yml:9:30: lethe.subjects: customer: dataset "d" has no collection "nobody"`,
			`map.yml:10:38: lethe.subjects: employee: key: collection "c" has no field "nothing"`,
			`map.yml:10:67: lethe.subjects: employee: identities: email: collection "c" has no field "nothing"`,
			`map.yml:10:76: lethe.subjects: employee: identities: "ID" is no kind of identifier: a lower-case letter, then letters, digits, _ . or -`,
			`map.yml:10:85: lethe.subjects: employee: unknown key "row" (known: collection, key, identities)`,
			`map.yml:11:7: lethe.subjects: "Boss" is no kind of subject: a lower-case letter, then letters, digits, _ . or -`,
			`map.yml:11:13: lethe.subjects: Boss: key is missing`,
			`map.yml:13:18: lethe.erase: employee: dataset "d" has no collection "nobody"`,
			`map.yml:13:34: lethe.erase: employee: dataset "d" has no field "c.nothing", written as collection.field`,
			`map.yml:13:59: lethe.erase: employee: c.id: a field is detached or nothing; delete, anonymise and keep are for collections`,
			`map.yml:13:70: lethe.erase: employee: c: "remove" is no policy here: want delete, anonymise or keep`,
			`map.yml:13:78: lethe.erase: employee: dataset "d" has no collection "c2"`,
			`map.yml:14:7: lethe.erase: "client" is not in lethe.subjects of system "d"`,
			`map.yml:15:31: lethe.ground: employee: dataset "d" has no collection "nobody"`,
			`map.yml:16:23: lethe.retention: dataset "d" has no collection "nobody"`,
			`map.yml:17:31: lethe.export: employee: dataset "d" has no collection "nobody"`,
			`map.yml:17:47: lethe.export: "client" is not in lethe.subjects of system "d"`,
			`map.yml:17:59: lethe.export: client: c: want true or false, found text`,
			`map.yml:18:39: lethe.export_exclude: employee: dataset "d" has no field "c.nothing", written as collection.field`,
			`map.yml:18:50: lethe.export_exclude: employee: dataset "d" has no field "1", written as collection.field`,
			`map.yml:19:23: lethe.shared: c: "delete" is no policy here: want keep or anonymise`,
			`map.yml:20:24: lethe.assessment: "client" is not in lethe.subjects of system "d"`,
			`map.yml:21:34: lethe.free_text: employee: dataset "d" has no field "c.nothing", written as collection.field`,
			`map.yml:21:46: lethe.free_text: "client" is not in lethe.subjects of system "d"`,
			`map.yml:21:54: lethe.free_text: client: want a list, found text`,
		}},
		{"grounds_and_periods", []string{ours(`
    lethe.subjects: {customer: {collection: c, key: [], identities: {id: id}}}
    lethe.ground:
      customer:
        c: {from: start_of_year, period: 10 years, why: x}
    lethe.retention: {c: 10}
`), strings.ReplaceAll(ours(`
    lethe.subjects: {customer: {collection: c, key: id}}
    lethe.ground:
      customer: {c: {article: a, law: b, from: end_of_year}}
    lethe.retention: {c: P1Y2Y}
`), "fides_key: d", "fides_key: e"), strings.ReplaceAll(ours(`
    lethe.subjects: {customer: {collection: c, key: id}, employee: {collection: c, key: id}}
    lethe.ground:
      customer: {c: {article: a, law: b, from: erasure, from_field: day}}
      employee: {c: {article: a, law: b, from_field: id, period: P1Y}}
`), "fides_key: d", "fides_key: f")}, []string{
			`map1.yml:8:53: lethe.subjects: customer: key: names no field`,
			`map1.yml:11:12: lethe.ground: customer: c: article is missing`,
			`map1.yml:11:12: lethe.ground: customer: c: law is missing`,
			`map1.yml:11:19: lethe.ground: customer: c: from is erasure or end_of_year, not "start_of_year"`,
			`map1.yml:11:42: lethe.ground: customer: c: period: "10 years" is no ISO 8601 duration such as P10Y or P35D`,
			`map1.yml:11:52: lethe.ground: customer: c: unknown key "why" (known: article, law, from, from_field, period, restriction, note)`,
			`map1.yml:12:26: lethe.retention: c: want an ISO 8601 duration, found a number`,
			`map2.yml:10:48: lethe.ground: customer: c: from needs a period`,
			`map2.yml:11:26: lethe.retention: c: "P1Y2Y" is no ISO 8601 duration such as P10Y or P35D, in this order and each part once`,
			`map3.yml:10:48: lethe.ground: customer: c: from needs a period`,
			`map3.yml:10:48: lethe.ground: customer: c: from_field counts from the row's own day: from is end_of_year or left out`,
			`map3.yml:10:69: lethe.ground: customer: c: from_field needs a period`,
			`map3.yml:10:69: lethe.ground: from_field: collection "c" has no field "day"`,
		}},
		{"record_facts", []string{ours(`
    lethe.backups: 35
    lethe.physical: none
    lethe.recipients: {}
    lethe.relation: ours
    lethe.not_covered: [{name: x}, y]
    lethe.shared_identities: [Device, device]
    lethe.not_followed: c.id
    lethe.map_version:
`), `
system:
- fides_key: s
  system_type: x
  privacy_declarations: []
  meta:
    lethe.version: 1
    lethe.backups: {within: P1D, after: P2D}
    lethe.physical: {}
    lethe.recipients: [{name: x}]
    lethe.relation:
    lethe.not_covered:
`}, []string{
			`map1.yml:8:20: lethe.backups: want none or {within: a period}`,
			`map1.yml:9:21: lethe.physical: want {within: a period}`,
			`map1.yml:10:23: lethe.recipients: want a list, found a mapping`,
			`map1.yml:11:21: lethe.relation is own, processor or joint`,
			`map1.yml:12:25: lethe.not_covered: reason is missing`,
			`map1.yml:12:36: lethe.not_covered: want a mapping, found text`,
			`map1.yml:13:31: lethe.shared_identities: "Device" is no kind of identifier: a lower-case letter, then letters, digits, _ . or -`,
			`map1.yml:14:25: lethe.not_followed: want a list, found text`,
			`map1.yml:15:5: lethe.map_version: want text, found nothing`,
			`map2.yml:8:34: lethe.backups: unknown key "after" (known: within)`,
			`map2.yml:9:21: lethe.physical: within is missing`,
			`map2.yml:10:24: lethe.recipients: type is missing`,
			`map2.yml:11:5: lethe.relation: want text, found nothing`,
			`map2.yml:12:5: lethe.not_covered: want a list, found nothing`,
		}},
		{"objects", []string{ours(`
    lethe.objects:
      nobody: {format: jsonl, path: x}
      c: {format: jsonl, path: "/../[a", prefix: x}
`), strings.ReplaceAll(ours(`
    lethe.objects:
      c: {format: object, prefix: "e/{id}"}
`), "fides_key: d", "fides_key: e"), strings.ReplaceAll(ours(`
    lethe.objects:
      c: {format: object, prefix: "e/{nothing}/"}
`), "fides_key: d", "fides_key: f"), strings.ReplaceAll(ours(`
    lethe.objects: {}
`), "fides_key: d", "fides_key: g"), strings.ReplaceAll(ours(`
    lethe.objects: {c: {format: csv}}
`), "fides_key: d", "fides_key: h")}, []string{
			`map1.yml:9:7: lethe.objects: dataset "d" has no collection "nobody"`,
			`map1.yml:10:32: lethe.objects: c: path: "/../[a" is no pattern: syntax error in pattern`,
			`map1.yml:10:42: lethe.objects: c: unknown key "prefix" (known: format, path)`,
			`map2.yml:9:35: lethe.objects: c: prefix: "e/{id}": a literal character, such as /, stands after {id}, or the prefix of 1 is also one of 12`,
			`map3.yml:9:35: lethe.objects: c: prefix: collection "c" has no field "nothing"`,
			`map4.yml:5:5: lethe.objects: collection "c" is not in it: it says for each collection of the dataset where its rows are`,
			`map5.yml:8:33: lethe.objects: c: format is jsonl or object, not "csv"`,
		}},
		{"keys_claimed_twice_and_contradictions", []string{`
dataset:
- {fides_key: d, collections: [], meta: {lethe.version: 1, lethe.map_version: "1", lethe.relation: own}}
- {fides_key: e, collections: [], meta: {lethe.version: 1, lethe.relation: joint}}
- {fides_key: t, collections: []}
- {fides_key: lethe.x, collections: []}
- {fides_key: <x>, collections: []}
- {fides_key: .., collections: []}
system:
- {fides_key: s, system_type: x, privacy_declarations: [], dataset_references: [d, e]}
- {fides_key: t, system_type: x, privacy_declarations: []}
`, `
dataset:
- {fides_key: d, collections: []}
system:
- {fides_key: s, system_type: x, privacy_declarations: [], meta: {lethe.version: 1, lethe.map_version: "2"}}
`}, []string{
			`map1.yml:4:76: lethe.relation: the datasets of system "s" have one relation, this says joint and another own`,
			`map1.yml:5:3: dataset "t" is a system of its own, as not exactly one system references it, but the system at map1.yml:11:3 has this name`,
			`map1.yml:6:3: system "lethe.x": names that begin with lethe. are Lethe's own`,
			`map1.yml:7:3: system "<x>": a system's name begins with a letter or a digit, has no < or > and at most 100 characters`,
			`map1.yml:8:3: system "..": a system's name begins with a letter or a digit, has no < or > and at most 100 characters`,
			`map2.yml:3:3: the dataset "d" is here twice, first at map1.yml:3:3`,
			`map2.yml:5:3: the system "s" is here twice, first at map1.yml:10:3`,
			`map2.yml:5:104: lethe.map_version: a map has one version, this says "2" and map1.yml:3:79 says "1"`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := datamap.Parse(files(tt.maps)...)
			if err == nil {
				t.Fatal("no error")
			}
			if m != nil {
				t.Error("a map beside an error")
			}
			if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Error(diff)
			}
			var one *datamap.Error
			if !errors.As(err, &one) {
				t.Error("errors.As finds no *datamap.Error")
			}
		})
	}
}

const (
	datasetKeys = "lethe.subjects, lethe.erase, lethe.ground, lethe.shared, lethe.retention, lethe.export, lethe.export_exclude, lethe.free_text, " +
		"lethe.not_followed, lethe.assessment, lethe.objects, " + systemKeys
	systemKeys = "lethe.version, lethe.map_version, lethe.shared_identities, lethe.backups, lethe.physical, lethe.recipients, lethe.relation, lethe.not_covered"
)

// ours is a dataset d with one collection c and one field id; the keys begin at line 8.
func ours(keys string) string {
	return `
dataset:
- fides_key: d
  collections:
  - {name: c, fields: [{name: id}]}
  meta:
    lethe.version: 1` + keys
}

// bomb is a few lines that stand for ten to the eight values.
func bomb() string {
	s := "dataset: []\npolicy:\n- &l0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range byte(7) {
		prev, next := string('0'+i), string('1'+i)
		s += "- &l" + next + " [" + strings.Repeat("*l"+prev+", ", 9) + "*l" + prev + "]\n"
	}
	return s
}
