package completion

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

var update = flag.Bool("update", false, "write the golden reports anew")

// meridian is an erasure over seven systems: a partial, with a remainder kept by law, an attestation, and data that came back.
func meridian() *Record {
	r := erasure()
	shop := system("shop", erased("customer", 1), erased("orders", 26), retained("invoices", 4))
	shop.IdentifierKinds = []string{"email", "customer_id"}
	shop.Collections[1].Counts.Cascaded = 3
	chats := system("chats", erased("messages", 12))
	chats.Looks = []Look{
		{At: at("2026-11-25T11:21:03Z"), MethodVersion: "objects/1", Found: 1, Action: LookErasedAgain},
		{At: at("2026-11-26T11:22:00Z"), MethodVersion: "objects/1", Found: 0, Action: LookNone},
	}
	chats.DoneAt = ptr("2026-11-25T11:22:00Z")
	chats.Physical = Physical{State: GoneBy, GoneBy: ptr("2026-11-30T09:00:00Z")}
	devices := system("devices", erased("tokens", 2))
	devices.IdentifierKinds = []string{"device_id"}
	devices.Physical = Physical{State: PhysicalGone}
	mail := system("newsletter", erased("subscribers", 1))
	mail.Relation, mail.Physical = RelationProcessor, Physical{State: Unknown}
	mail.Collections[0].CountQuality = dsr.CountsLowerBound
	letters := System{
		Name: "letters", Relation: RelationOwn, IdentifierKinds: []string{"customer_id"}, Attempts: 1,
		FirstAt: ptr("2026-11-24T11:21:00Z"), DoneAt: ptr("2026-11-25T15:00:00Z"),
		Attested:    &Attested{ByRole: "office manager", Reference: "letter 2026/118", At: ptr("2026-11-25T15:00:00Z")},
		Collections: []Collection{{Name: "letters", Outcome: dsr.Attested, CountQuality: dsr.CountsUnknown}}, Physical: Physical{State: PhysicalGone},
	}
	partners := System{Name: "partners", Relation: RelationOwn, Collections: []Collection{{Name: AllCollections, Outcome: dsr.NotFound, CountQuality: dsr.CountsUnknown}}, Physical: Physical{State: NothingErased}}
	r.Systems = []System{shop, chats, system("search", erased("profiles", 1), notFound("suggestions")), devices, mail, letters, partners}
	r.Coverage.Expected = nil
	for _, s := range r.Systems {
		r.Coverage.Expected = append(r.Coverage.Expected, s.Name)
	}
	r.Recipients = append(r.Recipients, Recipient{System: "devices", Status: RecipientsNone}, Recipient{System: "newsletter", Status: RecipientsNone},
		Recipient{System: "letters", Name: "collection agency", Status: Disproportionate, Reason: "claim settled in 2019, agency dissolved"})
	for _, s := range []string{"devices", "newsletter", "letters"} {
		r.Backups = append(r.Backups, Backup{System: s, State: NoBackups})
	}
	r.Software = Software{Version: "0.1.0", Commit: "377a575"}
	r.Suppression = &Suppression{Entered: at("2026-11-24T11:21:00Z"), Ground: Ground{Article: "GDPR 6(1)(c)", Note: "to keep restores from bringing the person back"}, Until: "2027-12-31"}
	return r
}

// troubled is an erasure in which almost everything is open.
func troubled() *Record {
	r := meridian()
	r.Environment = Development
	r.Coverage.MapVersion, r.Coverage.NotCovered = "", nil
	r.Request.Ground, r.Request.Channel = nil, Unknown
	r.Identity = Identity{Method: Unknown}
	r.Responsible.Decision = nil
	r.Systems[0].Collections[2].Until, r.Systems[0].Collections[2].Restricted = "", nil
	r.Systems[1].Looks = append(r.Systems[1].Looks, Look{At: at("2026-11-26T18:00:00Z"), Found: 2, Action: LookReported})
	r.Systems[2] = System{Name: "search", Relation: Unknown, Collections: []Collection{{Name: AllCollections, Outcome: dsr.NoAnswer, CountQuality: dsr.CountsUnknown}}, Physical: Physical{State: NothingErased}}
	r.Systems[3].Collections = []Collection{{Name: AllCollections, Outcome: dsr.Failed, CountQuality: dsr.CountsUnknown}}
	r.Systems[3].ErrorCode, r.Systems[3].EvidenceSHA256, r.Systems[3].Looks = "expired", nil, nil
	r.Systems[4].MapSHA256 = hash("other map")
	r.Recipients[0].Status = RecipientOpen
	r.Backups[0] = Backup{System: "shop", State: Unknown}
	r.Models = append(r.Models, Model{Name: "recommender", SawSubject: Unknown, Status: ModelOpen})
	r.Clock.Pauses = []Pause{{From: at("2026-11-24T08:00:00Z"), To: ptr("2026-11-25T08:00:00Z"), Reason: "identity_doubted"}}
	r.Clock.Extension = &Extension{Until: at("2027-02-24T22:59:59Z"), Reason: "number of requests", NotifiedAt: ptr("2026-12-28T09:00:00Z")}
	r.Reasons = []Reason{Stated(ReasonMapsDiffer), Stated(ReasonDataOfNewSignUp)}
	return r
}

