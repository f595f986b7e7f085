package datamap_test

import (
	"fmt"
	"strings"
)

// schema writes a dataset in Fideslang from lines such as
//
//	customers: id* email=email phone!null_rewrite address_id<addresses.id
//	orders (skip): id* customer_id>customers.id
//
// * is a primary key, >x.y a reference looked up from x.y, <x.y one that leads to x.y, ?x.y one without direction (all in the same dataset, or
// dataset/x.y), =kind an identity, !strategy a mask, #category a data category (user.unique_id where there is none; #system: none
// that is personal). In parentheses after a name: skip, delete (the native erasure), after:d.x (erase_after). meta is
// YAML in flow style.
func schema(key, meta, tables string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dataset:\n- fides_key: %s\n  meta: {lethe.version: 1, %s}\n  collections:\n", key, meta)
	for line := range strings.Lines(tables) {
		name, columns, ok := strings.Cut(strings.TrimSpace(line), ":  ")
		if !ok {
			name, columns, ok = strings.Cut(strings.TrimSpace(line), ": ")
		}
		if !ok {
			continue
		}
		name, options, _ := strings.Cut(name, " (")
		fmt.Fprintf(&b, "  - name: %s\n", name)
		var fm []string
		for _, o := range strings.Fields(strings.TrimSuffix(options, ")")) {
			switch what, arg, _ := strings.Cut(o, "="); what {
			case "skip":
				fm = append(fm, "skip_processing: true")
			case "delete":
				fm = append(fm, "masking_strategy_override: {strategy: delete}")
			case "after":
				fm = append(fm, "erase_after: ["+arg+"]")
			default:
				panic(o)
			}
		}
		fmt.Fprintf(&b, "    fides_meta: {%s}\n    fields:\n", strings.Join(fm, ", "))
		for _, c := range strings.Fields(columns) {
			b.WriteString("    - " + column(key, c) + "\n")
		}
	}
	return b.String()
}

func column(dataset, text string) string {
	end := strings.IndexAny(text, "*><?=!#")
	if end < 0 {
		end = len(text)
	}
	name, rest := text[:end], text[end:]
	var refs, fm []string
	category := "user.unique_id"
	for rest != "" {
		mark := rest[0]
		end := strings.IndexAny(rest[1:], "*><?=!#")
		if end < 0 {
			end = len(rest) - 1
		}
		arg := rest[1 : 1+end]
		rest = rest[1+end:]
		switch mark {
		case '*':
			fm = append(fm, "primary_key: true")
		case '=':
			fm = append(fm, "identity: "+arg)
		case '#':
			category = arg
		case '!':
			config := ""
			if arg == "string_rewrite" {
				config = ", configuration: {rewrite_value: x}"
			}
			fm = append(fm, "masking_strategy_override: {strategy: "+arg+config+"}")
		default:
			ds, field := dataset, arg
			if d, f, ok := strings.Cut(arg, "/"); ok {
				ds, field = d, f
			}
			direction := map[byte]string{'>': ", direction: from", '<': ", direction: to", '?': ""}[mark]
			refs = append(refs, "{dataset: "+ds+", field: "+field+direction+"}")
		}
	}
	if len(refs) > 0 {
		fm = append(fm, "references: ["+strings.Join(refs, ", ")+"]")
	}
	return fmt.Sprintf("{name: %s, data_categories: [%s], fides_meta: {%s}}", name, category, strings.Join(fm, ", "))
}
