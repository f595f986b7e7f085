package respondertest_test

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

// heap is a system in memory, in as many ways as there are to get one wrong.
type heap struct {
	mu     sync.Mutex
	things map[string]int64
}

func (h *heap) take(email string) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.things[email]
	delete(h.things, email)
	return n
}

func (h *heap) count(email string) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.things[email]
}

// system is a heap with its mistakes.
type system struct {
	*heap
	erase  func(email string) responder.Answer
	verify func(email string) responder.Answer
	order  func([]responder.Answer)
	check  error
}

func newSystem(h *heap) *system {
	return &system{
		heap:   h,
		erase:  func(email string) responder.Answer { return responder.Erased("things", h.take(email)) },
		verify: func(email string) responder.Answer { return responder.Remaining("things", h.count(email)) },
		order:  func([]responder.Answer) {},
	}
}

func (s *system) Erase(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	return s.each(ds, s.erase), nil
}

func (s *system) Verify(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	return s.each(ds, s.verify), nil
}

func (s *system) each(ds []responder.Dispatch, f func(string) responder.Answer) []responder.Answer {
	as := make([]responder.Answer, len(ds))
	for i, d := range ds {
		as[i] = f(d.Values(dsr.Email)[0])
	}
	s.order(as)
	return as
}

func (s *system) Check(context.Context) error { return s.check }

// forgetful is a ledger that remembers nothing.
type forgetful struct{ responder.Ledger }

func (forgetful) Step(ctx context.Context, at time.Time, _ responder.Mode, es []responder.Entry, do func(context.Context, []responder.Entry) ([]responder.Entry, error)) ([]responder.Entry, error) {
	es = slices.Clone(es)
	for i := range es {
		es[i].State, es[i].FirstAt = responder.Claimed, at
	}
	return do(ctx, es)
}

// hasty is a ledger beside the system that does not make its claim durable before the effect.
type hasty struct{ responder.Ledger }

func (h hasty) Step(ctx context.Context, at time.Time, mode responder.Mode, es []responder.Entry, do func(context.Context, []responder.Entry) ([]responder.Entry, error)) ([]responder.Entry, error) {
	return h.Ledger.Step(ctx, at, mode, es, func(ctx context.Context, open []responder.Entry) ([]responder.Entry, error) {
		for i := range open {
			open[i].Resumed = false
		}
		return do(ctx, open)
	})
}

// mistakes are the broken systems and the cases that must find them.
var mistakes = map[string]struct {
	system func(*system)
	ledger func(responder.Ledger) responder.Ledger
	exact  bool
	caught []string
}{
	"erases_everybody": {
		system: func(s *system) {
			s.erase = func(email string) responder.Answer {
				n := s.take(email)
				s.mu.Lock()
				defer s.mu.Unlock()
				clear(s.things)
				return responder.Erased("things", n)
			}
		},
		caught: []string{"an_erasure_takes_what_is_there_of_that_person_alone", "an_unknown_person_is_not_found_and_a_look_agrees"},
	},
	"erases_nobody": {
		system: func(s *system) {
			s.erase = func(email string) responder.Answer { return responder.Erased("things", s.count(email)) }
		},
		caught: []string{"an_erasure_takes_what_is_there_of_that_person_alone", "a_crash_after_the_claim_loses_nothing"},
	},
	"answers_in_another_order": {
		system: func(s *system) { s.order = slices.Reverse[[]responder.Answer] },
		caught: []string{"answers_stand_in_the_order_of_the_dispatches"},
	},
	"counts_what_is_not_there": {
		system: func(s *system) {
			s.erase = func(email string) responder.Answer { return responder.Erased("things", s.take(email)+1) }
		},
		caught: []string{"an_unknown_person_is_not_found_and_a_look_agrees"},
	},
	"erases_when_it_looks": {
		system: func(s *system) {
			s.verify = func(email string) responder.Answer { return responder.Remaining("things", s.take(email)) }
		},
		caught: []string{"a_look_reads_only"},
	},
	"never_looks": {
		system: func(s *system) {
			s.verify = func(string) responder.Answer { return responder.Remaining("things", 0) }
		},
		caught: []string{"a_look_reads_only", "data_written_after_the_erasure_is_found_by_the_look_and_then_erased"},
	},
	"is_always_ill": {
		system: func(s *system) { s.check = context.DeadlineExceeded },
		caught: []string{"a_healthy_system_passes_its_check"},
	},
	"remembers_nothing": {
		ledger: func(l responder.Ledger) responder.Ledger { return forgetful{l} },
		caught: []string{
			"a_duplicate_changes_nothing_and_is_acknowledged_with_the_same_bytes", "a_batch_in_another_order_is_acknowledged_with_the_same_bytes",
			"a_crash_before_the_acknowledgement_is_out_repeats_it", "two_instances_at_once_give_one_effect_and_the_same_bytes",
			"a_passing_failure_beside_good_ones_is_deferred_and_made_up_for", "an_answer_that_comes_late_is_acknowledged_when_it_comes",
		},
	},
	"claims_after_the_effect": {
		ledger: func(l responder.Ledger) responder.Ledger { return hasty{l} },
		caught: []string{"a_crash_after_the_effect_loses_no_effect_and_no_count"},
	},
	"says_exact_of_a_ledger_beside_it": {
		exact:  true,
		caught: []string{"a_crash_after_the_effect_loses_no_effect_and_no_count"},
	},
}

const role = "RESPONDERTEST_MISTAKE"

// Each mistake runs the suite in a process of its own, which must end with just the failures that are expected of it.
func TestTheSuiteFindsWhatIsWrong(t *testing.T) {
	if name := os.Getenv(role); name != "" {
		runMistake(t, name)
		return
	}
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheSuiteFindsWhatIsWrong$")
			cmd.Env = append(os.Environ(), role+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("the suite passes")
			}
			for _, c := range m.caught {
				if !strings.Contains(string(out), "--- FAIL: TestTheSuiteFindsWhatIsWrong/"+c) {
					t.Errorf("the case %s passes", c)
				}
			}
			if t.Failed() {
				t.Logf("the suite said:\n%s", out)
			}
		})
	}
}

func TestTheSuitePassesWhatIsRight(t *testing.T) { runMistake(t, "") }

func runMistake(t *testing.T, name string) {
	m := mistakes[name]
	respondertest.Run(t, respondertest.Harness{New: func(t *testing.T) respondertest.Fixture {
		h := &heap{things: map[string]int64{}}
		book := filepath.Join(t.TempDir(), "ledger.db")
		return respondertest.Fixture{
			Exact: m.exact,
			Open: func(t *testing.T) (responder.System, responder.Ledger) {
				db, err := sql.Open("sqlite", "file:"+book+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = db.Close() })
				s := newSystem(h)
				if m.system != nil {
					m.system(s)
				}
				var l responder.Ledger = ledger.Beside(db, ledger.SQLite)
				if m.ledger != nil {
					l = m.ledger(l)
				}
				return s, l
			},
			Seed: func(_ *testing.T, id dsr.Identifier) {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.things[id.Value]++
			},
			Left: func(_ *testing.T, id dsr.Identifier) int64 { return h.count(id.Value) },
		}
	}})
}
