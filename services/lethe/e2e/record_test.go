package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/schemas"
)

// recordSchema is the published JSON Schema, read by somebody else's implementation.
var recordSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.CompletionRecord))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("completion_record.schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("completion_record.schema.json")
})

// payload is what the envelope signs.
func payload(t testing.TB, envelope []byte) []byte {
	t.Helper()
	var e struct {
		Payload string `json:"payload"`
	}
	if err := json.Unmarshal(envelope, &e); err != nil {
		t.Fatal(err)
	}
	p, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func followsSchema(t testing.TB, envelope []byte) {
	t.Helper()
	s, err := recordSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload(t, envelope)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("a record does not follow the published schema: %v", err)
	}
}

func system(t testing.TB, r *completion.Record, name string) completion.System {
	t.Helper()
	for _, s := range r.Systems {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("the record of request %s has no system %s", r.Request.ID, name)
	return completion.System{}
}

// line is what the suites compare of a collection's line.
type line struct {
	Outcome                          dsr.Outcome
	Found, Erased, Retained, Exposed int64
	Quality                          string
}

func lines(r *completion.Record) map[string]line {
	out := map[string]line{}
	for _, s := range r.Systems {
		for _, c := range s.Collections {
			n := c.Counts
			out[s.Name+"."+c.Name] = line{c.Outcome, int64(n.Found), int64(n.Erased), int64(n.Retained), int64(n.Exported), c.CountQuality}
		}
	}
	return out
}

// erasureOf is what the record of an erasure must say of a person, from what the stores held.
func erasureOf(p person) map[string]line {
	out := map[string]line{}
	had := p.had()
	for _, name := range []string{"shop.customers", "shop.orders", "shop.order_items", "shop.invoices", "crm.contacts", "crm.tickets", "chats.conversations"} {
		n := had[name]
		switch {
		case n == 0:
			out[name] = line{Outcome: dsr.NotFound, Quality: dsr.CountsExact}
		case name == "shop.invoices":
			out[name] = line{Outcome: dsr.Retained, Found: n, Retained: n, Quality: dsr.CountsExact}
		default:
			out[name] = line{Outcome: dsr.Erased, Found: n, Erased: n, Quality: dsr.CountsExact}
		}
	}
	return out
}

// erasureResult is what an erasure must come to.
func erasureResult(p person) dsr.Result {
	if p.orders > 0 {
		return dsr.Partial
	}
	return dsr.Complete
}

// reports compares what the record says with what it must.
func reports(t testing.TB, r *completion.Record, want dsr.Result, by map[string]line) {
	t.Helper()
	if r.Result != want {
		t.Errorf("the %s %s is %s, want %s; reasons %v", r.Request.Kind, r.Request.ID, r.Result, want, codes(r))
	}
	if d := cmp.Diff(by, lines(r)); d != "" {
		t.Errorf("the %s %s reports something else than what was there (-want +got):\n%s", r.Request.Kind, r.Request.ID, d)
	}
}

func codes(r *completion.Record) []string {
	var out []string
	for _, reason := range r.Reasons {
		out = append(out, reason.Code)
	}
	slices.Sort(out)
	return out
}