func refused() *Record {
	r := unfound()
	r.Systems = nil
	r.Responsible.Decision = &Decision{Decision: dsr.Refused, Grounds: []Ground{{Article: "GDPR 12(5)(b)", Note: "the ninth request this month"}}, ByRole: "privacy desk", At: ptr("2026-11-25T09:00:00Z")}
	r.Clock.Answer = &Answer{InformedAt: at("2026-11-25T10:00:00Z"), Channel: "e-mail"}
	return r
}

func told() *Record {
	r := meridian()
	r.Type, r.Number, r.Previous = TypeAddendum, 2, &Previous{RecordID: "0b0c3a52-5d0e-5c6b-9d0b-3f5e9a3c7a11", SHA256: hash("previous")}
	r.Systems[0].Collections = r.Systems[0].Collections[:2]
	r.AsOf = at("2027-01-04T10:00:00Z")
	r.Clock.Answer = &Answer{InformedAt: at("2026-12-23T13:00:00Z"), Channel: "e-mail", TextSHA256: hash("answer")}
	return r
}

func accessPartial() *Record {
	r := access()
	r.Systems[1].Collections[0].Outcome = dsr.Withheld
	r.Systems[1].Collections[0].Counts = Counts{Found: 12, Withheld: 12}
	r.Systems[1].Collections[0].Ground = &Ground{Article: "GDPR 15(4)", Note: "an agent's private notes"}
	r.Delivery.Withheld = []Withheld{{System: "chats", Collection: "messages", Ground: r.Systems[1].Collections[0].Ground}}
	return r
}

