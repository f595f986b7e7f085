package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/intake"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// stage is what the scenes play on: the running services, and everything that they have published so far.
type stage struct {
	*news

	p     *roles.Process
	pub   *intake.Publisher
	roles map[string]*running
}

// running is a role that was started and can be stopped by itself.
type running struct {
	stop context.CancelFunc
	done chan error
}

func newStage(p *roles.Process) (*stage, error) {
	pub, err := p.Publisher("web-shop")
	if err != nil {
		return nil, err
	}
	return &stage{news: newNews(p.Config.Kafka.TopicPrefix, p.Codec), p: p, pub: pub, roles: map[string]*running{}}, nil
}

// start runs a role as its own service would, so that it can be stopped and started again.
func (s *stage) start(ctx context.Context, name string, run func(context.Context) error) {
	ctx, stop := context.WithCancel(ctx)
	r := &running{stop: stop, done: make(chan error, 1)}
	go func() { r.done <- run(ctx) }()
	s.roles[name] = r
}

// allow starts the coordinator again with another limit for the answers of systems. What it knows is in its database.
func (s *stage) allow(ctx context.Context, limit time.Duration) error {
	if err := s.stop("coordinator"); err != nil {
		return err
	}
	p := *s.p
	p.Config.Limits.Silence = limit
	s.start(ctx, "coordinator", p.Coordinator)
	return nil
}

// stop ends a role and waits for it.
func (s *stage) stop(name string) error {
	r := s.roles[name]
	delete(s.roles, name)
	r.stop()
	if err := <-r.done; err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (s *stage) stopAll() error {
	var errs []error
	for name := range s.roles {
		errs = append(errs, s.stop(name))
	}
	return errors.Join(errs...)
}

// failed returns the error of a role that ended by itself.
func (s *stage) failed() error {
	for name, r := range s.roles {
		select {
		case err := <-r.done:
			r.done <- err
			if err == nil {
				err = errors.New("it ended by itself")
			}
			return fmt.Errorf("%s: %w", name, err)
		default:
		}
	}
	return nil
}

// watch reads statuses, rejections and completion records as they come.
func (s *stage) watch(ctx context.Context) error {
	for m, err := range s.p.Kafka.Tail(ctx, kafka.TailConfig{Topics: s.topics(), Follow: true}) {
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = s.add(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// until waits for the news to make the condition true.
func (s *stage) until(ctx context.Context, what string, within time.Duration, condition func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		more := s.next() // before the condition is asked: what comes in between counts as more
		if condition() {
			return nil
		}
		if err := s.failed(); err != nil {
			return err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("%s did not come about within %s", what, within)
		}
	}
}

// ask publishes requests as the web shop does.
func (s *stage) ask(ctx context.Context, rs ...*request) error {
	out := make([]dsr.SubjectRequest, len(rs))
	for i, r := range rs {
		r.id = dsr.RequestID(uuid.NewString())
		now := time.Now()
		out[i] = dsr.SubjectRequest{
			RequestID: r.id, Kind: r.kind, ReceivedAt: now, Channel: "web form", Identifiers: r.by, Capacity: "customer",
			Requester: &dsr.Requester{Role: "data_subject"}, Identity: &dsr.Identity{Method: "login", VerifiedAt: now},
			Decision: &dsr.Decision{Decision: dsr.Granted, ByRole: "privacy desk", At: now},
		}
		if r.kind == dsr.Erasure {
			out[i].Ground = &dsr.Ground{Article: "GDPR 17(1)(b)", Note: "consent withdrawn"}
		}
	}
	return s.pub.Publish(ctx, out...)
}
