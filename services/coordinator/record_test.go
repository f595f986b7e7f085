package coordinator

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

func TestARecordStatesHowLongAPackageIsKept(t *testing.T) {
	packed := time.Now().UTC().Truncate(time.Second)
	for name, c := range map[string]struct {
		retain time.Duration
		want   any
	}{
		"its_retention_after_it_was_packed": {30 * 24 * time.Hour, packed.Add(30 * 24 * time.Hour).Format(time.RFC3339)},
		"nothing_where_there_is_no_limit":   {0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, openSQLite(t), func(cfg *Config) { cfg.ExportRetain = c.retain })
			id, value := request(t, dsr.Access, dsr.Identifier{Kind: "customer_id", Value: "4711"})
			r.deliver(t, dsr.TopicRequests, value)
			exported := func(a *dsr.Acknowledgement) {
				a.Kind, a.DoneAt = dsr.Access, packed
				a.Collections[0].Outcome, a.Collections[0].Counts = dsr.Exported, dsr.Counts{Found: 1, Exported: 1}
				a.Parts = []dsr.Part{{System: a.System, Collection: "rows", Path: "parts/x", MediaType: "application/jsonl", SHA256: make([]byte, 32), SizeBytes: 1, Records: 1}}
			}
			r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, id, "shop", dsr.Act, exported), acknowledgement(t, id, "crm", dsr.Act, exported))
			r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, id, dsr.Packager, dsr.Package, exported))
			if d := cmp.Diff(c.want, r.sealed(t, id)["delivery"].(map[string]any)["expires_at"]); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestARecordSaysWhatTheLastLookSaysBesidesItsCounts(t *testing.T) {
	r := newRig(t, openSQLite(t), func(cfg *Config) { cfg.Policy.Settle = 0 })
	id, value := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4711"})
	r.deliver(t, dsr.TopicRequests, value)
	r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, id, "shop", dsr.Act), acknowledgement(t, id, "crm", dsr.Act))
	clean := func(notes ...string) func(*dsr.Acknowledgement) {
		return func(a *dsr.Acknowledgement) {
			a.Collections = nil
			for i, n := range notes {
				a.Collections = append(a.Collections, dsr.Collection{
					Name: []string{"rows", "tickets"}[i], Outcome: dsr.NotFound, CountQuality: dsr.CountsExact, Method: "search", Note: n,
				})
			}
		}
	}
	r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, id, "shop", dsr.Verify, clean("a name in rows (rows: 2)", "a name in tickets (rows: 1)")),
		acknowledgement(t, id, "crm", dsr.Verify, clean("")))
	got := map[string]any{}
	for _, s := range r.sealed(t, id)["systems"].([]any) {
		for _, c := range s.(map[string]any)["collections"].([]any) {
			c := c.(map[string]any)
			got[s.(map[string]any)["name"].(string)+" "+c["name"].(string)] = c["note"]
		}
	}
	want := map[string]any{"shop rows": "last look: a name in rows (rows: 2)", "shop tickets": "last look: a name in tickets (rows: 1)", "crm rows": nil}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("notes (-want +got):\n%s", d)
	}
}

// sealed is the payload of the record that waits to be published.
func (r *rig) sealed(t *testing.T, id lifecycle.ID) map[string]any {
	t.Helper()
	out, err := r.store.Outbox(testContext(t))
	must(t, err)
	defer out.Close()
	shard := []int{shardOf([]byte(id.RequestID), r.cfg.Shards)}
	_, err = out.Acquire(testContext(t), shard)
	must(t, err)
	rows, err := out.Fetch(testContext(t), shard, 1<<20)
	must(t, err)
	for _, row := range rows {
		for _, m := range row.Messages {
			if m.Topic != "lethe."+dsr.TopicCompletions {
				continue
			}
			c, err := r.cfg.Codec.DecodeCompletion(m.Value)
			must(t, err)
			var envelope dsse.Envelope
			must(t, json.Unmarshal(c.Envelope, &envelope))
			payload, err := envelope.DecodeB64Payload()
			must(t, err)
			var record map[string]any
			must(t, json.Unmarshal(payload, &record))
			return record
		}
	}
	t.Fatal("it was not sealed")
	return nil
}