func reportOf(t testing.TB, r *Record) Report {
	t.Helper()
	v, err := Verify(seal(t, r).Envelope, testSigner(1).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	return Report{Verified: v, At: r.AsOf, Addenda: r.Number, File: "records/" + string(r.Request.ID) + ".json", KeyFile: "keys/record.pub"}
}

var examples = map[string]func() *Record{
	"partial": meridian, "incomplete": troubled, "nothing_found": unfound, "refused": refused, "addendum_told": told, "access": access, "access_partial": accessPartial,
}

func TestGoldenReports(t *testing.T) {
	for name, build := range examples {
		t.Run(name, func(t *testing.T) {
			rep := reportOf(t, build())
			var text, page bytes.Buffer
			if err := Text(&text, rep); err != nil {
				t.Fatal(err)
			}
			if err := HTML(&page, rep); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", text.Bytes())
			golden(t, name+".html", page.Bytes())
			golden(t, name+".line", []byte(Line(rep.Record)+"\n"+Sentence(rep.Record)+"\n"+Position(rep.Record)+"\n"))
			if _, err := html.Parse(bytes.NewReader(page.Bytes())); err != nil {
				t.Error(err)
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "report", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (go test -update writes it anew):\n%s", path, d)
	}
}

// What comes from systems, maps and requests is shown, never obeyed: neither by a browser nor by a terminal.
func TestReportIsNotDeceived(t *testing.T) {
	hostile := "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31mred\x1b[0m\u202egnp.exe\u200b\r\nResult: Complete"
	r := troubled()
	r.Responsible.Controller, r.Clock.Establishment, r.Tenant = hostile, hostile, Optional(hostile)
	r.Request.Channel, r.Request.Source, r.Requester.Role, r.Identity.Method = hostile, hostile, hostile, hostile
	r.Systems[0].Collections[0].Name, r.Systems[0].Collections[2].Ground.Note = hostile, Optional(hostile)
	r.Systems[0].Collections[1].Note = Optional(hostile)
	r.Systems[3].ErrorCode, r.Systems[5].Attested.Reference = Optional(hostile), hostile
	r.Recipients[0].Name, r.Models[0].Name = Optional(hostile), hostile
	r.Coverage.NotCovered = []NotCovered{{Name: hostile, Reason: hostile}}
	rep := reportOf(t, r)
	var text, page bytes.Buffer
	if err := Text(&text, rep); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&page, rep); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"\x1b", "\u202e", "\u200b", "\nResult: Complete"} {
		if strings.Contains(text.String(), bad) || strings.Contains(page.String(), bad) || strings.Contains(Sentence(rep.Record), bad) || strings.Contains(Line(rep.Record), bad) {
			t.Errorf("%q came through", bad)
		}
	}
	root, err := html.Parse(&page)
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "img", "iframe", "object", "embed", "link", "a", "form", "base", "svg":
			t.Errorf("the page has a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" || strings.Contains(a.Val, "://") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
}

// Whatever a record holds, its report says neither more than the record nor less than what is open.
func TestReportKeepsToTheRecord(t *testing.T) {
	s := testSigner(1)
	v := s.Verifier()
	rapid.Check(t, func(t *rapid.T) {
		sealed, err := Seal(drawRecord(t), s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Verify(sealed.Envelope, v)
		if err != nil {
			t.Fatal(err)
		}
		rec := got.Record
		var text, page bytes.Buffer
		if err := Text(&text, Report{Verified: got}); err != nil {
			t.Fatal(err)
		}
		if err := HTML(&page, Report{Verified: got}); err != nil {
			t.Fatal(err)
		}
		said := strings.Join(strings.Fields(text.String()), " ")
		line, sentence := Line(rec), Sentence(rec)
		payload, _ := canonical(rec)
		if strings.ContainsAny(line+sentence, "\n\r\x1b") || strings.ContainsAny(said, "✓✔☑✅") && !strings.ContainsAny(string(payload), "✓✔☑✅") {
			t.Fatalf("more than a line, or a tick: %q %q", line, sentence)
		}
		for _, x := range []string{said, sentence, line} {
			if !strings.Contains(strings.ToLower(x), strings.ToLower(resultNames[rec.Result])) {
				t.Fatalf("does not name the result %s: %s", rec.Result, x)
			}
		}
		toldNot := strings.Contains(said, "told NOT YET") && strings.Contains(sentence, "not yet been told") && strings.Contains(line, "not yet told")
		if toldNot != (rec.Clock.Answer == nil) {
			t.Fatalf("told or not? %s", said)
		}
		if rec.Environment == Development && !strings.Contains(said, "proves nothing") {
			t.Fatal("a development record that does not say so")
		}
		open := 0
		for i := range rec.Reasons {
			if rec.Reasons[i].Weight == WeightOpen {
				open++
			}
		}
		if rec.Result == dsr.Incomplete && !strings.Contains(sentence, plural(int64(open), "point")) {
			t.Fatalf("%d points are open: %s", open, sentence)
		}
	})
}

func TestDaysLeft(t *testing.T) {
	for _, tc := range []struct{ at, want string }{
		{"2026-11-27T08:14:00Z", "told NOT YET, 27 days left"},
		{"2026-12-23T22:59:00Z", "told NOT YET, 1 day left"},
		{"2026-12-23T23:00:00Z", "told NOT YET, due today"}, // midnight in Berlin
		{"2026-12-24T22:59:59Z", "told NOT YET, due today"},
		{"2026-12-24T23:00:00Z", "told NOT YET, OVERDUE by 1 day"},
		{"2027-01-24T23:00:00Z", "told NOT YET, OVERDUE by 32 days"},
	} {
		rep := reportOf(t, erasure())
		rep.At = at(tc.at)
		var b bytes.Buffer
		if err := Text(&b, rep); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(b.String()), " ")
		if !strings.Contains(text, tc.want) {
			t.Errorf("printed %s: no %q in\n%s", tc.at, tc.want, b.String())
		}
		if late := strings.Contains(tc.want, "OVERDUE"); late != strings.Contains(text, "OVERDUE: tell the person now; it was due on Thu 24 Dec 2026") || late == strings.Contains(text, "Tell the person by") {
			t.Errorf("printed %s: the open points are those of another day:\n%s", tc.at, b.String())
		}
	}
}

func TestReportOfWhatWasSuperseded(t *testing.T) {
	rep := reportOf(t, troubled())
	rep.Addenda = 2
	var b bytes.Buffer
	if err := Text(&b, rep); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"! No longer the position: addendum 2 is known", "addenda known at printing: 2"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestReportWhereTheTimeZoneIsNotKnown(t *testing.T) {
	r := erasure()
	r.Clock.TimeZone = "Europe/Atlantis"
	var b bytes.Buffer
	if err := Text(&b, reportOf(t, r)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "all times are in UTC") || !strings.Contains(b.String(), "08:14 UTC") {
		t.Error(b.String())
	}
}

// TestReportOfAnExtensionToTheDueDay: nobody was notified of an extension that would end on the very day the answer is due.
func TestReportOfAnExtensionToTheDueDay(t *testing.T) {
	r := meridian()
	r.Clock.Extension = &Extension{Until: r.Clock.DueAt, Reason: "number of requests"}
	var b bytes.Buffer
	if err := Text(&b, reportOf(t, r)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "does not count") {
		t.Error("the report does not say that the extension does not count")
	}
}
