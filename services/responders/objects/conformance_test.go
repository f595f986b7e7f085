package objects_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

func TestConformance(t *testing.T) {
	respondertest.Run(t, respondertest.Harness{New: func(t *testing.T) respondertest.Fixture {
		k := newDesk(t)
		file := filepath.Join(t.TempDir(), "ledger.db")
		serial := 0
		return respondertest.Fixture{
			Capacity:   "customer",
			Identifier: func(n int) dsr.Identifier { return customer(fmt.Sprint(n + 1)) },
			Open: func(t *testing.T) (responder.System, responder.Ledger) {
				return (&desk{t, k.dir}).system(), besideLedger(t, file)
			},
			Seed: func(t *testing.T, id dsr.Identifier) {
				k := &desk{t, k.dir}
				serial++
				k.write("conversations/x", "") // the directory
				k.append(fmt.Sprintf("conversations/%d.jsonl", serial%2), fmt.Sprintf(`{"id":"c-%d","customer":{"id":%s}}`+"\n", serial, id.Value))
				k.write(fmt.Sprintf("attachments/c-%d/letter.txt", serial), "Dear desk")
				k.write(fmt.Sprintf("embeddings/%s/c-%d.json", id.Value, serial), "[1]")
			},
			Left: func(t *testing.T, id dsr.Identifier) int64 {
				var n int64
				for name, content := range (&desk{t, k.dir}).all() {
					n += int64(strings.Count(content, `"customer":{"id":`+id.Value+`}`))
					if strings.HasPrefix(name, "embeddings/"+id.Value+"/") && !strings.HasSuffix(name, "/") {
						n++
					}
				}
				return n
			},
		}
	}})
}
