package completion

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// codes are the reasons as code, system/collection, weight.
func codes(rs []Reason) []string {
	out := []string{}
	for _, r := range rs {
		s := r.Weight + " " + r.Code
		if r.System != "" {
			s += " " + string(r.System)
		}
		if r.Collection != "" {
			s += "/" + string(r.Collection)
		}
		if r.Name != "" {
			s += " " + string(r.Name)
		}
		out = append(out, s)
	}
	return out
}

func TestResult(t *testing.T) {
	type change = func(*Record)
	shop := func(f func(*System)) change { return func(r *Record) { f(&r.Systems[0]) } }
	customer := func(f func(*Collection)) change { return func(r *Record) { f(&r.Systems[0].Collections[0]) } }
	outcome := func(o dsr.Outcome) change { return customer(func(c *Collection) { c.Outcome, c.Counts = o, Counts{} }) }
	keep := func(f func(*Collection)) change {
		return customer(func(c *Collection) {
			*c = retained("customer", 4)
			f(c)
		})
	}
	refuse := func(f func(*Decision)) change {
		return func(r *Record) {
			*r = *unfound()
			for i := range r.Systems {
				r.Systems[i] = System{Name: r.Systems[i].Name, Collections: []Collection{{Name: AllCollections, Outcome: dsr.NotSearched}}}
			}
			r.Responsible.Decision = &Decision{Decision: dsr.Refused, Grounds: []Ground{{Article: "GDPR 12(5)(b)"}}, ByRole: "privacy desk"}
			f(r.Responsible.Decision)
		}
	}
	for _, tc := range []struct {
		name    string
		base    func() *Record
		change  change
		want    dsr.Result
		reasons []string
	}{
		{"every_line_done_and_looked_at_is_complete", erasure, nil, dsr.Complete, nil},
		{"anonymised_with_assessment_is_complete", erasure, customer(func(c *Collection) { c.Outcome, c.AssessmentRef = dsr.Anonymised, "DPIA 7" }), dsr.Complete, nil},
		{"detached_is_complete", erasure, outcome(dsr.Detached), dsr.Complete, nil},
		{"attested_with_reference_is_complete_without_evidence_or_look", erasure, shop(func(s *System) {
			s.Collections = []Collection{with(dsr.Attested)}
			s.Attested = &Attested{ByRole: "office manager", Reference: "letter 12"}
			s.EvidenceSHA256, s.Looks = nil, nil
		}), dsr.Complete, nil},
		{"a_system_that_no_identifier_reaches_needs_no_look", erasure, shop(func(s *System) {
			*s = System{Name: s.Name, Collections: []Collection{notFound(AllCollections)}}
		}), dsr.Complete, nil},
		{"recipient_told_or_impossible_with_reasons_is_closed", erasure, func(r *Record) {
			r.Recipients[0].Status, r.Recipients[0].Reason = Impossible, "dissolved in 2025"
			r.Recipients = append(r.Recipients, Recipient{System: "shop", Name: "B", Status: Disproportionate, Reason: "9,000 readers"}, Recipient{System: "shop", Name: "C", Status: Confirmed})
		}, dsr.Complete, nil},
		{"the_person_not_yet_told_bars_nothing", erasure, func(r *Record) { r.Clock.Answer = nil }, dsr.Complete, nil},
		{"a_note_bars_nothing", erasure, func(r *Record) { r.Reasons = []Reason{Stated(ReasonDataOfNewSignUp)} }, dsr.Complete, []string{"note data_of_a_new_sign_up"}},
		{"uncounted_effects_bar_nothing", erasure, customer(func(c *Collection) { c.CountQuality = dsr.CountsUnknown }), dsr.Complete, nil},
		{"physical_date_unknown_is_stated_and_bars_nothing", erasure, shop(func(s *System) { s.Physical = Physical{State: Unknown} }), dsr.Complete, nil},

		{"nothing_found_anywhere", unfound, nil, dsr.NothingFound, nil},
		{"nothing_found_needs_no_backups_and_recipients", unfound, func(r *Record) {
			r.Backups = []Backup{{System: "shop", State: Unknown}}
			r.Recipients = []Recipient{{System: "shop", Name: "Nordpaket", Status: RecipientOpen}}
		}, dsr.NothingFound, nil},
		{"nothing_found_in_one_system_is_not_enough", erasure, shop(func(s *System) { s.Collections = []Collection{notFound("customer")} }), dsr.Complete, nil},

		{"retained_with_its_four_is_partial", erasure, keep(func(*Collection) {}), dsr.Partial, []string{"remainder retained shop/customer"}},
		{"pseudonymised_with_its_four_is_partial", erasure, keep(func(c *Collection) { c.Outcome = dsr.Pseudonymised }), dsr.Partial, []string{"remainder pseudonymised shop/customer"}},
		{"retained_without_ground_is_open", erasure, keep(func(c *Collection) { c.Ground = nil }), dsr.Incomplete, []string{"open ground_missing shop/customer"}},
		{"retained_without_law_is_open", erasure, keep(func(c *Collection) { c.Ground.Law = "" }), dsr.Incomplete, []string{"open ground_missing shop/customer"}},
		{"retained_without_until_is_open", erasure, keep(func(c *Collection) { c.Until = "" }), dsr.Incomplete, []string{"open until_missing shop/customer"}},
		{"retained_without_limitation_is_open", erasure, keep(func(c *Collection) { c.Restricted = nil }), dsr.Incomplete, []string{"open limitation_missing shop/customer"}},
		{"retained_with_an_empty_limitation_is_open", erasure, keep(func(c *Collection) { c.Restricted.How = " " }), dsr.Incomplete, []string{"open limitation_missing shop/customer"}},
		{"retained_and_expressly_not_limited_is_open", erasure, keep(func(c *Collection) { c.Restricted.Yes = false }), dsr.Incomplete, []string{"open limitation_missing shop/customer"}},
		{"retained_on_its_last_day_is_partial", erasure, keep(func(c *Collection) { c.Until = "2026-11-27" }), dsr.Partial, []string{"remainder retained shop/customer"}},
		{"retained_past_its_last_day_is_open", erasure, keep(func(c *Collection) { c.Until = "2026-11-26" }), dsr.Incomplete, []string{"open ground_lapsed shop/customer"}},
		{
			"retained_with_nothing_says_all_that_lacks", erasure, keep(func(c *Collection) { c.Ground, c.Until, c.Restricted = nil, "", nil }), dsr.Incomplete,
			[]string{"open ground_missing shop/customer", "open until_missing shop/customer", "open limitation_missing shop/customer"},
		},

		{"not_searched_is_open", erasure, outcome(dsr.NotSearched), dsr.Incomplete, []string{"open not_searched shop/customer"}},
		{"unsupported_is_open", erasure, outcome(dsr.Unsupported), dsr.Incomplete, []string{"open unsupported shop/customer"}},
		{"failed_is_open", erasure, outcome(dsr.Failed), dsr.Incomplete, []string{"open failed shop/customer"}},
		{"no_answer_is_open", erasure, shop(func(s *System) {
			*s = System{Name: s.Name, Collections: []Collection{{Name: AllCollections, Outcome: dsr.NoAnswer}}}
		}), dsr.Incomplete, []string{"open no_answer shop/*"}},
		{"an_unknown_word_is_open", erasure, outcome("deleted"), dsr.Incomplete, []string{"open unexpected_outcome shop/customer"}},
		{"an_export_outcome_of_an_erasure_is_open", erasure, outcome(dsr.Exported), dsr.Incomplete, []string{"open unexpected_outcome shop/customer"}},
		{"withheld_from_an_erasure_is_open", erasure, outcome(dsr.Withheld), dsr.Incomplete, []string{"open unexpected_outcome shop/customer"}},
		{"a_system_without_a_line_is_open", erasure, shop(func(s *System) { s.Collections = nil }), dsr.Incomplete, []string{"open not_searched shop"}},
		{"an_expected_system_that_is_missing_is_open", erasure, func(r *Record) { r.Systems, r.Recipients, r.Backups = r.Systems[1:], r.Recipients[1:], r.Backups[1:] }, dsr.Incomplete, []string{"open system_missing shop"}},
		{"no_system_at_all_is_open", erasure, func(r *Record) { r.Systems, r.Coverage.Expected, r.Recipients, r.Backups = nil, nil, nil, nil }, dsr.Incomplete, []string{"open no_system"}},
		{"anonymised_without_assessment_is_open", erasure, outcome(dsr.Anonymised), dsr.Incomplete, []string{"open assessment_missing shop/customer"}},
		{"attested_by_nobody_is_open", erasure, outcome(dsr.Attested), dsr.Incomplete, []string{"open attestation_missing shop/customer"}},
		{"erased_without_evidence_is_open", erasure, shop(func(s *System) { s.EvidenceSHA256 = nil }), dsr.Incomplete, []string{"open evidence_missing shop"}},
		{"erased_by_a_system_that_was_not_asked_needs_evidence", erasure, shop(func(s *System) { s.Attempts, s.EvidenceSHA256 = 0, nil }), dsr.Incomplete, []string{"open evidence_missing shop"}},
		{"not_found_but_counted_is_open", erasure, customer(func(c *Collection) { c.Outcome = dsr.NotFound }), dsr.Incomplete, []string{"open contradiction shop/customer"}},
		{"erased_but_remaining_is_open", erasure, customer(func(c *Collection) { c.Counts.Remaining = 1 }), dsr.Incomplete, []string{"open contradiction shop/customer"}},

		{"no_look_is_open", erasure, shop(func(s *System) { s.Looks = nil }), dsr.Incomplete, []string{"open look_missing shop"}},
		{"a_last_look_that_found_something_is_residue", erasure, shop(func(s *System) { s.Looks[0].Found = 1 }), dsr.Incomplete, []string{"open residue shop"}},
		{"a_look_that_found_and_erased_needs_another", erasure, shop(func(s *System) { s.Looks[0].Found, s.Looks[0].Action = 1, LookErasedAgain }), dsr.Incomplete, []string{"open residue shop"}},
		{"looks_until_nothing_is_found", erasure, shop(func(s *System) {
			s.Looks = []Look{{At: at("2026-11-25T11:21:03Z"), Found: 1, Action: LookErasedAgain}, {At: at("2026-11-26T11:21:03Z"), Action: LookNone}}
		}), dsr.Complete, nil},
		{"a_look_before_the_last_act_is_none", erasure, shop(func(s *System) { s.DoneAt = ptr("2026-11-25T11:21:04Z") }), dsr.Incomplete, []string{"open look_missing shop"}},
		{"not_found_by_a_system_that_was_asked_is_looked_at_too", unfound, shop(func(s *System) { s.Looks = nil }), dsr.Incomplete, []string{"open look_missing shop"}},

		{"backups_undeclared_are_open", erasure, func(r *Record) { r.Backups[0] = Backup{System: "shop", State: Unknown} }, dsr.Incomplete, []string{"open backups_unknown shop"}},
		{"backups_not_mentioned_are_open", erasure, func(r *Record) { r.Backups = r.Backups[1:] }, dsr.Incomplete, []string{"open backups_unknown shop"}},
		{"recipients_undeclared_are_open", erasure, func(r *Record) { r.Recipients[0] = Recipient{System: "shop", Status: Unknown} }, dsr.Incomplete, []string{"open recipients_unknown shop"}},
		{"recipients_not_mentioned_are_open", erasure, func(r *Record) { r.Recipients = r.Recipients[1:] }, dsr.Incomplete, []string{"open recipients_unknown shop"}},
		{"a_recipient_not_told_is_open", erasure, func(r *Record) { r.Recipients[0].Status = RecipientOpen }, dsr.Incomplete, []string{"open recipient_open shop Nordpaket"}},
		{"impossible_without_reasons_is_open", erasure, func(r *Record) { r.Recipients[0].Status = Impossible }, dsr.Incomplete, []string{"open recipient_open shop Nordpaket"}},
		{"an_open_model_is_open", erasure, func(r *Record) { r.Models[0].Status = ModelOpen }, dsr.Incomplete, []string{"open model_open assistant v4"}},
		{"a_model_of_which_nobody_knows_is_open", erasure, func(r *Record) { r.Models[0].SawSubject, r.Models[0].Status = Unknown, Unknown }, dsr.Incomplete, []string{"open model_open assistant v4"}},
		{"unaffected_though_it_saw_the_person_is_open", erasure, func(r *Record) { r.Models[0].SawSubject = Yes }, dsr.Incomplete, []string{"open model_open assistant v4"}},
		{"an_anonymous_model_needs_its_assessment", erasure, func(r *Record) { r.Models[0] = Model{Name: "m", SawSubject: Yes, Status: ModelAnonymous} }, dsr.Incomplete, []string{"open model_open m"}},
		{"a_retrained_model_is_closed", erasure, func(r *Record) { r.Models[0] = Model{Name: "m", SawSubject: Yes, Status: ModelRetrained} }, dsr.Complete, nil},
		{"what_the_coordinator_states_as_open_is_open", erasure, func(r *Record) { r.Reasons = []Reason{Stated(ReasonTwoPersons)} }, dsr.Incomplete, []string{"open resolution_two_persons"}},
		{"a_code_that_nobody_knows_is_open", erasure, func(r *Record) { r.Reasons = []Reason{Stated("unheard_of")} }, dsr.Incomplete, []string{"open unheard_of"}},
		{"derived_reasons_of_before_are_not_read", erasure, func(r *Record) { r.Reasons = []Reason{{Code: ReasonFailed, Weight: WeightOpen, NextStep: "x"}} }, dsr.Complete, nil},
		{"incomplete_still_names_what_lawfully_stays", erasure, func(r *Record) {
			r.Systems[0].Collections[0] = retained("customer", 1)
			r.Systems[1].Looks = nil
		}, dsr.Incomplete, []string{"open look_missing chats", "remainder retained shop/customer"}},

		{"an_export_in_a_package_is_complete", access, nil, dsr.Complete, nil},
		{"portability_leaves_out_what_is_out_of_scope", access, func(r *Record) {
			r.Request.Kind = dsr.Portability
			r.Systems[0].Collections[0].Outcome, r.Systems[0].Collections[0].Counts = dsr.OutOfScope, Counts{}
		}, dsr.Complete, nil},
		{"out_of_scope_is_no_outcome_of_an_access", access, outcome(dsr.OutOfScope), dsr.Incomplete, []string{"open unexpected_outcome shop/customer"}},
		{"erased_is_no_outcome_of_an_access", access, outcome(dsr.Erased), dsr.Incomplete, []string{"open unexpected_outcome shop/customer"}},
		{"exported_without_a_package_is_open", access, func(r *Record) { r.Delivery = nil }, dsr.Incomplete, []string{"open package_missing"}},
		{"a_package_without_a_hash_is_none", access, func(r *Record) { r.Delivery.PackageSHA256 = nil }, dsr.Incomplete, []string{"open package_missing"}},
		{"withheld_with_ground_is_partial", access, customer(func(c *Collection) { c.Outcome, c.Ground = dsr.Withheld, &Ground{Article: "GDPR 15(4)"} }), dsr.Partial, []string{"remainder withheld shop/customer"}},
		{"withheld_without_ground_is_open", access, outcome(dsr.Withheld), dsr.Incomplete, []string{"open ground_missing shop/customer"}},
		{"withheld_from_the_package_is_partial", access, func(r *Record) {
			r.Delivery.Withheld = []Withheld{{System: "chats", Collection: "messages", Ground: &Ground{Article: "GDPR 15(4)"}}}
		}, dsr.Partial, []string{"remainder withheld chats/messages"}},
		{"withheld_from_the_package_without_ground_is_open", access, func(r *Record) {
			r.Delivery.Withheld = []Withheld{{System: "chats", Collection: "messages"}}
		}, dsr.Incomplete, []string{"open ground_missing chats/messages"}},
		{"withheld_by_system_and_package_is_named_once", access, func(r *Record) {
			c := &r.Systems[1].Collections[0]
			c.Outcome, c.Ground = dsr.Withheld, &Ground{Article: "GDPR 15(4)"}
			r.Delivery.Withheld = []Withheld{{System: "chats", Collection: "messages", Ground: c.Ground}}
		}, dsr.Partial, []string{"remainder withheld chats/messages"}},
		{"a_silent_packager_is_a_line_of_its_own", access, func(r *Record) {
			r.Delivery = nil
			r.Systems = append(r.Systems, System{Name: dsr.Packager, Relation: RelationOwn, Attempts: 1, Collections: []Collection{{Name: AllCollections, Outcome: dsr.NoAnswer}}})
		}, dsr.Incomplete, []string{"open no_answer lethe.packager/*", "open package_missing"}},
		{"a_silent_system_leaves_an_export_open", access, outcome(dsr.NoAnswer), dsr.Incomplete, []string{"open no_answer shop/customer"}},
		{"nothing_to_export_needs_no_package", func() *Record { r := unfound(); r.Request.Kind = dsr.Access; return r }, nil, dsr.NothingFound, nil},

		{"granted_in_part_is_partial_at_best", erasure, func(r *Record) {
			r.Responsible.Decision.Decision, r.Responsible.Decision.Grounds = dsr.GrantedInPart, []Ground{{Article: "GDPR 17(3)(e)"}}
		}, dsr.Partial, []string{"remainder granted_in_part"}},
		{
			"granted_in_part_without_ground_is_open", erasure, func(r *Record) { r.Responsible.Decision.Decision = dsr.GrantedInPart }, dsr.Incomplete,
			[]string{"open refusal_unfounded", "remainder granted_in_part"},
		},
		{"refused_with_ground_and_decider", erasure, refuse(func(*Decision) {}), dsr.RefusedResult, []string{"decision refused"}},
		{"refused_without_ground_is_open", erasure, refuse(func(d *Decision) { d.Grounds = nil }), dsr.Incomplete, []string{"decision refused", "open refusal_unfounded"}},
		{"refused_by_nobody_is_open", erasure, refuse(func(d *Decision) { d.ByRole = Unknown }), dsr.Incomplete, []string{"decision refused", "open refusal_unfounded"}},
		{"refused_and_erased_all_the_same_is_open", erasure, func(r *Record) {
			r.Responsible.Decision.Decision, r.Responsible.Decision.Grounds = dsr.Refused, []Ground{{Article: "GDPR 12(5)(b)"}}
		}, dsr.Incomplete, []string{"decision refused", "open acted_after_refusal"}},
		{"withdrawn_before_any_effect", unfound, func(r *Record) { r.Reasons = []Reason{Stated(ReasonWithdrawn)} }, dsr.Withdrawn, []string{"decision withdrawn"}},
		{"withdrawn_after_an_effect_is_open", erasure, func(r *Record) { r.Reasons = []Reason{Stated(ReasonWithdrawn)} }, dsr.Incomplete, []string{"decision withdrawn", "open acted_after_withdrawal"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := tc.base()
			if tc.change != nil {
				tc.change(r)
			}
			result, reasons := ResultOf(r)
			if result != tc.want {
				t.Errorf("%s, want %s", result, tc.want)
			}
			if d := cmp.Diff(append([]string{}, tc.reasons...), codes(reasons)); d != "" {
				t.Error(d)
			}
			for _, x := range reasons {
				if x.NextStep == "" {
					t.Errorf("%s names no next step", x.Code)
				}
			}
		})
	}
}

