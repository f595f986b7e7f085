package dsr_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

var outcomes = []dsr.Outcome{ // from best to worst
	dsr.NotFound, dsr.OutOfScope, dsr.Exported, dsr.Erased, dsr.Anonymised, dsr.Detached, dsr.Attested,
	dsr.Withheld, dsr.Pseudonymised, dsr.Retained,
	dsr.NotSearched, dsr.Unsupported, dsr.Failed, dsr.NoAnswer,
}

func TestOutcomeGroups(t *testing.T) {
	got := map[dsr.Group][]dsr.Outcome{}
	for _, o := range outcomes {
		if !o.Valid() {
			t.Errorf("%s is not valid", o)
		}
		got[o.Group()] = append(got[o.Group()], o)
	}
	want := map[dsr.Group][]dsr.Outcome{
		dsr.GroupDone:      {"not_found", "out_of_scope", "exported", "erased", "anonymised", "detached", "attested"},
		dsr.GroupRemainder: {"withheld", "pseudonymised", "retained"},
		dsr.GroupOpen:      {"not_searched", "unsupported", "failed", "no_answer"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, o := range []dsr.Outcome{"", "ERASED", "deleted"} {
		if o.Valid() || o.Group() != dsr.GroupOpen || !o.Worse(dsr.NoAnswer) {
			t.Errorf("the unknown word %q is not open and worst", o)
		}
	}
}

func TestWorst(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []dsr.Outcome
		want dsr.Outcome
	}{
		{"no_line_means_not_searched", nil, dsr.NotSearched},
		{"found_in_one_collection_of_two", []dsr.Outcome{dsr.NotFound, dsr.Erased}, dsr.Erased},
		{"attested_counts_apart_from_erased", []dsr.Outcome{dsr.Attested, dsr.Erased}, dsr.Attested},
		{"a_remainder_beats_done", []dsr.Outcome{dsr.Erased, dsr.Retained, dsr.NotFound}, dsr.Retained},
		{"an_open_line_beats_a_remainder", []dsr.Outcome{dsr.Retained, dsr.Failed}, dsr.Failed},
		{"an_unknown_word_beats_all", []dsr.Outcome{dsr.NoAnswer, "deleted"}, "deleted"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := dsr.Worst(tc.in...); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestWorstIsNotBetterThanAnyLine(t *testing.T) {
	line := rapid.SampledFrom(append([]dsr.Outcome{"unheard_of"}, outcomes...))
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(line, 1, 8).Draw(t, "lines")
		w := dsr.Worst(lines...)
		for _, o := range lines {
			if o.Worse(w) || o.Group() > w.Group() {
				t.Fatalf("%s is worse than the worst, %s", o, w)
			}
		}
	})
}

func TestExitCodes(t *testing.T) {
	got := map[dsr.Result]int{}
	for _, r := range []dsr.Result{dsr.Complete, dsr.Partial, dsr.Incomplete, dsr.NothingFound, dsr.RefusedResult, dsr.Withdrawn, "unheard_of", ""} {
		got[r] = r.ExitCode()
	}
	want := map[dsr.Result]int{
		"complete": 0, "partial": 3, "incomplete": 4, "nothing_found": 6, "refused": 7, "withdrawn": 8, "unheard_of": 1, "": 1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if dsr.ExitRejected != 5 {
		t.Errorf("rejected exits with %d", dsr.ExitRejected)
	}
}
