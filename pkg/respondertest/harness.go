package respondertest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Harness says how to get at the system under test.
type Harness struct {
	// New makes a fresh, empty store. It is called once for each test, and what it opens it closes with t.Cleanup.
	New func(t *testing.T) Fixture
}

// Fixture is one store and what the suite has to do with it.
type Fixture struct {
	// Open returns one more instance of the system and its ledger, over the same store: each stands for a process.
	Open func(t *testing.T) (responder.System, responder.Ledger)
	// Seed writes something about a person into the system, more each time it is called.
	Seed func(t *testing.T, id dsr.Identifier)
	// Left counts what an erasure of the person would still have to take.
	Left func(t *testing.T, id dsr.Identifier) int64
	// Identifier is that of the n-th person; default: the e-mail address person-N@example.org.
	Identifier func(n int) dsr.Identifier
	// Capacity is the kind of subject that dispatches name; default none.
	Capacity string
	// Exact says that the ledger stands in the system's transaction: counts survive every crash.
	Exact bool
	// Configure changes the runtime's configuration; default: nothing.
	Configure func(*responder.Config)
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for i, c := range cases {
		passed := t.Run(c.name, func(t *testing.T) {
			f := h.New(t)
			if f.Identifier == nil {
				f.Identifier = func(n int) dsr.Identifier {
					return dsr.Identifier{Kind: dsr.Email, Value: fmt.Sprintf("person-%d@example.org", n)}
				}
			}
			c.run(&trial{T: t, Fixture: f, Bench: NewBench(t, "shop")})
		})
		if i == 0 && !passed {
			return // the runtime would wait for the system to come back, again and again
		}
	}
}

// cases are the tests of the suite, by the sentence that each holds. The others rely on the first.
var cases = []struct {
	name string
	run  func(*trial)
}{
	{"a_healthy_system_passes_its_check", healthy},
	{"an_erasure_takes_what_is_there_of_that_person_alone", erases},
	{"answers_stand_in_the_order_of_the_dispatches", answersInOrder},
	{"an_unknown_person_is_not_found_and_a_look_agrees", unknownPerson},
	{"a_duplicate_changes_nothing_and_is_acknowledged_with_the_same_bytes", duplicate},
	{"a_batch_in_another_order_is_acknowledged_with_the_same_bytes", reordered},
	{"a_crash_after_the_claim_loses_nothing", crashAfterClaim},
	{"a_crash_after_the_effect_loses_no_effect_and_no_count", crashAfterEffect},
	{"a_crash_before_the_acknowledgement_is_out_repeats_it", crashBeforeAcknowledgement},
	{"two_instances_at_once_give_one_effect_and_the_same_bytes", twoInstances},
	{"a_permanent_failure_beside_good_ones_stands_alone", permanentFailure},
	{"a_passing_failure_beside_good_ones_is_deferred_and_made_up_for", passingFailure},
	{"a_step_that_failed_is_worked_again_at_a_higher_attempt", higherAttempt},
	{"an_answer_that_comes_late_is_acknowledged_when_it_comes", lateAnswer},
	{"an_expired_dispatch_does_nothing", expired},
	{"a_dispatch_for_others_is_left_to_them", notAddressed},
	{"a_look_reads_only", lookReadsOnly},
	{"data_written_after_the_erasure_is_found_by_the_look_and_then_erased", lateData},
	{"a_kind_that_the_system_does_not_serve_is_answered_unsupported", unsupported},
	{"an_export_names_its_parts_and_changes_nothing", exports},
}

// trial is one test on a fresh store.
type trial struct {
	*testing.T
	Fixture
	*Bench
}

// person is the n-th person, with a request id of their own.
func (t *trial) person(n int) Person {
	return Person{Request: dsr.RequestID(uuid.NewString()), Identifiers: []dsr.Identifier{t.Identifier(n)}, Capacity: t.Capacity}
}

// seeded is the n-th person, about whom the system holds something.
func (t *trial) seeded(n, times int) Person {
	t.Helper()
	p := t.person(n)
	for range times {
		t.Seed(t.T, p.Identifiers[0])
	}
	if t.left(p) == 0 {
		t.Fatal("Seed wrote nothing that Left counts")
	}
	return p
}

func (t *trial) left(p Person) int64 { return t.Left(t.T, p.Identifiers[0]) }

// instance is one more process.
func (t *trial) instance(wrap ...func(responder.System) responder.System) *responder.Responder {
	t.Helper()
	s, l := t.Open(t.T)
	for _, w := range wrap {
		s = w(s)
	}
	return t.responder(s, l)
}

func (t *trial) responder(s responder.System, l responder.Ledger, change ...func(*responder.Config)) *responder.Responder {
	t.Helper()
	if t.Configure != nil {
		change = append([]func(*responder.Config){t.Configure}, change...)
	}
	return t.Responder(t.T, s, l, change...)
}

// answered returns the acknowledgement of a person's request, which must be an answer.
func (t *trial) answered(r Result, p Person) dsr.Acknowledgement {
	t.Helper()
	a, ok := r.Of(p.Request)
	if !ok {
		t.Fatal("no acknowledgement")
	}
	if a.State != dsr.AckAnswered {
		t.Fatalf("acknowledged as %s (code %q, class %q), want answered", a.State, a.ErrorCode, a.ErrorClass)
	}
	if len(a.Collections) == 0 || len(a.EvidenceSHA256) != 32 || a.FirstAt.IsZero() || a.DoneAt.Before(a.FirstAt) {
		t.Errorf("an answer without collections, evidence or instants: %+v", a)
	}
	return a
}

// state demands the state and error code of a person's acknowledgement.
func (t *trial) state(r Result, p Person, state dsr.AckState, code string) {
	t.Helper()
	a, ok := r.Of(p.Request)
	if !ok {
		t.Fatalf("no acknowledgement, want %s", state)
	}
	if a.State != state || a.ErrorCode != code {
		t.Errorf("acknowledged as %s with code %q, want %s with %q", a.State, a.ErrorCode, state, code)
	}
}

// gone demands that nothing is left of a person.
func (t *trial) gone(p Person) {
	t.Helper()
	if n := t.left(p); n != 0 {
		t.Errorf("%d things are left of the person, want 0", n)
	}
}

// deadLetters demands how many messages were parked.
func (t *trial) deadLetters(r Result, want int) {
	t.Helper()
	if len(r.DeadLetters) != want {
		t.Errorf("%d dead letters, want %d", len(r.DeadLetters), want)
	}
}
