package sql_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// hard is a hard shape as its file tells it.
type hard struct {
	engines  []sql.Dialect
	sections map[string]string // "schema", or "schema mysql" for one engine
}

func readHard(t *testing.T, file string) hard {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h := hard{engines: []sql.Dialect{sql.SQLite, sql.Postgres, sql.MySQL}, sections: map[string]string{}}
	name := ""
	for line := range strings.Lines(string(b)) {
		if title, ok := strings.CutPrefix(strings.TrimSpace(line), "-- "); ok && strings.HasSuffix(title, " --") {
			name = strings.TrimSuffix(title, " --")
			head, _, _ := strings.Cut(name, " ")
			if !slices.Contains([]string{"on", "schema", "rows", "map", "ask", "counts", "exported", "left", "keeps", "warned", "refused", "fails"}, head) {
				t.Fatalf("%s: unknown section %q", file, name)
			}
			h.sections[name] = ""
			continue
		}
		if name != "" {
			h.sections[name] += line
		}
	}
	if on := strings.Fields(h.sections["on"]); len(on) > 0 {
		h.engines = nil
		for _, e := range on {
			h.engines = append(h.engines, sql.Dialect(e))
		}
	}
	return h
}

func (h hard) has(section string, d sql.Dialect) bool {
	_, all := h.sections[section]
	_, own := h.sections[section+" "+string(d)]
	return all || own
}

// text is an engine's own section, else the common one.
func (h hard) text(section string, d sql.Dialect) string {
	if own, ok := h.sections[section+" "+string(d)]; ok {
		return own
	}
	return h.sections[section]
}

func (h hard) ddl(d sql.Dialect, schema string) string {
	return strings.ReplaceAll(h.text("schema", d), "SCHEMA", schema)
}

// counts reads lines such as "1 people erased 2 retained 1": for the person number 1, of 3 rows found.
func (h hard) counts(t *testing.T, d sql.Dialect, person int) map[string]dsr.Counts {
	return h.tally(t, "counts", d, person)
}

