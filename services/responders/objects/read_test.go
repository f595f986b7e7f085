package objects_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob/memblob"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/objects"
)

// seen looks, and returns what is found and what remains by collection, without what is clean.
func seen(t *testing.T, s *objects.System, d responder.Dispatch) map[string][2]int64 {
	t.Helper()
	d.Phase = dsr.Verify
	as, err := s.Verify(t.Context(), []responder.Dispatch{d})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][2]int64{}
	for _, c := range as[0].Collections {
		if c.Counts.Found != 0 || c.Counts.Remaining != 0 {
			out[c.Name] = [2]int64{c.Counts.Found, c.Counts.Remaining}
		}
	}
	return out
}

func TestLook(t *testing.T) {
	type found = map[string][2]int64
	for _, c := range []struct {
		name       string
		file, late string // what the application writes after the erasure
		found      found
		again      map[string]line // what the second act answers, without what it does not find
	}{
		{name: "nothing_is_left_after_an_erasure"},
		{
			name: "a_late_record_with_the_customer_number", file: "conversations/a.jsonl", late: `{"id":"c8","customer":{"id":1}}` + "\n",
			found: found{"conversations": {1, 1}}, again: map[string]line{"conversations": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}},
		},
		{
			name: "a_record_that_was_restored", file: "conversations/a.jsonl", late: `{"id":"c1","customer":{}}` + "\n",
			found: found{"conversations": {1, 1}}, again: map[string]line{"conversations": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}},
		},
		{
			name: "a_late_object_of_a_record_that_is_gone", file: "attachments/c1/late.txt", late: "late",
			found: found{"attachments": {1, 1}}, again: map[string]line{"attachments": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}},
		},
		{
			name: "a_late_object_with_the_customer_number", file: "embeddings/1/late.json", late: "[1]",
			found: found{"embeddings": {1, 1}}, again: map[string]line{"embeddings": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}},
		},
		{
			name: "a_late_record_that_only_the_address_leads_to", file: "mailings.jsonl", late: `{"to":"Anna@example.org"}` + "\n",
			found: found{"mailings": {1, 1}}, again: map[string]line{"mailings": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}},
		},
		{
			name: "a_late_record_that_should_be_masked", file: "ratings/2027.jsonl", late: `{"conversation":"c1","by":{"name":"Anna"}}` + "\n",
			found: found{"ratings": {1, 1}}, again: map[string]line{"ratings": {dsr.Pseudonymised, dsr.Counts{Found: 1, Pseudonymised: 1}, ""}},
		},
		{
			name: "who_comes_anew_with_the_same_address_is_reported_and_left", file: "conversations/a.jsonl", late: `{"id":"c9","customer":{"id":77,"email":"anna@example.org"}}` + "\n",
			found: found{"conversations": {1, 0}},
		},
		{name: "what_stays_is_no_find", file: "bills/1-2027.pdf", late: "%PDF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newDesk(t)
			k.people()
			s := k.system()
			d := ask(dsr.Act, 1, customer("1"), email("anna@example.org"))
			d.Keys = erase(t, s, d)[0].Keys
			if c.file != "" {
				k.writeLate(c.file, c.late)
			}
			before := k.all()
			if diff := cmp.Diff(c.found, nilIfEmpty(seen(t, s, d))); diff != "" {
				t.Errorf("the look (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, k.all()); diff != "" {
				t.Errorf("the look changed something (-before +after):\n%s", diff)
			}
			d.Round = 2
			got := map[string]line{}
			for name, l := range lines(erase(t, s, d)[0]) {
				if l.Counts.Found > 0 {
					got[name] = l
				}
			}
			if diff := cmp.Diff(c.again, nilIfEmpty(got)); diff != "" {
				t.Errorf("the second act (-want +got):\n%s", diff)
			}
			for name, l := range seen(t, s, d) {
				if l[1] != 0 {
					t.Errorf("%d remain in %s after the second act", l[1], name)
				}
			}
		})
	}
}

func (k *desk) writeLate(name, content string) {
	k.Helper()
	if strings.HasSuffix(name, ".jsonl") {
		k.append(name, content)
		return
	}
	k.write(name, content)
}

func nilIfEmpty[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return m
}

