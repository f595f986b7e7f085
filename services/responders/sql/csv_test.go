package sql_test

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

func TestExportOfCSV(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		w.exec("UPDATE messages SET body = ? WHERE customer_id = 1", "say \"hi\",\nüber\t=1+1")
		w.exec("INSERT INTO messages VALUES (1, ''), (1, NULL)")
		w.exec("UPDATE customers SET phone = '' WHERE id = 1")
		cfg := w.config(p.loadMap(t, "shop.yml"))
		plain := w.newSystem(cfg)
		cfg.ExportFormat = sql.CSV
		s := w.newSystem(cfg)
		d := ask(dsr.Act, 1, customer("1"))
		d.Kind = dsr.Portability
		parts, a := exportWith(t, s, d, "\r\n", 1)
		lines, _ := export(t, plain, d)
		if got := strings.Count(parts["messages"], "\r\n1,\"\"\r\n") + strings.Count(parts["messages"], "\r\n1,\r\n"); got < 1 {
			t.Errorf("null and the empty text: %q", parts["messages"])
		}
		if !strings.Contains(parts["messages"], "1,\"say \"\"hi\"\",\nüber\t=1+1\"\r\n") || !strings.HasPrefix(parts["messages"], "\"customer_id\",\"body\"\r\n") {
			t.Errorf("messages: %q", parts["messages"])
		}
		for collection, text := range parts {
			records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
			if err != nil {
				t.Fatalf("%s: %v", collection, err)
			}
			var want [][]string
			for _, line := range strings.Split(strings.TrimSuffix(lines[collection], "\n"), "\n") {
				if line == "" {
					continue
				}
				var row []string
				for _, name := range records[0] {
					var values map[string]json.RawMessage
					if err := json.Unmarshal([]byte(line), &values); err != nil {
						t.Fatal(err)
					}
					v := string(values[name])
					var s string
					switch {
					case json.Unmarshal(values[name], &s) == nil && v != "null":
						v = s
					case v == "null":
						v = ""
					}
					row = append(row, v)
				}
				want = append(want, row)
			}
			if diff := cmp.Diff(want, records[1:]); diff != "" {
				t.Errorf("%s (-JSON Lines +CSV):\n%s", collection, diff)
			}
			for _, c := range a.Collections {
				if c.Name == collection && c.Counts.Exported != int64(len(records)-1) {
					t.Errorf("%s: %d exported, %d records", collection, c.Counts.Exported, len(records)-1)
				}
			}
		}
		cfg.ExportFormat = "xlsx"
		if _, err := sql.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), `the format of an export is jsonl or csv, not "xlsx"`) {
			t.Errorf("an unknown format: %v", err)
		}
	})
}
