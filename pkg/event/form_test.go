package event

import (
	"bytes"
	"errors"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// statusWith is a status that gives what others leave out, or the other way round.
func statusWith(reasons, systems int, text string) dsr.Status {
	v := dsr.Status{RequestID: status.RequestID, Version: 1, State: dsr.Acting, Kind: dsr.Access, Tenant: text, RecordID: text}
	for range reasons {
		v.Reasons = append(v.Reasons, text+"r")
	}
	for range systems {
		v.Systems = append(v.Systems, dsr.SystemStatus{Name: text + "s", State: "expected", Outcome: dsr.Outcome(text)})
	}
	return v
}

// TestAFilledFormGivesTheBytesOfANewOne: a form that was filled in before must not show it, whatever stood in it.
func TestAFilledFormGivesTheBytesOfANewOne(t *testing.T) {
	kept, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	values := []dsr.Status{
		status, oldStatus, statusWith(0, 0, ""), statusWith(3, 2, "a"), statusWith(1, 3, ""), statusWith(2, 1, "b"), statusWith(0, 0, "b"), statusWith(3, 3, "a"),
	}
	for i := range values {
		for j := range values {
			for _, v := range []dsr.Status{values[i], values[j]} {
				fresh, err := NewCodec()
				if err != nil {
					t.Fatal(err)
				}
				want, err := fresh.EncodeStatus(v)
				if err != nil {
					t.Fatal(err)
				}
				got, err := kept.EncodeStatus(v)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(want, got) {
					t.Errorf("status %d after %d: %x, want %x", j, i, got, want)
				}
			}
		}
	}
}

func TestAFormIsGoodAgainAfterARefusal(t *testing.T) {
	c, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	want, err := c.EncodeStatus(status)
	if err != nil {
		t.Fatal(err)
	}
	bad := statusWith(maxItems+1, 2, "a")
	bad.Systems[1].Name = ""
	var refused *MalformedError
	if _, err := c.EncodeStatus(bad); !errors.As(err, &refused) || refused.Field != "systems[1].name" {
		t.Fatalf("got %v", err)
	}
	if got, err := c.EncodeStatus(status); err != nil || !bytes.Equal(want, got) {
		t.Errorf("%x, %v, want %x", got, err, want)
	}
}

// TestWhatIsKept: a writer that was filled with more than most, or with identifiers in clear, is not kept for the next value.
func TestWhatIsKept(t *testing.T) {
	c, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	identifiers := c.identifiers.writers.array(1)
	identifiers.item()
	writeIdentifier(identifiers, dsr.Identifier{Kind: "email", Value: "x"})
	for _, tc := range []struct {
		name string
		w    *writer
		want bool
	}{
		{"a_usual_one", &writer{items: keptItems, room: keptBytes}, true},
		{"many_items", &writer{items: keptItems + 1}, false},
		{"many_bytes", &writer{room: keptBytes + 1}, false},
		{"identifiers_in_clear", identifiers, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.w.reusable(); got != tc.want {
				t.Errorf("kept: %v", got)
			}
		})
	}
}
