package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// request is one request of the play, with what must come of it.
type request struct {
	id     dsr.RequestID
	kind   dsr.Kind
	who    Person
	by     []dsr.Identifier
	what   string // for the screen
	want   dsr.Result
	number int32 // of the record in which it ends: 1 where an addendum follows
	crowd  bool  // not told by itself
}

// production is the play with its cast.
type production struct {
	c    *Company
	s    *stage
	show *screen

	before   []row
	used     map[int]bool
	requests []*request
	rejected dsr.RequestID
}

func newPlay(c *Company, s *stage, show *screen) *production {
	return &production{c: c, s: s, show: show, used: map[int]bool{}}
}

const (
	soon  = 90 * time.Second // on a busy machine; a quiet one needs a second or two
	crowd = 40

	patient   = time.Minute // the limit for an answer, while every system answers
	impatient = 4 * time.Second
)

func (p *production) scenes(ctx context.Context) (err error) {
	if p.before, err = p.c.read(ctx); err != nil {
		return err
	}
	for _, scene := range []func(context.Context) error{p.morning, p.systemAway, p.responderAway} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

// cast takes a person who was not asked for before.
func (p *production) cast(fits func(Person) bool) Person {
	for _, who := range p.c.People {
		if !p.used[who.ID] && fits(who) {
			p.used[who.ID] = true
			return who
		}
	}
	panic("the company has too few people for the play")
}

func buyer(who Person) bool   { return who.Orders > 0 && who.Conversations > 0 }
func visitor(who Person) bool { return who.Orders == 0 && who.Conversations > 0 }
func anyone(Person) bool      { return true }

func byMail(who Person) []dsr.Identifier {
	return []dsr.Identifier{{Kind: dsr.Email, Value: who.Email}}
}

func byNumber(who Person) []dsr.Identifier {
	return []dsr.Identifier{{Kind: "customer_id", Value: strconv.Itoa(who.ID)}}
}

func (p *production) add(r *request) *request {
	p.requests = append(p.requests, r)
	return r
}

// erasureResult is what an erasure must come to: invoices are kept by law.
func erasureResult(who Person) dsr.Result {
	if who.Orders > 0 {
		return dsr.Partial
	}
	return dsr.Complete
}

// morning: requests of every kind, most of them ordinary.
func (p *production) morning(ctx context.Context) error {
	p.show.scene("A morning at the bookshop", "%d requests come in: one person was never here, one form is broken, one erasure has to wait.", crowd+9)
	var all []*request
	for range crowd {
		who := p.cast(anyone)
		all = append(all, p.add(&request{kind: dsr.Erasure, who: who, by: byMail(who), want: erasureResult(who), crowd: true}))
	}
	access, carry := p.cast(buyer), p.cast(buyer)
	both, plain, keeps, returns := p.cast(buyer), p.cast(visitor), p.cast(buyer), p.cast(visitor)
	first := p.add(&request{kind: dsr.Access, who: both, by: byMail(both), what: "wants to see it first …", want: dsr.Complete})
	all = append(all,
		p.add(&request{kind: dsr.Access, who: access, by: byMail(access), what: "wants to see it all", want: dsr.Complete}),
		p.add(&request{kind: dsr.Portability, who: carry, by: byMail(carry), what: "takes the data along", want: dsr.Complete}),
		first,
		p.add(&request{kind: dsr.Erasure, who: plain, by: byMail(plain), what: "never bought anything", want: dsr.Complete}),
		p.add(&request{kind: dsr.Erasure, who: keeps, by: byMail(keeps), what: "has invoices, kept by law", want: dsr.Partial}),
		p.add(&request{kind: dsr.Erasure, by: []dsr.Identifier{{Kind: dsr.Email, Value: "nobody@post.example"}}, what: "nobody knows this person", want: dsr.NothingFound}),
	)
	if err := p.s.ask(ctx, all...); err != nil {
		return err
	}
	// Partitions are read side by side: only what was admitted is earlier than what comes now.
	if err := p.s.until(ctx, "the admission of the access", soon, func() bool { return p.s.admitted(first.id) }); err != nil {
		return err
	}
	late := p.add(&request{kind: dsr.Erasure, who: returns, by: byNumber(returns), what: "a chat is written after the erasure", want: dsr.Complete})
	waits := p.add(&request{kind: dsr.Erasure, who: both, by: byNumber(both), what: "… then wants it gone: waits for the access", want: dsr.Partial})
	if err := p.s.ask(ctx, late, waits); err != nil {
		return err
	}
	all = append(all, late, waits)
	if err := p.brokenForm(ctx); err != nil {
		return err
	}
	if err := p.s.until(ctx, "the erasure before a late chat", soon, func() bool { return p.s.passed(late.id, dsr.Settling) }); err != nil {
		return err
	}
	if err := p.c.converse(returns, 7); err != nil { // the application goes on writing
		return err
	}
	if err := p.ended(ctx, all...); err != nil {
		return err
	}
	if !p.s.passed(waits.id, dsr.Waiting) {
		return errors.New("the erasure did not wait for the access of the same person")
	}
	p.show.requests(p.s, all)
	p.show.say("a form without an identifier was REJECTED: its sender sees why, and the person is still owed an answer")
	return nil
}

// brokenForm publishes a request that names nobody: past the publisher, which would refuse it.
func (p *production) brokenForm(ctx context.Context) error {
	p.rejected = dsr.RequestID(uuid.NewString())
	value, err := p.s.p.Codec.EncodeSubjectRequest(dsr.SubjectRequest{RequestID: p.rejected, Kind: dsr.Erasure, ReceivedAt: time.Now(), Channel: "web form", Source: "web-shop"})
	if err != nil {
		return err
	}
	m := kafka.Message{Topic: p.s.p.Config.Kafka.TopicPrefix + dsr.TopicRequests, Key: []byte(p.rejected), Value: value}
	event.Inject(ctx, event.Meta{ID: string(p.rejected), Type: event.TypeSubjectRequest, Source: "web-shop"}, kafka.HeaderCarrier{Headers: &m.Headers})
	if err := p.s.p.Producer.Send(ctx, []kafka.Message{m}); err != nil {
		return err
	}
	return p.s.until(ctx, "the rejection of the broken form", soon, func() bool { return p.s.rejection(p.rejected) != nil })
}

// systemAway: the disk with the conversations is gone for a while. Nothing fails; the request waits and is then done.
func (p *production) systemAway(ctx context.Context) error {
	p.show.scene("A disk goes away", "The support conversations cannot be reached while somebody asks for erasure.")
	dir := p.c.conversationsDir()
	if err := os.Rename(dir, dir+".unplugged"); err != nil {
		return err
	}
	who := p.cast(visitor)
	r := p.add(&request{kind: dsr.Erasure, who: who, by: byNumber(who), what: "waited for the disk, then was done", want: dsr.Complete})
	if err := p.s.ask(ctx, r); err != nil {
		return err
	}
	err := p.s.until(ctx, "the other systems' answers", soon, func() bool { return p.s.answered(r.id, "shop") && p.s.answered(r.id, "embeddings") })
	if err == nil && p.s.answered(r.id, "conversations") {
		err = errors.New("a system that was away has answered")
	}
	if err := errors.Join(err, os.Rename(dir+".unplugged", dir)); err != nil {
		return err
	}
	p.show.say("shop and embeddings have answered; the conversations are plugged in again")
	if err := p.ended(ctx, r); err != nil {
		return err
	}
	p.show.requests(p.s, []*request{r})
	return nil
}

// responderAway: nobody runs the responder of the embeddings. The record names it and says incomplete; when it runs again an
// addendum says complete.
func (p *production) responderAway(ctx context.Context) error {
	p.show.scene("A service is not running", "Nobody started the responder of the embeddings. The limit for an answer is now %.0f seconds, in earnest 7 days.", impatient.Seconds())
	if err := errors.Join(p.s.stop("embeddings"), p.s.allow(ctx, impatient)); err != nil {
		return err
	}
	who := p.cast(visitor)
	r := p.add(&request{kind: dsr.Erasure, who: who, by: byNumber(who), what: "the late answer became an addendum", want: dsr.Complete, number: 1})
	if err := p.s.ask(ctx, r); err != nil {
		return err
	}
	if err := p.s.until(ctx, "the first record", soon, func() bool { return p.s.sealed(r.id, 0) }); err != nil {
		return err
	}
	first := p.s.chain(r.id)[0]
	if first.Result != dsr.Incomplete {
		return fmt.Errorf("a request that a system never answered is %s", first.Result)
	}
	p.show.say("sealed INCOMPLETE after the limit, naming embeddings; now the responder is started")
	if err := p.s.allow(ctx, patient); err != nil {
		return err
	}
	p.s.start(ctx, "embeddings", responder(p.s.p, "embeddings"))
	if err := p.ended(ctx, r); err != nil {
		return err
	}
	p.show.requests(p.s, []*request{r})
	return nil
}

// ended waits for the records of the requests and checks that each says what it must.
func (p *production) ended(ctx context.Context, rs ...*request) error {
	for _, r := range rs {
		if err := p.s.until(ctx, "the record of an "+string(r.kind), soon, func() bool { return p.s.sealed(r.id, r.number) }); err != nil {
			return err
		}
		chain := p.s.chain(r.id)
		if got := chain[len(chain)-1].Result; got != r.want {
			return fmt.Errorf("the %s %s is %s, and should be %s", r.kind, r.id, got, r.want)
		}
	}
	return nil
}