var rank = []dsr.Result{dsr.NothingFound, dsr.Complete, dsr.Partial, dsr.Incomplete}

// A line that is added never makes a result better, whatever it is; an open one makes it incomplete.
func TestAddingALineNeverImprovesTheResult(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		r.Responsible.Decision = nil // what was refused or withdrawn is not judged by its lines
		r.Reasons = slices.DeleteFunc(r.Reasons, func(x Reason) bool { return x.Code == ReasonWithdrawn })
		before, _ := ResultOf(r)
		if len(r.Systems) == 0 {
			return
		}
		s := &r.Systems[rapid.IntRange(0, len(r.Systems)-1).Draw(t, "system")]
		c := drawCollection(t, r.Request.Kind, "added")
		s.Collections = append(slices.Clone(s.Collections), c)
		if len(s.Collections) == 1 {
			return // a system without a line was open already
		}
		after, reasons := ResultOf(r)
		if c.Outcome.Group() == dsr.GroupOpen && after != dsr.Incomplete {
			t.Fatalf("%s with an open line", after)
		}
		if slices.Index(rank, after) < slices.Index(rank, before) {
			t.Fatalf("%s became %s by adding %s", before, after, c.Outcome)
		}
		if (after == dsr.Incomplete) != slices.ContainsFunc(reasons, func(x Reason) bool { return x.Weight == WeightOpen }) {
			t.Fatalf("%s with reasons %v", after, codes(reasons))
		}
	})
}

