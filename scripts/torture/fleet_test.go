package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestWhoIsOutsideOfItsGroupIsNamed(t *testing.T) {
	f := newFleet("", "", nil, nil)
	one, two := &process{role: "desk", name: "desk-1"}, &process{role: "desk", name: "desk-2"}
	f.slots["desk"] = []*slot{{role: "desk", proc: one}, {role: "desk", proc: two}}
	assigned := func(p *process, generation int) {
		f.said(p, fmt.Sprintf(`{"level":"INFO","msg":"partitions assigned","group":"desk","generation":%d}`, generation))
	}
	expect := func(when string, names ...string) {
		t.Helper()
		got := f.apart()
		if len(got) != len(names) {
			t.Fatalf("%s: %q are apart, want %q", when, got, names)
		}
		for i, name := range names {
			if !strings.HasPrefix(got[i], name+" is ") {
				t.Errorf("%s: %q, want %s", when, got[i], name)
			}
		}
	}
	expect("before anything was assigned", "desk-1", "desk-2")
	assigned(one, 1)
	expect("when one has everything", "desk-2")
	assigned(two, 2)
	expect("before the first has joined again", "desk-1")
	assigned(one, 2)
	expect("when both are in")
	f.slots["desk"][1].proc = &process{role: "desk", name: "desk-2"}
	expect("when one was replaced", "desk-2")
}
