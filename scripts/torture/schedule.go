package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// crashPoint is a place between two steps of a role at which it can be told to die.
type crashPoint struct {
	name  string
	roles []string
}

// crashPoints, in the order of the steps.
var crashPoints = []crashPoint{
	{"coordinator.fetched", []string{"coordinator"}},
	{"coordinator.saved", []string{"coordinator"}},
	{"coordinator.sealed", []string{"coordinator"}},
	{"coordinator.committed", []string{"coordinator"}},
	{"coordinator.ticked", []string{"coordinator"}},
	{"coordinator.relay.fetched", []string{"coordinator"}},
	{"coordinator.relay.published", []string{"coordinator"}},
	{"coordinator.relay.deleted", []string{"coordinator"}},
	{"responder.fetched", responders},
	{"responder.claimed", responders},
	{"responder.effected", responders},
	{"responder.committed", responders},
	{"responder.acknowledged", responders},
	{"kafka.offset_committed", roleNames},
}

var responders = []string{"shop", "desk", "chats", "packager"}

// fault is one step of a schedule: what is done, to whom, and how.
type fault struct {
	kind   string
	target string // role, way, server
	n      int    // which instance
	detail string // crash point, toxic, topic
	last   time.Duration
}

func (f fault) String() string {
	out := f.kind + " " + f.target
	if f.n > 0 {
		out += fmt.Sprintf(" (instance %d)", f.n)
	}
	if f.detail != "" {
		out += ": " + f.detail
	}
	if f.last > 0 {
		out += fmt.Sprintf(", for %s", f.last)
	}
	return strings.TrimSpace(out)
}

// Kinds of fault.
const (
	crash      = "arm a crash point of"
	killed     = "kill -9"
	stopped    = "SIGTERM and again"
	suspended  = "SIGSTOP past the session"
	stalled    = "SIGSTOP at a crash point of" // not drawn: what planted bugs show themselves under
	added      = "add an instance of"
	removed    = "remove an instance of"
	spoiled    = "spoil the way"
	restarted  = "kill -9 and restart"
	grown      = "add a partition to"
	locked     = "lock rows in"
	deadlocked = "cross locks in"
	crowded    = "take all connections of"
	timedOut   = "let every statement time out in"
	readOnly   = "make read-only"
	expired    = "let the password expire in"
	full       = "fill the export store"
	redeliver  = "deliver again"
)

// weights of the kinds, in hundredths.
var weights = []struct {
	kind   string
	weight int
}{
	{crash, 40},
	{killed, 12},
	{spoiled, 19},
	{stopped, 4},
	{suspended, 4},
	{added, 2},
	{removed, 2},
	{restarted, 3},
	{grown, 1},
	{locked, 3},
	{deadlocked, 2},
	{crowded, 1},
	{timedOut, 1},
	{readOnly, 1},
	{expired, 1},
	{full, 1},
	{redeliver, 3},
}

var (
	databases = []string{"store", "shop", "desk"}
	ways      = []string{"kafka-coordinator", "kafka-shop", "kafka-desk", "kafka-chats", "kafka-packager", "postgres-coordinator", "postgres-packager", "postgres-shop", "mariadb-desk"}
)

// schedule is the fault of a step. A seed and a number say everything; a run that is too short for the rare kinds gets each of
// them once, in an order of the seed, among its first steps.
func schedule(seed uint64, step int) fault {
	r := rand.New(rand.NewPCG(seed, uint64(step)<<8|2))
	kind := ""
	if step%3 == 1 && step/3 < len(rare) {
		order := rand.New(rand.NewPCG(seed, 3)).Perm(len(rare))
		f := rare[order[step/3]]
		return f.draw(r)
	}
	n := r.IntN(100)
	for _, w := range weights {
		if n -= w.weight; n < 0 {
			kind = w.kind
			break
		}
	}
	return fault{kind: kind}.draw(r)
}

// rare is what a short run must not miss.
var rare = []fault{
	{kind: suspended},
	{kind: restarted, target: "kafka"},
	{kind: restarted, target: "postgres"},
	{kind: restarted, target: "mariadb"},
	{kind: grown},
	{kind: locked},
	{kind: deadlocked},
	{kind: crowded},
	{kind: timedOut},
	{kind: readOnly},
	{kind: expired},
	{kind: full},
	{kind: redeliver},
	{kind: added},
}

// draw fills in what is not said.
func (f fault) draw(r *rand.Rand) fault {
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	seconds := func(least, most float64) time.Duration {
		return time.Duration((least + r.Float64()*(most-least)) * float64(time.Second)).Round(100 * time.Millisecond)
	}
	if f.target == "" {
		f.target = pick(roleNames)
	}
	f.n = 1 + r.IntN(6)
	switch f.kind {
	case crash:
		p := crashPoints[r.IntN(len(crashPoints))]
		f.target, f.detail = pick(p.roles), fmt.Sprintf("%s:%d", p.name, 1+r.IntN(2))
	case suspended:
		f.last = seconds(3, 5)
	case spoiled:
		f.target, f.n, f.detail, f.last = pick(ways), 0, toxicKinds[r.IntN(len(toxicKinds))].name, seconds(0.5, 3)
	case restarted:
		f.n = 0
		if !slices.Contains([]string{"kafka", "postgres", "mariadb"}, f.target) {
			f.target = pick([]string{"kafka", "postgres", "postgres", "mariadb", "mariadb"})
		}
	case grown:
		f.n, f.target = 0, pick(append(slices.Clone(internalTopics), "subject-requests", "acknowledgements"))
	case locked, deadlocked:
		f.n, f.target, f.last = 0, pick([]string{"shop", "desk"}), seconds(1.5, 3)
	case crowded, timedOut, readOnly, expired:
		f.n, f.target, f.last = 0, pick(databases), seconds(1, 3)
	case full:
		f.n, f.target, f.last = 0, "", seconds(1, 3)
	case redeliver:
		f.n, f.target, f.detail = 0, "", fmt.Sprintf("%d messages, shuffled", 100+r.IntN(300))
	}
	return f
}
