package ledger

import (
	"encoding/hex"
	"encoding/json"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// jsonRow is an entry as SQLite and MySQL read it.
type jsonRow struct {
	Tenant    string `json:"t"`
	RequestID string `json:"r"`
	System    string `json:"s"`
	Phase     string `json:"p"`
	Round     int32  `json:"n"`
	Attempt   int32  `json:"a"`
	State     string `json:"st"`
	Resumed   int    `json:"re"` // 1: yes
	DueAt     int64  `json:"du"`
	Deferred  int64  `json:"de"`
	Deadline  int64  `json:"dl"`
	Ticket    string `json:"ti"`
	Progress  string `json:"pr,omitempty"` // hexadecimal; left out: NULL
	Source    string `json:"so,omitempty"`
	Ack       string `json:"ac,omitempty"`
	Evidence  string `json:"ev,omitempty"`
}

func jsonKeyArgs(keys []dsr.Key) []any {
	entries := make([]responder.Entry, len(keys))
	for i, k := range keys {
		entries[i].Key = k
	}
	return []any{jsonEntries(entries)}
}

// jsonEntries is a list of entries as one parameter.
func jsonEntries(entries []responder.Entry) string {
	rows := make([]jsonRow, len(entries))
	for i, e := range entries {
		resumed := 0
		if e.Resumed {
			resumed = 1
		}
		rows[i] = jsonRow{
			Tenant: e.Key.Tenant, RequestID: string(e.Key.RequestID), System: e.Key.System, Phase: string(e.Key.Phase), Round: e.Key.Round,
			Attempt: e.Attempt, State: string(e.State), Resumed: resumed,
			DueAt: micros(e.DueAt), Deferred: micros(e.DeferredAt), Deadline: micros(e.Deadline), Ticket: e.Ticket,
			Progress: hex.EncodeToString(e.Progress), Source: hex.EncodeToString(e.Source), Ack: hex.EncodeToString(e.Ack), Evidence: hex.EncodeToString(e.Evidence),
		}
	}
	b, err := json.Marshal(rows)
	if err != nil {
		panic(err) // strings, numbers and booleans always marshal
	}
	return string(b)
}