func (h hard) tally(t *testing.T, section string, d sql.Dialect, person int) map[string]dsr.Counts {
	t.Helper()
	out := map[string]dsr.Counts{}
	for line := range strings.Lines(h.text(section, d)) {
		words := strings.Split(strings.TrimSpace(line), " ")
		if words[0] != strconv.Itoa(person+1) {
			continue
		}
		first := slices.IndexFunc(words[1:], func(w string) bool {
			return slices.Contains([]string{"erased", "pseudonymised", "retained", "detached", "found"}, w)
		}) + 1
		name, c := strings.Join(words[1:first], " "), dsr.Counts{}
		for i := first; i+1 < len(words); i += 2 {
			n, err := strconv.ParseInt(words[i+1], 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			switch words[i] {
			case "erased":
				c.Erased = n
			case "pseudonymised":
				c.Pseudonymised = n
			case "retained":
				c.Retained = n
			case "detached":
				c.Detached = n
			}
			if words[i] != "found" {
				c.Found += n
			} else {
				c.Found = n
			}
		}
		out[name] = c
	}
	return out
}

// left reads lines such as "people: 2|bob@example.org": what a table that changes holds afterwards; "people:" alone: nothing.
func (h hard) left(d sql.Dialect) map[string][]string {
	out := map[string][]string{}
	for line := range strings.Lines(h.text("left", d)) {
		table, row, _ := strings.Cut(strings.TrimRight(line, "\n"), ":")
		if out[table] == nil {
			out[table] = []string{}
		}
		if row = strings.TrimPrefix(row, " "); row != "" {
			out[table] = append(out[table], row)
			slices.Sort(out[table])
		}
	}
	return out
}

// yaml writes the data map out. See README.md for the short form.
func (h hard) yaml(d sql.Dialect) string {
	type dataset struct {
		key, schema       string
		meta, collections []string
	}
	sets := []*dataset{{key: "shop", schema: "SCHEMA"}}
	subject, key, where := "", "", ""
	identities := []string{}
	for line := range strings.Lines(h.text("map", d)) {
		line = strings.TrimSpace(line)
		at := sets[len(sets)-1]
		switch {
		case line == "":
		case strings.HasPrefix(line, "dataset "):
			words := strings.Fields(line)
			sets = append(sets, &dataset{key: words[1], schema: words[2]})
		case strings.HasPrefix(line, "lethe."):
			at.meta = append(at.meta, "    "+line)
		case strings.HasPrefix(line, "subject "):
			// subject COLLECTION KEY[,KEY] [kind=FIELD …]
			words := strings.Split(strings.TrimPrefix(line, "subject "), " | ")
			subject, key, where = words[0], words[1], at.key
			identities = append(identities, words[2:]...)
		default:
			name, rest, _ := strings.Cut(line, ": ")
			c := []string{fmt.Sprintf("  - name: %q", name)}
			if strings.HasPrefix(rest, "skip") {
				c = append(c, "    fides_meta: {skip_processing: true}")
				_, rest, _ = strings.Cut(rest, "; ")
			}
			c = append(c, "    fields:")
			for f := range strings.SplitSeq(rest, " | ") {
				c = append(c, "    - "+fieldYAML(f, at.key))
			}
			at.collections = append(at.collections, c...)
		}
	}
	var b strings.Builder
	if len(sets) > 1 {
		b.WriteString("system:\n- fides_key: shop\n  system_type: Service\n  privacy_declarations: []\n  dataset_references: [")
		for i, s := range sets {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(s.key)
		}
		b.WriteString("]\n")
	}
	b.WriteString("dataset:\n")
	for _, s := range sets {
		fmt.Fprintf(&b, "- fides_key: %s\n  fides_meta: {namespace: {schema: %s}}\n  meta:\n    lethe.version: 1\n", s.key, s.schema)
		if s.key == where {
			fmt.Fprintf(&b, "    lethe.subjects: {customer: {collection: %q, key: [%s], identities: {%s}}}\n", subject, key, strings.Join(identities, ", "))
		}
		for _, m := range s.meta {
			b.WriteString(m + "\n")
		}
		b.WriteString("  collections:\n" + strings.Join(s.collections, "\n") + "\n")
	}
	return b.String()
}

// fieldYAML writes out a field: a name and words about it.
func fieldYAML(short, dataset string) string {
	var name, rest string
	if quoted, err := strconv.QuotedPrefix(short); err == nil {
		name, err = strconv.Unquote(quoted)
		if err != nil {
			panic("shape: name " + quoted)
		}
		rest = short[len(quoted):]
	} else {
		name, rest, _ = strings.Cut(short, " ")
	}
	category, meta, refs := "user.content.private", []string{}, []string{}
	for word := range strings.SplitSeq(strings.TrimSpace(rest), " ") {
		v := strings.ReplaceAll(strings.TrimLeft(word, "@<>="), "_SPACE_", " ")
		set, ref := dataset, v
		if s, r, ok := strings.Cut(v, "/"); ok {
			set, ref = s, r
		}
		switch {
		case word == "":
		case word == "pk":
			category, meta = "user.unique_id", append(meta, "primary_key: true")
		case word == "system":
			category = "system.operations"
		case word == "null":
			meta = append(meta, "masking_strategy_override: {strategy: null_rewrite}")
		case word == "hmac":
			meta = append(meta, "masking_strategy_override: {strategy: hmac}")
		case strings.HasPrefix(word, "random:"):
			meta = append(meta, "masking_strategy_override: {strategy: random_string_rewrite, configuration: {length: "+word[7:]+"}}")
		case word[0] == '@':
			category, meta = "user.contact", append(meta, "identity: "+v)
		case word[0] == '=':
			meta = append(meta, fmt.Sprintf("masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: %q}}", v))
		case word[0] == '<':
			refs = append(refs, fmt.Sprintf("{dataset: %s, field: %q, direction: from}", set, ref))
		case word[0] == '>':
			refs = append(refs, fmt.Sprintf("{dataset: %s, field: %q, direction: to}", set, ref))
		default:
			panic("shape: unknown word " + word)
		}
	}
	if len(refs) > 0 {
		meta = append(meta, "references: ["+strings.Join(refs, ", ")+"]")
	}
	return fmt.Sprintf("{name: %q, data_categories: [%s], fides_meta: {%s}}", name, category, strings.Join(meta, ", "))
}