// Complete is never said while anything at all is open: every single line and fact of a complete record is broken in turn.
func TestEveryOpenPointBarsComplete(t *testing.T) {
	for _, o := range []dsr.Outcome{dsr.NotSearched, dsr.Unsupported, dsr.Failed, dsr.NoAnswer, "unheard_of"} {
		for _, base := range []func() *Record{erasure, access, unfound} {
			n := base()
			for i := range n.Systems {
				for k := range n.Systems[i].Collections {
					r := base()
					r.Systems[i].Collections[k].Outcome = o
					if got, _ := ResultOf(r); got != dsr.Incomplete {
						t.Errorf("%s in %s/%s gives %s", o, r.Systems[i].Name, r.Systems[i].Collections[k].Name, got)
					}
				}
			}
		}
	}
}

func TestResultIsPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		before, _ := canonical(r)
		a, ra := ResultOf(r)
		b, rb := ResultOf(r)
		if a != b || cmp.Diff(ra, rb) != "" {
			t.Fatal("two calls differ")
		}
		if after, _ := canonical(r); !bytes.Equal(before, after) {
			t.Fatal("the record changed")
		}
	})
}

func TestOnTime(t *testing.T) {
	due := at("2026-12-24T22:59:59Z")
	extended := &Extension{Until: at("2027-02-24T22:59:59Z"), Reason: "number of requests", NotifiedAt: ptr("2026-12-20T10:00:00Z")}
	late := &Extension{Until: extended.Until, Reason: extended.Reason, NotifiedAt: ptr("2026-12-28T10:00:00Z")}
	never := &Extension{Until: extended.Until, Reason: extended.Reason}
	for _, tc := range []struct {
		name  string
		clock Clock
		want  string
		due   time.Time
	}{
		{"not_told", Clock{DueAt: due}, NotAnswered, due},
		{"told_in_the_last_second", Clock{DueAt: due, Answer: &Answer{InformedAt: due.Add(900 * time.Millisecond)}}, OnTime, due},
		{"told_a_second_late", Clock{DueAt: due, Answer: &Answer{InformedAt: due.Add(time.Second)}}, Late, due},
		{"extension_notified_in_the_first_month_counts", Clock{DueAt: due, Extension: extended, Answer: &Answer{InformedAt: at("2027-02-01T00:00:00Z")}}, OnTime, extended.Until},
		{"told_after_the_extension", Clock{DueAt: due, Extension: extended, Answer: &Answer{InformedAt: at("2027-03-01T00:00:00Z")}}, Late, extended.Until},
		{"extension_notified_late_does_not_count", Clock{DueAt: due, Extension: late, Answer: &Answer{InformedAt: at("2027-02-01T00:00:00Z")}}, Late, due},
		{"extension_never_notified_does_not_count", Clock{DueAt: due, Extension: never, Answer: &Answer{InformedAt: at("2027-02-01T00:00:00Z")}}, Late, due},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.clock.onTime(); got != tc.want || !tc.clock.Due().Equal(tc.due) {
				t.Errorf("%s, due %s", got, tc.clock.Due())
			}
		})
	}
}
