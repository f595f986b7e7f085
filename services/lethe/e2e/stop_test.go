package e2e_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// grace is how long a service may take to stop: what orchestrators allow by default.
const grace = 30 * time.Second

// TestStoppedAtAnyMoment: under load services are told to stop, at moments that a seed chooses, and started again. Each ends with 0
// within its grace, and every request has one record with what was erased, counted once.
func TestStoppedAtAnyMoment(t *testing.T) {
	t.Parallel()
	const erasures, exports, stops = 160, 16, 20
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	pl := newPipeline(t, real(), erasures+exports+20, limits{silence: "300s", resolution: "300s"})
	procs := map[string]*process{}
	for _, role := range roleNames() {
		procs[role] = pl.spawn(t, role)
	}
	var asked []dsr.SubjectRequest
	who := map[dsr.RequestID]person{}
	for i, p := range pl.c.people[:erasures+exports] {
		kind, by := dsr.Erasure, p.byMail()
		if i >= erasures {
			kind = dsr.Access
		} else if i%2 == 0 {
			by = p.byNumber()
		}
		q := newRequest(kind, by)
		asked, who[q.RequestID] = append(asked, q), p
	}
	random.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
	var longest time.Duration
	for n := range stops {
		if part := len(asked) / stops; n < stops-1 {
			pl.ask(t, asked[n*part:(n+1)*part]...)
		} else {
			pl.ask(t, asked[n*part:]...)
		}
		role := roleNames()[random.IntN(len(procs))]
		news := random.IntN(40) // statuses and records from now on
		before := pl.told()
		pl.until(t, "work under way", func(w *watch) bool {
			return pl.toldLocked() >= before+news && procs[role].log.String() != "" // from its first line on it listens
		})
		begun := time.Now()
		procs[role].term(t)
		longest = max(longest, time.Since(begun))
		if strings.Contains(procs[role].log.String(), "level=ERROR") {
			t.Errorf("%s logged an error, for which somebody must act:\n%s", role, procs[role].log.last(20))
		}
		procs[role] = pl.spawn(t, role)
	}
	t.Logf("%d stops, the longest took %s", stops, longest.Round(time.Millisecond))
	if longest > grace {
		t.Errorf("a stop took %s", longest)
	}
	for _, q := range asked {
		if r, p := pl.record(t, q.RequestID, 0), who[q.RequestID]; q.Kind == dsr.Access {
			pl.packed(t, p, r)
		}
	}
	rows := pl.c.read(t)
	var erased []person
	for _, q := range asked {
		if p := who[q.RequestID]; q.Kind == dsr.Erasure {
			pl.holds(t, p, pl.record(t, q.RequestID, 0), of(rows, p))
			erased = append(erased, p)
		}
	}
	for _, p := range procs {
		p.term(t)
	}
	pl.keep()
	pl.lock.Lock()
	for _, q := range asked {
		if n := len(pl.records[q.RequestID]); n != 1 || pl.last(q.RequestID).State != dsr.Sealed {
			t.Errorf("request %s has %d records and is %s", q.RequestID, n, pl.last(q.RequestID).State)
		}
	}
	pl.lock.Unlock()
	if letters := pl.jsonLines(t, "deadletters", "list", "--all"); len(letters) > 0 {
		t.Errorf("dead letters: %v", letters)
	}
	pl.c.othersUnchanged(t, erased...)
	pl.nothingInClear(t, erased[:5]...)
}

// told is how many statuses and records were seen so far.
func (pl *pipeline) told() int {
	pl.lock.Lock()
	defer pl.lock.Unlock()
	return pl.toldLocked()
}

func (pl *pipeline) toldLocked() (n int) {
	for _, all := range pl.statuses {
		n += len(all)
	}
	return n + len(pl.records)
}
