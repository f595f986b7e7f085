package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
)

// oracle holds what is to be read outside of Lethe against what was asked and what the stores held.
type oracle struct {
	*evidence
	codec    *event.Codec
	verifier *completion.Verifier
	company  *company
	workload *workload
	late     map[dsr.RequestID][]lateRow
	after    map[string]map[string]cells // the stores at the end
	packages string                      // directory
	tables   map[int]map[string]int64    // rows by person and table, as they were

	mu        sync.Mutex
	problems  []string
	ambiguous int // late rows that came in the moment of the look or after it
	caught    int // late rows that were erased
	bounds    int // lines whose counts are lower bounds
	records   map[dsr.RequestID]*completion.Record

	erasedPeople map[string]bool
}

// problem notes what is wrong, and of which request.
func (o *oracle) problem(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.problems = append(o.problems, fmt.Sprintf(format, args...))
}

// judge asks everything. What is wrong stands in problems.
func (o *oracle) judge() {
	o.tables = map[int]map[string]int64{}
	for name, rows := range o.company.original {
		for _, r := range rows {
			o.count(r, name)
		}
	}
	o.records = map[dsr.RequestID]*completion.Record{}
	o.messages()
	for _, a := range o.workload.order {
		o.request(a)
	}
	for _, id := range slices.Sorted(maps.Keys(o.completions)) {
		if o.workload.asked[id] == nil {
			o.problem("request %s has a record, and nobody made it", id)
		}
	}
	for _, same := range o.workload.same() {
		o.person(same)
	}
	for _, v := range o.torn {
		o.problem("request %s: two statuses of version %d say different things", v.id, v.n)
	}
	for _, m := range o.dead {
		cause := ""
		for _, h := range m.Headers {
			if h.Key == "lethe_cause" || h.Key == "lethe_system" {
				cause += " " + string(h.Value)
			}
		}
		o.problem("request %s: a dead letter,%s", m.Key, cause)
	}
	o.stores()
}

func (o *oracle) count(r cells, table string) {
	add := func(id string) {
		if id == "" {
			return
		}
		n := 0
		if _, err := fmt.Sscan(id, &n); err != nil {
			panic(err) // the harness wrote it
		}
		if o.tables[n] == nil {
			o.tables[n] = map[string]int64{}
		}
		o.tables[n][table]++
	}
	if table == "desk.staff" {
		add(r.key)
	} else {
		add(r.of)
	}
}

// messages holds every message of the intake: what was malformed or conflicts is rejected once, under its place, and nothing else is.
func (o *oracle) messages() {
	places := map[place]bool{}
	for _, m := range o.intake {
		at := place{m.Topic, m.Partition, m.Offset}
		places[at] = true
		wrong := strings.HasPrefix(string(m.Key), badKey)
		if !wrong {
			r, err := o.codec.DecodeSubjectRequest(m.Value)
			if err != nil || o.workload.asked[r.RequestID] == nil {
				o.problem("a message of the intake at %s/%d@%d is none of the harness", at.topic, at.partition, at.offset)
				continue
			}
			wrong = r.Kind != o.workload.asked[r.RequestID].Kind
			if wrong && len(o.rejections[at]) > 0 && o.reasons[at] != dsr.ReasonConflict {
				o.problem("request %s: a conflicting message was rejected for %s", r.RequestID, o.reasons[at])
			}
		}
		switch n := len(o.rejections[at]); {
		case wrong && n != 1:
			o.problem("message %s at %s/%d@%d must be rejected and has %d rejections", m.Key, at.topic, at.partition, at.offset, n)
		case !wrong && n != 0:
			o.problem("request %s was rejected for %s", m.Key, o.reasons[at])
		}
	}
	for at := range o.rejections {
		if !places[at] {
			o.problem("a rejection names %s/%d@%d, where nothing stands", at.topic, at.partition, at.offset)
		}
	}
}

// completion returns the completion of a request that holds: the only one, as a rule.
func (o *oracle) completion(a *asked) (dsr.Completion, bool) {
	all := o.completions[a.RequestID]
	switch {
	case a.silent:
		return o.silentFor(a, all)
	case len(all) == 1:
		return all[0], true
	}
	s := o.newest[a.RequestID]
	o.problem("request %s (%s) has %d records; its newest status is %q, phase %q, round %d", a.RequestID, a.Kind, len(all), s.State, s.Phase, s.Round)
	return dsr.Completion{}, false
}

// request holds one request against its record and its statuses.
func (o *oracle) request(a *asked) {
	c, ok := o.completion(a)
	if !ok {
		return
	}
	v, err := completion.Verify(c.Envelope, o.verifier)
	if err != nil {
		o.problem("request %s: its record does not verify: %v", a.RequestID, err)
		return
	}
	r := v.Record
	number, kind := int32(0), completion.TypeRecord
	if a.silent {
		number, kind = 1, completion.TypeAddendum
	}
	if c.Number != number || r.Number != number || r.Type != kind || r.Request.ID != a.RequestID || r.Request.Kind != a.Kind || r.Result != c.Result || r.RecordID != c.RecordID {
		o.problem("request %s: its record is number %d of %s, a %s, %s", a.RequestID, r.Number, r.Request.ID, r.Request.Kind, r.Result)
	}
	want := []string{"chats", "desk", "shop"}
	if a.who.staff {
		want = []string{"desk"}
	}
	if !slices.Equal(r.Coverage.Expected, want) {
		o.problem("request %s: the systems that had to answer are %v, want %v", a.RequestID, r.Coverage.Expected, want)
	}
	newest, last := o.newest[a.RequestID], o.last[a.RequestID]
	if newest.State != dsr.Sealed || newest.Result != r.Result || newest.RecordID != r.RecordID {
		o.problem("request %s: its newest status is %s %s, its record says %s", a.RequestID, newest.State, newest.Result, r.Result)
	}
	if last.Version != newest.Version {
		o.problem("request %s: the last status on the topic is version %d (%s), a newer one %d (%s) stands before it", a.RequestID, last.Version, last.State, newest.Version, newest.State)
	}
	o.records[a.RequestID] = r
}