func TestLookFindsWhatAnErasureMissed(t *testing.T) {
	k := newDesk(t)
	k.people()
	want := map[string][2]int64{"conversations": {2, 2}, "attachments": {2, 2}, "embeddings": {2, 2}, "mailings": {2, 2}, "ratings": {1, 1}}
	if d := cmp.Diff(want, seen(t, k.system(), ask(dsr.Verify, 1, customer("1")))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestResolve(t *testing.T) {
	k := newDesk(t)
	k.people()
	s := k.system()
	known, unknown, other := ask(dsr.Resolve, 1, email("anna@example.org")), ask(dsr.Resolve, 1, email("nobody@example.org")), ask(dsr.Resolve, 1, dsr.Identifier{Kind: "device_id", Value: "1"})
	for _, d := range []*responder.Dispatch{&known, &unknown, &other} {
		d.Want = []string{"customer_id"}
	}
	as, err := s.Resolve(t.Context(), []responder.Dispatch{known, unknown, other})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]dsr.Identifier{customer("1")}, as[0].Resolved); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for i, want := range []dsr.Outcome{dsr.Exported, dsr.NotFound, dsr.NotSearched} {
		if got := lines(as[i])["conversations"].Outcome; got != want {
			t.Errorf("answer %d is %s, want %s", i, got, want)
		}
	}
}

func TestExport(t *testing.T) {
	k := newDesk(t)
	k.people()
	before := k.all()
	s := k.system()
	d := ask(dsr.Act, 1, customer("1"), email("anna@example.org"))
	d.Kind = dsr.Access
	b := memblob.OpenBucket(nil)
	defer b.Close() // it is memory
	sink := responder.NewSink(b, d)
	a, err := s.Export(t.Context(), d, sink)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range sink.Parts() {
		data, err := b.ReadAll(t.Context(), p.Path)
		if err != nil {
			t.Fatal(err)
		}
		got[strings.SplitN(p.Path, "/", 5)[4]] = string(data)
	}
	want := map[string]string{
		"conversations.jsonl":                   `{"id":"c1","customer":{"id":1,"email":"Anna@Example.org"},"messages":["hi"]}` + "\n" + `{"id":"c3","customer":{"id":"1"},"messages":["ring < twice"]}` + "\n",
		"attachments/attachments/c1/letter.txt": "from Anna", "attachments/attachments/c3/deep/photo.png": "\x89PNG",
		"embeddings/embeddings/1/x.json": "[1]", "embeddings/embeddings/1/y.json": "[2]",
		"ratings.jsonl":          `{"conversation":"c1","stars":5.50,"by":{"name":"Anna","mail":"anna@example.org","device":"d-1","phones":["1","2"]},"agent_id":9}` + "\n",
		"bills/bills/1-2026.pdf": "%PDF",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("parts (-want +got):\n%s", d)
	}
	if d := cmp.Diff(before, k.all()); d != "" {
		t.Errorf("the export changed something (-before +after):\n%s", d)
	}
	if d := cmp.Diff(line{dsr.Withheld, dsr.Counts{Found: 2, Withheld: 2}, "left out by the data map"}, lines(a)["mailings"]); d != "" {
		t.Errorf("mailings (-want +got):\n%s", d)
	}
}

func TestExportWithinAScope(t *testing.T) {
	k := newDesk(t)
	k.people()
	d := ask(dsr.Act, 1, customer("1"))
	d.Kind, d.Scope = dsr.Portability, &dsr.Scope{Categories: []string{"user.contact"}}
	b := memblob.OpenBucket(nil)
	defer b.Close() // it is memory
	sink := responder.NewSink(b, d)
	a, err := k.system().Export(t.Context(), d, sink)
	if err != nil {
		t.Fatal(err)
	}
	if o := lines(a)["embeddings"].Outcome; o != dsr.OutOfScope {
		t.Errorf("embeddings are %s", o)
	}
	if len(sink.Parts()) != 2 { // conversations and ratings hold contact data
		t.Errorf("%d parts", len(sink.Parts()))
	}
}

func TestMisfits(t *testing.T) {
	k := newDesk(t)
	c := k.config()
	c.Map = loadMap(t,
		"{name: customer_id, data_categories: [user.unique_id], fides_meta: {identity: customer_id}}\n  - name: mailings",
		"{name: customer_id, data_categories: [user.unique_id], fides_meta: {identity: customer_id, references: [{dataset: support, field: agents.id, direction: to}]}}\n  - name: mailings",
		"ratings: anonymise, bills: keep}", "ratings: anonymise, bills: keep, agents: delete}")
	_, err := objects.New(t.Context(), c)
	var misfit *objects.MisfitError
	if !errors.As(err, &misfit) || !strings.Contains(err.Error(), "leads away from the person's record") {
		t.Errorf("a reference to a parent: %v", err)
	}

	c = k.config()
	c.MaskKey = nil
	if _, err := objects.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), "hmac") {
		t.Errorf("a keyed hash without a key: %v", err)
	}
	if _, err := objects.New(t.Context(), objects.Config{System: "support", MaxLine: -1}); err == nil || !strings.Contains(err.Error(), "no bucket") || !strings.Contains(err.Error(), "negative") {
		t.Errorf("nothing configured: %v", err)
	}
}
