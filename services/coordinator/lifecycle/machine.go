package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Policy holds the limits of a request's life. Package config documents the defaults.
type Policy struct {
	Silence      time.Duration // how long a system may stay silent in one phase
	Resolution   time.Duration // how long a resolution round may take
	Settle       time.Duration // from the last accepted act to the look
	Margin       time.Duration // every wait ends this long before due_at …
	MinWait      time.Duration // … but lasts at least this long, also for a request that came late
	GateRecheck  time.Duration // how often a waiting request looks for itself
	StatusDelay  time.Duration // how long the news of an answer may wait for the next status; 0: it is told at once
	NotAfter     time.Duration // after a dispatch, when nothing may be done for it any more
	Looks        int           // at most so many looks in a row
	ResolvedMost int           // values that one resolution may yield; more wait for a human
	Held         time.Duration // how long a request that is kept back may wait
	NeedIdentity bool          // keep back what has no verified identity
	NeedDecision bool          // keep back what nobody decided on
	Environment  string
	Instance     string
}

// Map is what the machine asks of the data map.
type Map interface {
	// Accepts lists the kinds of identifier by which a system finds a subject of the capacity (empty: any).
	Accepts(system, capacity string) []string
	// Ask lists the systems that can supply a kind missing to one of the systems, from the kinds at hand.
	Ask(capacity string, systems, have []string) []Question
	// Sources lists every system that could supply a kind.
	Sources(capacity, kind string) []string
	// Kinds lists every kind of identifier that finds anybody anywhere, sorted.
	Kinds() []string
}

// Question asks a system to turn identifiers at hand into other kinds.
type Question struct {
	System string
	Want   []string
}

// Vault opens and closes what the machine may not see.
type Vault interface {
	// Dispatch reseals stored identifiers for a phase of a request.
	Dispatch(id ID, stored []byte, phase dsr.Phase) (sealed []byte, keyID string, err error)
	// Add adds identifiers to stored ones.
	Add(id ID, stored []byte, more []dsr.Identifier) ([]byte, error)
}

// Sealer makes the completion record of a request that has reached its end.
type Sealer interface {
	Seal(now time.Time, r *Request) (Sealed, error)
}

// Sealed is a signed completion record.
type Sealed struct {
	ID
	RecordID       string
	Number         int32
	Type           string
	Result         dsr.Result
	SealedAt       time.Time
	Envelope       []byte
	SHA256         []byte
	PreviousSHA256 []byte
}

// Machine holds what all turns share. It is safe for concurrent use when its parts are.
type Machine struct {
	Policy Policy
	Map    Map
	Vault  Vault
	Sealer Sealer
	// Decode reads the stored bytes of an acknowledgement. What it returns may be shared: nothing in it is changed here.
	Decode func([]byte) (*dsr.Acknowledgement, error)
}

// Outgoing is a message that a turn publishes; exactly one of the values is set.
type Outgoing struct {
	ID
	Trace      string // W3C traceparent
	MessageID  string // ce_id
	Dispatch   *dsr.Dispatch
	Status     *dsr.Status
	Completion *dsr.Completion
}

// Turn is the work of one transaction.
type Turn struct {
	*Machine
	Now time.Time
	// Heard is an instant up to which every acknowledgement that was published has been taken in. Only before it is a system
	// known to have been silent: a coordinator that was away for days has not yet read what came in the meantime.
	Heard time.Time

	Out    []Outgoing
	Sealed []Sealed
	Wake   []Subject // of requests sealed in this turn: those that wait for them look again

	requests   map[ID]*touched
	order      []ID
	neighbours map[Subject][]Neighbour
}

// Subject is one pseudonym within a tenant.
type Subject struct {
	Tenant string
	Ref    Ref
}

type touched struct {
	r       *Request
	changed bool // its status is to be published
	trace   string
}

