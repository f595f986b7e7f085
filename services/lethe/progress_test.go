package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestProgressTellsAnswersBeforeWhatCameOfThem: one status can hold the last answers of a phase and the state after it.
func TestProgressTellsAnswersBeforeWhatCameOfThem(t *testing.T) {
	answered := func(name string, phase dsr.Phase) dsr.SystemStatus {
		return dsr.SystemStatus{Name: name, Phase: phase, State: string(dsr.AckAnswered), Outcome: dsr.Exported}
	}
	var out bytes.Buffer
	p := &progress{a: &app{stdout: &out}, systems: map[string]string{}}
	for _, s := range []dsr.Status{
		{State: dsr.Acting, Systems: []dsr.SystemStatus{answered("shop", dsr.Act), {Name: "crm", Phase: dsr.Act, State: "expected"}}},
		{State: dsr.Packaging, Systems: []dsr.SystemStatus{answered("shop", dsr.Act), answered("crm", dsr.Act)}},
		{State: dsr.Sealed, Result: dsr.Complete, Systems: []dsr.SystemStatus{answered("shop", dsr.Act), answered("crm", dsr.Act), answered("lethe.packager", dsr.Package)}},
	} {
		p.status(&s)
	}
	got := strings.Split(strings.TrimSpace(regexp.MustCompile(`(?m)^[0-9:]{8} [A-Z+0-9-]+ +`).ReplaceAllString(out.String(), "")), "\n")
	want := []string{"systems are at work", "shop", "crm", "assembling the package", "lethe.packager", "COMPLETE", "record"}
	if len(got) != len(want) {
		t.Fatalf("%d lines:\n%s", len(got), out.String())
	}
	for i, line := range got {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is %q, and should begin with %q", i+1, line, want[i])
		}
	}
}
