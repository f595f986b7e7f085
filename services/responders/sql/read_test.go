package sql_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob/memblob"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

func TestResolve(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml"))
		known, unknown, other := ask(dsr.Resolve, 1, email("anna@example.org")), ask(dsr.Resolve, 1, email("nobody@example.org")), ask(dsr.Resolve, 1, dsr.Identifier{Kind: "device_id", Value: "1"})
		known.Want, unknown.Want, other.Want = []string{"customer_id", "phone"}, []string{"customer_id"}, []string{"customer_id"}
		as, err := s.Resolve(t.Context(), []responder.Dispatch{known, unknown, other})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]dsr.Identifier{{Kind: "customer_id", Value: "1"}, {Kind: dsr.Phone, Value: "+4930123"}}, as[0].Resolved); d != "" {
			t.Errorf("resolved (-want +got):\n%s", d)
		}
		for i, want := range []dsr.Outcome{dsr.Exported, dsr.NotFound, dsr.NotSearched} {
			if got := lines(as[i])["customers"].Outcome; got != want {
				t.Errorf("answer %d is %s, want %s", i, got, want)
			}
		}
		if as[1].Resolved != nil || as[2].Resolved != nil {
			t.Error("identifiers of people who are not there")
		}
	})
}

// export returns the parts, by collection, and the answer.
func export(t *testing.T, s *sql.System, d responder.Dispatch) (map[string]string, responder.Answer) {
	t.Helper()
	return exportWith(t, s, d, "\n", 0)
}

// exportWith returns parts that end each record so and have so many lines more than records, as long as no value has such an end.
func exportWith(t *testing.T, s *sql.System, d responder.Dispatch, end string, more int64) (map[string]string, responder.Answer) {
	t.Helper()
	b := memblob.OpenBucket(nil)
	defer b.Close() // it is memory
	sink := responder.NewSink(b, d)
	a, err := s.Export(t.Context(), d, sink)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, part := range sink.Parts() {
		data, err := b.ReadAll(t.Context(), part.Path)
		if err != nil {
			t.Fatal(err)
		}
		if int64(strings.Count(string(data), end)) != part.Records+more {
			t.Errorf("part %s names %d records", part.Collection, part.Records)
		}
		out[part.Collection] = string(data)
	}
	return out, a
}

func TestExport(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		if p.dialect == sql.Postgres {
			w.exec("UPDATE orders SET label = '\\x00ff10' WHERE id = 100")
		} else {
			w.exec("UPDATE orders SET label = x'00ff10', total = '12.3400000001' WHERE id = 100")
		}
		s := w.system(p.loadMap(t, "shop.yml"))
		d := ask(dsr.Act, 1, email("anna@example.org"))
		d.Kind = dsr.Access
		parts, a := export(t, s, d)
		at := map[sql.Dialect][2]string{
			sql.Postgres: {"2026-01-02T03:04:05.000006+00:00", "2026-01-02T03:04:05+00:00"},
			sql.MySQL:    {"2026-01-02T03:04:05.000006+00:00", "2026-01-02T03:04:05+00:00"},
			sql.SQLite:   {"2026-01-02 03:04:05.000006+00", "2026-01-02 03:04:05+00"},
		}[p.dialect]
		second := map[sql.Dialect]string{sql.Postgres: "5.0000000000", sql.MySQL: "5.0000000000", sql.SQLite: "5"}[p.dialect]
		want := map[string]string{
			"customers": `{"id":1,"email":"Anna@Example.org","name":"Anna","phone":"+49 30 123","loyalty":"L-1","born":"1970-01-02","country":"DE","address_id":1}` + "\n",
			"addresses": `{"id":1,"street":"Shared Street"}` + "\n",
			"orders": `{"id":100,"customer_id":1,"total":12.3400000001,"placed_at":"` + at[0] + `","note":{"text":"ring \u003c twice"},"label":"AP8Q"}` + "\n" +
				`{"id":101,"customer_id":1,"total":` + second + `,"placed_at":"` + at[1] + `","note":null,"label":null}` + "\n",
			"order_items":   `{"order_id":100,"line":1,"sku":"a"}` + "\n" + `{"order_id":100,"line":2,"sku":"b"}` + "\n" + `{"order_id":101,"line":1,"sku":"c"}` + "\n",
			"messages":      `{"customer_id":1,"body":"hello"}` + "\n" + `{"customer_id":1,"body":"hello"}` + "\n",
			"invoices":      `{"id":1000,"customer_id":1,"total":12.34}` + "\n",
			"invoice_lines": `{"id":1,"invoice_id":1000,"sku":"a"}` + "\n" + `{"id":2,"invoice_id":1000,"sku":"b"}` + "\n",
		}
		if d := cmp.Diff(want, parts); d != "" {
			t.Errorf("parts (-want +got):\n%s", d)
		}
		ls := lines(a)
		if d := cmp.Diff(line{dsr.Withheld, dsr.Counts{Found: 1, Withheld: 1}, "left out by the data map"}, ls["newsletter"]); d != "" {
			t.Errorf("newsletter (-want +got):\n%s", d)
		}
		if d := cmp.Diff(line{dsr.Exported, dsr.Counts{Found: 2, Exported: 2}, "left out by the data map: note.internal, margin"}, ls["orders"]); d != "" {
			t.Errorf("orders (-want +got):\n%s", d)
		}

		d.Kind = dsr.Portability
		_, a = export(t, s, d)
		if o := lines(a)["newsletter"].Outcome; o != dsr.OutOfScope {
			t.Errorf("what a portability request leaves out is %s", o)
		}
		d.Identifiers = []dsr.Identifier{email("nobody@example.org")}
		parts, a = export(t, s, d)
		if len(parts) != 0 {
			t.Errorf("parts of nobody: %v", parts)
		}
		for name, l := range lines(a) {
			if (l != line{Outcome: dsr.NotFound}) {
				t.Errorf("nobody's %s is %+v", name, l)
			}
		}
	})
}

func TestExportWithinAScope(t *testing.T) {
	w := newPlace(t, sql.SQLite).shop(t)
	w.people()
	s := w.system(w.loadMap(t, "shop.yml"))
	d := ask(dsr.Act, 1, customer("1"))
	d.Kind, d.Scope = dsr.Portability, &dsr.Scope{Categories: []string{"user.contact"}}
	parts, a := export(t, s, d)
	want := map[string]string{
		"customers": `{"id":1,"email":"Anna@Example.org","phone":"+49 30 123","country":"DE"}` + "\n",
		"addresses": `{"id":1,"street":"Shared Street"}` + "\n",
	}
	if d := cmp.Diff(want, parts); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if o := lines(a)["messages"].Outcome; o != dsr.OutOfScope {
		t.Errorf("messages are %s", o)
	}
	d.Kind = dsr.Erasure
	if as := erase(t, s, d); as[0].Err == nil {
		t.Error("an erasure of some categories was carried out")
	}
}
