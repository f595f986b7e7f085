package e2e_test

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/internal/telemetry"
)

// TestTwoOfEachRole: two processes run every role over the same brokers, databases and files. They share the work, and when one
// goes the other takes it all. An embedded coordinator has its file for itself.
func TestTwoOfEachRole(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 260, limits{}).start(roleNames()...)
		log := &logBuffer{}
		second := pl.another(t, telemetry.Logger(log, config.Log{}))
		t.Cleanup(func() { pl.said(log.String()) })
		shared := []string{"shop", "crm", "lethe.packager"}
		for _, name := range []string{"shop", "crm", "packager"} {
			pl.run(name+"@second", second)
		}
		if m.name == "real" {
			pl.run("coordinator@second", second)
			shared = append(shared, "coordinator.subject-requests", "coordinator.acknowledgements")
		} else {
			t.Run("second_coordinator_on_the_same_file_waits_and_says_so", func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- second.Coordinator(ctx) }()
				pl.until(t, "a line about the file", func(*watch) bool {
					return strings.Contains(log.String(), "coordinator's database") && strings.Contains(log.String(), "another process")
				})
				cancel()
				if err := <-done; err == nil {
					t.Error("two coordinators have one file open")
				}
			})
		}
		t.Run("each_has_a_share_of_every_group", func(t *testing.T) {
			pl.until(t, "shares of every group", func(*watch) bool {
				for _, g := range shared {
					if !share(pl.log.String(), log.String(), pl.prefix+g) {
						return false
					}
				}
				return true
			})
		})
		var all []person
		t.Run("what_two_share_is_done_once", func(t *testing.T) { all = append(all, pl.crowd(t, 60, nil)...) })
		t.Run("what_one_leaves_the_other_does", func(t *testing.T) {
			all = append(all, pl.crowd(t, 60, func() {
				for _, name := range []string{"shop@second", "crm@second", "packager@second"} {
					pl.stop(t, name)
				}
				if m.name == "real" {
					pl.stop(t, "coordinator@second")
				}
			})...)
		})
		pl.c.othersUnchanged(t, all...)
		pl.nothingInClear(t, all[:10]...)
	})
}

// share reports whether two logs show the partitions of a group divided between the two, in the same generation.
func share(a, b, group string) bool {
	pattern := regexp.MustCompile(`msg="?partitions assigned"? group=` + regexp.QuoteMeta(group) + ` generation=(\d+) \S+ partitions=(\d+)|"msg":"partitions assigned","group":"` +
		regexp.QuoteMeta(group) + `","generation":(\d+),"member":"[^"]*","partitions":(\d+)`)
	newest := func(log string) (generation, partitions int) {
		for _, m := range pattern.FindAllStringSubmatch(log, -1) {
			generation, _ = strconv.Atoi(m[1] + m[3])
			partitions, _ = strconv.Atoi(m[2] + m[4])
		}
		return generation, partitions
	}
	ga, pa := newest(a)
	gb, pb := newest(b)
	return ga == gb && pa > 0 && pb > 0
}

// crowd asks for the erasure of n people, and for the data of one in ten beside them; meanwhile is called when the first record
// is there. Every request must have one record that says what the stores held. It returns whom it erased.
func (pl *pipeline) crowd(t *testing.T, n int, meanwhile func()) []person {
	t.Helper()
	var people []person
	var erasures, exports []dsr.SubjectRequest
	for i := range n {
		p := pl.c.cast(t, func(person) bool { return true })
		people = append(people, p)
		by := p.byMail()
		if i%2 == 0 {
			by = p.byNumber()
		}
		erasures = append(erasures, newRequest(dsr.Erasure, by))
	}
	var sees []person
	for range n / 10 {
		p := pl.c.cast(t, func(person) bool { return true })
		sees = append(sees, p)
		exports = append(exports, newRequest(dsr.Access, p.byMail()))
	}
	pl.ask(t, append(append([]dsr.SubjectRequest{}, erasures...), exports...)...)
	if meanwhile != nil {
		pl.record(t, erasures[0].RequestID, 0)
		meanwhile()
	}
	for i, q := range erasures {
		reports(t, pl.record(t, q.RequestID, 0), erasureResult(people[i]), erasureOf(people[i]))
	}
	for i, q := range exports {
		r := pl.record(t, q.RequestID, 0)
		for name, n := range sees[i].had() {
			if got := lines(r)[name].Exposed; got != n {
				t.Errorf("the access of %s counts %d of %s, want %d", q.RequestID, got, name, n)
			}
		}
	}
	pl.lock.Lock()
	defer pl.lock.Unlock()
	for _, q := range append(erasures, exports...) {
		if all := pl.records[q.RequestID]; len(all) != 1 {
			t.Errorf("request %s has %d records", q.RequestID, len(all))
		}
	}
	return people
}
