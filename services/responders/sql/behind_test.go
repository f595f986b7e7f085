package sql_test

import (
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// TestWhatHangsOnASharedRowIsNotCalledAbsent: it is nobody's alone and stays, but nobody looked whether it is there.
func TestWhatHangsOnASharedRowIsNotCalledAbsent(t *testing.T) {
	h := readHard(t, "testdata/shapes/rows_behind_a_shared_row.txt")
	everywhere(t, func(t *testing.T, p place) {
		w := h.filled(t, p)
		s := w.system(p.parse(t, h.yaml(p.dialect)))
		const why = "what hangs on rows of profiles to which rows of other people refer is not searched"
		for who, want := range map[string]dsr.Outcome{"anna@example.org": dsr.NotSearched, "carol@example.org": dsr.Exported} {
			d := ask(dsr.Act, 1, email(who))
			d.Kind = dsr.Access
			parts, a := export(t, s, d)
			for _, c := range a.Collections {
				if c.Name == "posts" && (c.Outcome != want || (c.Note == why) != (want == dsr.NotSearched)) {
					t.Errorf("%s: posts are %s (%s): %s", who, c.Outcome, c.Note, parts["posts"])
				}
			}
		}
		gone := erase(t, s, ask(dsr.Act, 1, email("anna@example.org")))[0]
		again := ask(dsr.Verify, 1, email("anna@example.org"))
		again.Keys = gone.Keys
		for doing, a := range map[string]responder.Answer{"an erasure": gone, "a look": look(t, s, again)[0]} {
			for _, c := range a.Collections {
				if c.Name == "posts" && (c.Outcome != dsr.NotSearched || c.Note != why || c.Counts != dsr.Counts{}) {
					t.Errorf("%s says %s (%s) %+v of posts", doing, c.Outcome, c.Note, c.Counts)
				}
			}
		}
		gone = erase(t, s, ask(dsr.Act, 1, email("carol@example.org")))[0]
		again = ask(dsr.Verify, 1, email("carol@example.org"))
		again.Keys = gone.Keys
		for name, l := range lines(look(t, s, again)[0]) {
			if l != (line{Outcome: dsr.NotFound}) {
				t.Errorf("a look says %+v of carol's %s", l, name)
			}
		}
		for _, c := range gone.Collections {
			if c.Outcome != dsr.Erased || c.Note != "" {
				t.Errorf("an erasure says %s (%s) of carol's %s", c.Outcome, c.Note, c.Name)
			}
		}
	})
}

// A line says a thing once, for however many reasons it would.
func TestALineDoesNotRepeatItself(t *testing.T) {
	h := hard{sections: map[string]string{"map": `subject people | id | email: email
lethe.erase: {customer: {people: delete, calls: delete, tickets.agent_id: detach, tickets.owner_id: detach}}
people: id pk | email
calls: id pk | phone @phone_number
tickets: id pk system | agent_id <people.id system | owner_id <people.id system
`}}
	everywhere(t, func(t *testing.T, p place) {
		w := p.world(t, "CREATE TABLE people (id bigint PRIMARY KEY, email varchar(60));\nCREATE TABLE calls (id bigint PRIMARY KEY, phone varchar(60));\n"+
			"CREATE TABLE tickets (id bigint PRIMARY KEY, agent_id bigint, owner_id bigint)")
		s := w.system(p.parse(t, h.yaml(p.dialect)))
		a := erase(t, s, ask(dsr.Act, 1, dsr.Identifier{Kind: dsr.Phone, Value: "+4930123456"}))[0]
		want := line{Outcome: dsr.NotSearched, Note: "no identifier at hand leads to the rows that these refer to"}
		if got := lines(a)["tickets"]; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}
