package main

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// asked is a request that the harness makes, and what it knows of it that nobody tells Lethe.
type asked struct {
	dsr.SubjectRequest
	who    person
	nobody bool     // the person is in no system
	silent bool     // in its time a system was silent past the limit
	late   []string // systems into which the application writes of the person again, between the erasure and the look
}

// portion is what is published at one step.
type portion struct {
	requests  []*asked
	repeats   []*asked // published before: the same once more
	conflicts []*asked // published before: the same id, and another kind
	malformed []malformed
}

// workload draws requests from a seed. Whom they are of and what they ask does not depend on when they are drawn.
type workload struct {
	company *company
	rng     *rand.Rand

	customers, staff int // of whom something was asked
	asked            map[dsr.RequestID]*asked
	order            []*asked
	later            map[int]*portion // by step
	bad              int
}

func newWorkload(seed uint64, c *company) *workload {
	return &workload{company: c, rng: rand.New(rand.NewPCG(seed, 0x776f726b)), asked: map[dsr.RequestID]*asked{}, later: map[int]*portion{}}
}

// next draws what is published at a step, about n requests.
func (w *workload) next(ctx context.Context, step, n int) (*portion, error) {
	out := w.at(step)
	delete(w.later, step)
	for len(out.requests) < n {
		if err := w.draw(ctx, out, step); err != nil {
			return nil, err
		}
	}
	if w.rng.IntN(3) == 0 {
		w.bad++
		out.malformed = append(out.malformed, w.spoilt())
	}
	for _, a := range out.requests {
		w.asked[a.RequestID] = a
		w.order = append(w.order, a)
		switch r := w.rng.IntN(100); {
		case r < 6:
			at := w.at(step + 1 + w.rng.IntN(5))
			at.repeats = append(at.repeats, a)
		case r < 10:
			at := w.at(step + 2 + w.rng.IntN(5))
			at.conflicts = append(at.conflicts, a)
		}
	}
	return out, nil
}

func (w *workload) at(step int) *portion {
	p := w.later[step]
	if p == nil {
		p = &portion{}
		w.later[step] = p
	}
	return p
}

// note remembers requests that were not drawn by next.
func (w *workload) note(p *portion) {
	for _, a := range p.requests {
		w.asked[a.RequestID] = a
		w.order = append(w.order, a)
	}
}

// draw adds the requests of one person more.
func (w *workload) draw(ctx context.Context, out *portion, step int) error {
	r := w.rng.IntN(100)
	if r < 6 {
		out.requests = append(out.requests, w.ofNobody())
		return nil
	}
	if r < 12 {
		p, err := w.employee(ctx)
		if err != nil {
			return err
		}
		kind := dsr.Erasure
		if w.rng.IntN(3) == 0 {
			kind = dsr.Access
		}
		out.requests = append(out.requests, w.request(kind, p))
		return nil
	}
	p, err := w.customer(ctx)
	if err != nil {
		return err
	}
	switch {
	case r < 18: // twice the same, under different ids
		out.requests = append(out.requests, w.request(dsr.Erasure, p))
		second := out
		if w.rng.IntN(2) == 0 {
			second = w.at(step + 1)
		}
		second.requests = append(second.requests, w.request(dsr.Erasure, p))
	case r < 25: // an export and an erasure of one person: they wait for each other
		out.requests = append(out.requests, w.request(dsr.Access, p), w.request(dsr.Erasure, p))
	case r < 40:
		out.requests = append(out.requests, w.request(dsr.Access, p))
	case r < 48:
		out.requests = append(out.requests, w.request(dsr.Portability, p))
	default:
		a := w.request(dsr.Erasure, p)
		if w.rng.IntN(4) == 0 {
			systems := []string{"shop", "desk", "chats"}
			w.rng.Shuffle(len(systems), func(i, j int) { systems[i], systems[j] = systems[j], systems[i] })
			a.late = systems[:1+w.rng.IntN(3)]
		}
		out.requests = append(out.requests, a)
	}
	return nil
}

func (w *workload) customer(ctx context.Context) (person, error) {
	w.customers++
	for w.customers > w.company.founded*crowd*9/10 { // and some of whom nothing is ever asked
		if err := w.company.found(ctx); err != nil {
			return person{}, err
		}
	}
	// Every tenth is a bystander.
	return customer(w.company.seed, w.customers-1+(w.customers-1)/9), nil
}

func (w *workload) employee(ctx context.Context) (person, error) {
	w.staff++
	for w.staff > w.company.founded*staffPerCrowd*2/3 {
		if err := w.company.found(ctx); err != nil {
			return person{}, err
		}
	}
	return employee(w.staff - 1 + (w.staff-1)/2), nil
}

// request is a request as the web shop makes it, of somebody whose identity it has verified.
func (w *workload) request(kind dsr.Kind, p person) *asked {
	now := time.Now().UTC().Truncate(time.Microsecond)
	a := &asked{who: p, SubjectRequest: dsr.SubjectRequest{
		RequestID: w.id(), Kind: kind, ReceivedAt: now, Capacity: "customer", Channel: "web form", Requester: &dsr.Requester{Role: "data_subject"},
		Identity: &dsr.Identity{Method: "login", VerifiedAt: now}, Decision: &dsr.Decision{Decision: dsr.Granted, ByRole: "privacy desk", At: now},
	}}
	if p.staff {
		a.Capacity = "employee"
	}
	if kind == dsr.Erasure {
		a.Ground = &dsr.Ground{Article: "GDPR 17(1)(b)", Note: "consent withdrawn"}
	}
	switch w.rng.IntN(3) {
	case 0:
		a.Identifiers = []dsr.Identifier{p.byMail()}
	case 1:
		a.Identifiers = []dsr.Identifier{p.byNumber()}
	default:
		a.Identifiers = []dsr.Identifier{p.byNumber(), p.byMail()}
	}
	return a
}

func (w *workload) ofNobody() *asked {
	p := customer(w.company.seed, 900_000+w.rng.IntN(99_000))
	a := w.request([]dsr.Kind{dsr.Erasure, dsr.Access, dsr.Portability}[w.rng.IntN(3)], p)
	a.nobody = true
	return a
}

// id is a UUID of the seed.
func (w *workload) id() dsr.RequestID {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], w.rng.Uint64())
	binary.BigEndian.PutUint64(b[8:], w.rng.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return dsr.RequestID(uuid.UUID(b).String())
}

// same are the requests of a person, by number.
func (w *workload) same() map[int][]*asked {
	out := map[int][]*asked{}
	for _, a := range w.order {
		out[a.who.id] = append(out[a.who.id], a)
	}
	return out
}