// NewTurn begins a turn at the transaction's instant, with the open requests that share a subject with those of the batch.
func (m *Machine) NewTurn(now, heard time.Time, ns []Neighbour) *Turn {
	t := &Turn{Machine: m, Now: now, Heard: heard, requests: map[ID]*touched{}, neighbours: map[Subject][]Neighbour{}}
	for _, n := range ns {
		t.addNeighbour(n)
	}
	return t
}

func (t *Turn) addNeighbour(n Neighbour) {
	s := Subject{n.Tenant, n.Ref}
	t.neighbours[s] = append(t.neighbours[s], n)
}

// touch registers that an event concerns r; trace is the span of the event.
func (t *Turn) touch(r *Request, trace string) *touched {
	h := t.requests[r.ID]
	if h == nil {
		h = &touched{r: r}
		t.requests[r.ID] = h
		t.order = append(t.order, r.ID)
	}
	if trace != "" {
		h.trace = trace
	} else if h.trace == "" {
		h.trace = r.Trace
	}
	return h
}

func (t *Turn) changed(r *Request) {
	t.requests[r.ID].changed = true
	r.Dirty = true
}

// progressed notes news of which the state has not changed. It goes with the next status, StatusDelay from now at the latest: the
// answers of twenty systems make a few statuses and not twenty, each of which would name all twenty.
func (t *Turn) progressed(r *Request) {
	switch p := &r.Progress; {
	case t.Policy.StatusDelay <= 0:
		t.changed(r)
	case p.TellAt.IsZero():
		p.TellAt = t.Now.Add(t.Policy.StatusDelay)
	}
	r.Dirty = true
}

// Tick derives what is due by time alone. Calling it too often changes nothing.
func (t *Turn) Tick(r *Request) error {
	t.touch(r, "")
	if err := t.advance(r); err != nil {
		return err
	}
	t.schedule(r)
	return nil
}

// advance takes every step that the state allows. Each case returns when it has to wait and goes round when the state moved.
func (t *Turn) advance(r *Request) error {
	for range maxSteps {
		before := r.State
		round := r.Progress.Round
		var err error
		switch r.State {
		case dsr.Held:
			err = t.held(r)
		case dsr.Resolving:
			err = t.resolving(r)
		case dsr.Waiting:
			err = t.waiting(r)
		case dsr.Acting:
			err = t.acting(r)
		case dsr.Settling:
			err = t.settling(r)
		case dsr.Verifying:
			err = t.verifying(r)
		case dsr.Packaging:
			err = t.packaging(r)
		case dsr.Sealed:
			return nil
		default:
			return fmt.Errorf("request is in state %q, which this build does not know", r.State)
		}
		if err != nil {
			return err
		}
		if r.State == before && r.Progress.Round == round {
			return nil
		}
	}
	return errors.New("request does not come to rest")
}

// maxSteps bounds advance: the longest chain is a request whose every limit has passed, looks and re-erasures included.
const maxSteps = 1000

// Finish schedules every touched request's next wake-up and appends one status for each that changed: statuses are
// coalesced within the turn. It returns the requests to save.
func (t *Turn) Finish() []*Request {
	out := make([]*Request, 0, len(t.order))
	for _, id := range t.order {
		h := t.requests[id]
		r := h.r
		if at := r.Progress.TellAt; !at.IsZero() && t.past(at) {
			h.changed = true
		}
		if h.changed {
			r.Progress.TellAt = time.Time{}
		}
		t.schedule(r)
		if h.changed {
			r.Version++
			r.Dirty = true
			s := t.status(r)
			t.Out = append(t.Out, Outgoing{ID: id, Trace: h.trace, MessageID: statusID(r), Status: &s})
		}
		out = append(out, r)
	}
	return out
}

