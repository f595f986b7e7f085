package completion

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func ptr(s string) *time.Time {
	t := at(s)
	return &t
}

func hash(s string) Hex {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

// testSigner is a signer whose key is the same in every run, so that golden files stay.
func testSigner(seed byte) *Signer {
	k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return &Signer{keys: []ed25519.PrivateKey{k}, id: KeyID(k.Public().(ed25519.PublicKey))}
}

func erased(name string, n Count) Collection {
	return Collection{
		Name: name, Categories: []string{"user.contact"}, Outcome: dsr.Erased, Counts: Counts{Found: n, Erased: n},
		CountQuality: dsr.CountsExact, Method: "delete", MethodVersion: "sql/1",
	}
}

func retained(name string, n Count) Collection {
	return Collection{
		Name: name, Categories: []string{"user.financial"}, Outcome: dsr.Retained, Counts: Counts{Found: n, Retained: n},
		CountQuality: dsr.CountsExact, Method: "keep", MethodVersion: "sql/1",
		Ground:     &Ground{Article: "GDPR 17(3)(b)", Law: "national accounting and tax law", Note: "figures and country stay"},
		Until:      "2036-12-31",
		Restricted: &Restricted{Yes: true, How: "read by the finance role only"},
	}
}

func notFound(name string) Collection {
	return Collection{
		Name: name, Categories: []string{}, Outcome: dsr.NotFound, CountQuality: dsr.CountsExact, Method: "count", MethodVersion: "sql/1",
	}
}

func with(o dsr.Outcome) Collection {
	return Collection{Name: "things", Outcome: o, CountQuality: dsr.CountsExact}
}

func system(name string, cs ...Collection) System {
	return System{
		Name: name, Relation: RelationOwn, IdentifierKinds: []string{"email", "customer_id"}, Attempts: 1,
		FirstAt: ptr("2026-11-24T11:21:00Z"), DoneAt: ptr("2026-11-24T11:21:02.25Z"), EvidenceSHA256: hash(name),
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Collections: cs,
		Looks:    []Look{{At: at("2026-11-25T11:21:03Z"), MethodVersion: "sql/1", Action: LookNone}},
		Physical: Physical{State: GoneBy, GoneBy: ptr("2026-12-01T11:21:02Z")},
	}
}

// erasure is an erasure that is complete: three systems in which something was erased.
func erasure() *Record {
	r := &Record{
		RecordID: "0b0c3a52-5d0e-5c6b-9d0b-3f5e9a3c7a10", Type: TypeRecord, AsOf: at("2026-11-27T08:14:00Z"), Nonce: hash("nonce"),
		Environment: Production, Software: Software{Version: "0.1.0", Commit: "377a575"}, RetainUntil: "2029-12-31",
		Request: Request{
			ID: "7f3c1e52-9a4b-4c8d-8e2f-0123456789a1", Kind: dsr.Erasure, Regulation: dsr.GDPR,
			Ground:  &Ground{Article: "GDPR 17(1)(b)", Note: "consent withdrawn"},
			Channel: "web form", ReceivedAt: at("2026-11-24T07:55:00Z"), Source: "privacy-centre",
		},
		Subject:   Subject{Ref: "q1Zs0kJ7", RefKeyID: "1", Capacity: "customer"},
		Requester: Requester{Role: "data_subject"},
		Identity:  Identity{Method: "login and code", VerifiedAt: ptr("2026-11-24T07:57:00Z")},
		Responsible: Responsible{
			Controller: "Meridian Music GmbH", ActingAs: ActingController,
			Decision: &Decision{Decision: dsr.Granted, ByRole: "privacy desk", At: ptr("2026-11-24T10:20:00Z")},
		},
		Clock: Clock{
			Establishment: "Berlin", TimeZone: "Europe/Berlin", RuleID: "gdpr-12-3", CalendarID: "DE-BE",
			DueAt: at("2026-12-24T22:59:59Z"),
		},
		Coverage: Coverage{
			MapSHA256: hash("map"), MapVersion: "12",
			NotCovered: []NotCovered{{Name: "paper files", Reason: "no electronic index"}, {Name: "call recordings", Reason: "held by the telephone company"}},
		},
		Systems: []System{
			system("shop", erased("customer", 1), erased("orders", 30)),
			system("chats", erased("messages", 12)),
			system("search", erased("profiles", 1), notFound("suggestions")),
		},
		Recipients: []Recipient{
			{System: "shop", Name: "Nordpaket", Type: "controller", Status: Informed, At: ptr("2026-11-25T09:00:00Z")},
			{System: "chats", Status: RecipientsNone},
			{System: "search", Status: RecipientsNone},
		},
		Backups: []Backup{
			{System: "shop", State: GoneBy, GoneBy: ptr("2026-12-31T11:21:02Z")}, {System: "chats", State: NoBackups}, {System: "search", State: NoBackups},
		},
		Models: []Model{{Name: "assistant v4", SawSubject: No, Status: ModelUnaffected, AssessmentRef: "training manifest 2f77"}},
	}
	for _, s := range r.Systems {
		r.Coverage.Expected = append(r.Coverage.Expected, s.Name)
	}
	return r
}

// access is an access request that is complete.
func access() *Record {
	r := erasure()
	r.Request.Kind, r.Request.Ground = dsr.Access, nil
	r.Recipients, r.Backups, r.Models = nil, nil, nil
	for i := range r.Systems {
		s := &r.Systems[i]
		s.Looks, s.Physical = nil, Physical{State: NothingErased}
		for k := range s.Collections {
			c := &s.Collections[k]
			if c.Outcome == dsr.Erased {
				c.Outcome, c.Method = dsr.Exported, "select"
				c.Counts = Counts{Found: c.Counts.Found, Exported: c.Counts.Found}
			}
		}
	}
	r.Delivery = &Delivery{Article: "GDPR 15", PackageSHA256: hash("package"), FreeTextExamined: No, ExpiresAt: ptr("2026-12-27T08:14:00Z")}
	return r
}

func unfound() *Record {
	r := erasure()
	r.Recipients, r.Backups, r.Models = nil, nil, nil
	for i := range r.Systems {
		s := &r.Systems[i]
		s.Physical = Physical{State: NothingErased}
		for k := range s.Collections {
			s.Collections[k] = notFound(s.Collections[k].Name)
		}
	}
	return r
}

func seal(t testing.TB, r *Record) Sealed {
	t.Helper()
	s, err := Seal(r, testSigner(1))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