// schedule sets when Tick has to be called next.
func (t *Turn) schedule(r *Request) {
	var at time.Time
	switch r.State {
	case dsr.Settling:
		at = r.Progress.SettleAt
	case dsr.Waiting:
		at = t.Now.Add(t.Policy.GateRecheck)
		if r.Progress.Until.Before(at) {
			at = r.Progress.Until
		}
	case dsr.Sealed:
	default:
		at = r.Progress.Until
		if t.past(at) && t.waits(r) { // for what was published in time and has not been read
			at = t.Now.Add(hearAgain)
		}
	}
	if tell := r.Progress.TellAt; !tell.IsZero() && (at.IsZero() || tell.Before(at)) {
		at = tell
	}
	if !at.Equal(r.WakeAt) {
		r.WakeAt = at
		r.Dirty = true
	}
}

// until ends a wait that starts now: after the limit, but no later than the margin before due_at, and no sooner than the
// shortest wait, so that a request which comes late is still worked.
func (t *Turn) until(r *Request, limit time.Duration) time.Time {
	end := t.Now.Add(limit)
	if margin := r.Frozen.DueAt.Add(-t.Policy.Margin); margin.Before(end) {
		end = margin
	}
	if soonest := t.Now.Add(min(limit, t.Policy.MinWait)); end.Before(soonest) {
		end = soonest
	}
	return end
}

// past reports whether the current wait is over.
func (t *Turn) past(at time.Time) bool { return !t.Now.Before(at) }

// hearAgain is how long a request whose limit has passed waits for acknowledgements that have not been read yet.
const hearAgain = time.Second

// waits reports whether the phase goes on: a system has not answered, and it is not known that it was silent until the limit.
func (t *Turn) waits(r *Request) bool {
	return len(missing(r)) > 0 && (!t.past(r.Progress.Until) || t.Heard.Before(r.Progress.Until))
}

// enter begins a phase.
func (t *Turn) enter(r *Request, s dsr.State, phase dsr.Phase, round int32, expect []string, limit time.Duration) {
	r.State = s
	r.Progress.Phase, r.Progress.Round, r.Progress.Attempt = phase, round, 0
	r.Progress.Expect = expect
	r.Progress.Since = t.Now
	r.Progress.Until = t.until(r, limit)
	t.changed(r)
}

// missing lists the systems expected in the current phase and round that have not given a final answer.
func missing(r *Request) []string {
	var out []string
	for _, s := range r.Progress.Expect {
		if st := r.Step(s, r.Progress.Phase, r.Progress.Round); st == nil || st.State == dsr.Delayed {
			out = append(out, s)
		}
	}
	return out
}

// answered lists the systems expected in the current phase and round that answered with an outcome.
func answered(r *Request) []string {
	var out []string
	for _, s := range r.Progress.Expect {
		if st := r.Step(s, r.Progress.Phase, r.Progress.Round); st != nil && st.State == dsr.AckAnswered {
			out = append(out, s)
		}
	}
	return out
}

// Acknowledgement decodes the step's acknowledgement once.
func (s *Step) Acknowledgement(decode func([]byte) (*dsr.Acknowledgement, error)) (*dsr.Acknowledgement, error) {
	if s.ack == nil {
		a, err := decode(s.Body)
		if err != nil {
			return nil, fmt.Errorf("stored acknowledgement of %s in phase %s round %d: %w", s.System, s.Phase, s.Round, err)
		}
		s.ack = a
	}
	return s.ack, nil
}

// note adds a code that the record will name among its reasons.
func note(r *Request, code string) {
	if !slices.Contains(r.Progress.Notes, code) {
		r.Progress.Notes = append(r.Progress.Notes, code)
	}
}

// Codes of notes; the record turns them into reasons with their next step.
const (
	NoteIdentity     = "identity_not_verified"
	NoteDecision     = "not_approved"
	NoteGateTimeout  = "gate_timeout"
	NoteResidue      = "residue"
	NoteTooMany      = "resolution_too_many"
	NoteTwoPersons   = "resolution_two_persons"
	NoteLateNotSeen  = "late_act_not_looked_at"
	NoteNewData      = "data_of_a_new_sign_up"
	NoteResolveLimit = "resolution_incomplete"
)
