package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/intake"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/internal/telemetry"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// requestFlags is what an upstream system says about a request.
type requestFlags struct {
	id, receivedAt, capacity, corrects, parent, tenant, establishment, channel, source, ground, law string
	requester, identityMethod, decidedBy                                                            string
	emails, phones, ids, systems                                                                    []string
	wait                                                                                            bool
	timeout                                                                                         time.Duration
}

func newRequest(a *app) *cobra.Command {
	request := &cobra.Command{
		Use: "request", Short: "Publish a subject request, as an upstream system would",
		Long: "Publishes a request with its identifiers sealed. With --wait it prints each system's progress as it comes and ends\n" +
			"with 0 complete, 3 partial, 4 incomplete, 5 rejected, 6 nothing found, 7 refused, 8 withdrawn.",
	}
	for kind, short := range map[dsr.Kind]string{
		dsr.Erasure:     "Ask for erasure (GDPR Art. 17)",
		dsr.Portability: "Ask for the data to take along (GDPR Art. 20)",
		dsr.Access:      "Ask for a copy of the data (GDPR Art. 15)",
	} {
		request.AddCommand(newRequestKind(a, kind, short))
	}
	return request
}

func newRequestKind(a *app, kind dsr.Kind, short string) *cobra.Command {
	var f requestFlags
	cmd := &cobra.Command{
		Use: string(kind), Short: short,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 { // and what was given is not repeated: it may be a person's address
				return errors.New("an identifier follows a flag: --email ADDRESS, --phone NUMBER or --id kind=value")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := f.request(kind, time.Now())
			if err != nil {
				return &usageError{cmd.CommandPath(), err}
			}
			return a.request(cmd.Context(), r, f)
		},
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&f.emails, "email", nil, "e-mail `address` of the person; may be repeated")
	fs.StringArrayVar(&f.phones, "phone", nil, "phone `number` of the person; may be repeated")
	fs.StringArrayVar(&f.ids, "id", nil, "another identifier, as `kind=value`; may be repeated")
	fs.StringVar(&f.capacity, "capacity", "", "as what the person is known: a `key` of lethe.subjects in the data map (default: as any)")
	fs.StringVar(&f.receivedAt, "received-at", "", "`instant` at which the controller received the request, RFC 3339 (default: now)")
	fs.StringVar(&f.id, "request-id", "", "a `UUID`, to repeat a request safely (default: a new one)")
	fs.StringVar(&f.corrects, "corrects", "", "`id` of the rejected request that this one replaces")
	fs.StringVar(&f.parent, "parent", "", "`id` of the request that this one belongs to")
	fs.StringVar(&f.ground, "ground", "", "`article` on which the person relies, such as 'GDPR 17(1)(b)'")
	fs.StringVar(&f.law, "ground-law", "", "the `law` behind the ground, where the article alone does not say")
	fs.StringArrayVar(&f.systems, "system", nil, "narrow the request to a `system`; may be repeated")
	fs.StringVar(&f.tenant, "tenant", "", "`tenant`, where a company has several")
	fs.StringVar(&f.establishment, "establishment", "", "`establishment` whose calendar holds (default: the configured one)")
	fs.StringVar(&f.channel, "channel", "", "how the request came: web form, letter …")
	fs.StringVar(&f.source, "source", "lethe/command", "the publishing `system`")
	fs.StringVar(&f.requester, "requester", "data_subject", "`role` of whoever asks: data_subject, parent, agent …")
	fs.StringVar(&f.identityMethod, "identity", "", "`method` by which the person's identity was verified, now")
	fs.StringVar(&f.decidedBy, "granted-by", "", "`role` that granted the request, now")
	fs.BoolVar(&f.wait, "wait", false, "follow the request to its end")
	fs.DurationVar(&f.timeout, "timeout", 0, "give up after this `duration`, publishing included (default: 30s for publishing, and --wait waits for ever)")
	return cmd
}

// request builds the request that the flags describe.
func (f requestFlags) request(kind dsr.Kind, now time.Time) (dsr.SubjectRequest, error) {
	r := dsr.SubjectRequest{
		RequestID: dsr.RequestID(f.id), Tenant: f.tenant, Kind: kind, ReceivedAt: now, Regulation: dsr.GDPR, Establishment: f.establishment,
		Capacity: f.capacity, Channel: f.channel, Source: f.source, Corrects: dsr.RequestID(f.corrects), ParentRequestID: dsr.RequestID(f.parent),
		Requester: &dsr.Requester{Role: f.requester},
	}
	if r.RequestID == "" {
		r.RequestID = dsr.RequestID(uuid.NewString())
	}
	if f.receivedAt != "" {
		at, err := time.Parse(time.RFC3339, f.receivedAt)
		if err != nil {
			return r, errors.New("--received-at is not an RFC 3339 instant such as 2026-11-24T09:00:00+01:00")
		}
		r.ReceivedAt = at
	}
	for _, v := range f.emails {
		r.Identifiers = append(r.Identifiers, dsr.Identifier{Kind: dsr.Email, Value: v})
	}
	for _, v := range f.phones {
		r.Identifiers = append(r.Identifiers, dsr.Identifier{Kind: dsr.Phone, Value: v})
	}
	for _, kv := range f.ids {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return r, errors.New("--id is kind=value")
		}
		r.Identifiers = append(r.Identifiers, dsr.Identifier{Kind: k, Value: v})
	}
	if len(r.Identifiers) == 0 {
		return r, errors.New("say who the person is: --email, --phone or --id kind=value")
	}
	if len(f.systems) > 0 {
		r.Scope = &dsr.Scope{Systems: f.systems}
	}
	if f.ground != "" {
		r.Ground = &dsr.Ground{Article: f.ground, Law: f.law}
	}
	if f.identityMethod != "" {
		r.Identity = &dsr.Identity{Method: f.identityMethod, VerifiedAt: now}
	}
	if f.decidedBy != "" {
		r.Decision = &dsr.Decision{Decision: dsr.Granted, ByRole: f.decidedBy, At: now}
	}
	return r, nil
}

func (a *app) request(ctx context.Context, r dsr.SubjectRequest, f requestFlags) error {
	cfg, log, err := a.load(config.For(config.Publisher))
	if err != nil {
		return err
	}
	flush, err := telemetry.Start(ctx, telemetry.Options{Service: "lethe-request", Version: build().Version, Logger: log})
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
		defer cancel()
		if err := flush(end); err != nil {
			log.WarnContext(end, "telemetry was not flushed", "error", err)
		}
	}()
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	client, err := roles.Client(cfg, log)
	if err != nil {
		return err
	}
	defer client.Close()
	codec, err := event.NewCodecFor(event.Config{WriteVersion: cfg.Kafka.WriteVersions})
	if err != nil {
		return err
	}
	dir, err := sealing.OpenDir(cfg.Keys.Dir)
	if err != nil {
		return err
	}
	key, err := dir.IntakePublic()
	if err != nil {
		return err
	}
	producer := client.Producer(kafka.ProducerConfig{GiveUpAfter: a.patience})
	defer producer.Close()
	since := time.Now().Add(-time.Minute) // the broker's clock may differ from this one
	if err := intake.New(producer, codec, key, intake.Config{TopicPrefix: cfg.Kafka.TopicPrefix, Source: f.source}).Publish(ctx, r); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("kafka at %s did not acknowledge the request in time, and it may have been written all the same; to repeat it with --request-id %s is safe: %w",
				strings.Join(cfg.Kafka.Brokers, ", "), r.RequestID, err)
		}
		return err
	}
	if a.output == "json" {
		if err := a.printJSON(map[string]any{"request_id": r.RequestID, "kind": r.Kind, "state": "published"}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stdout, "%s  published  %s of one person\n", r.RequestID, r.Kind)
	}
	if !f.wait {
		return nil
	}
	return a.wait(ctx, client, codec, cfg.Kafka.TopicPrefix, r.RequestID, since, f.timeout)
}

// wait follows a request to its end and exits with the code of its result.
func (a *app) wait(ctx context.Context, client *kafka.Client, codec *event.Codec, prefix string, id dsr.RequestID, since time.Time, timeout time.Duration) error {
	p := progress{a: a, systems: map[string]string{}}
	code := -1
	err := intake.Follow(ctx, client, codec, prefix, since, []dsr.RequestID{id}, func(u intake.Update) bool {
		switch {
		case u.Rejection != nil:
			p.rejection(u.Rejection)
			code = dsr.ExitRejected
		default:
			p.status(u.Status)
			if u.Status.State == dsr.Sealed {
				code = u.Status.Result.ExitCode()
			}
		}
		return code < 0
	})
	switch {
	case code == 0:
		return nil
	case code > 0:
		return &statusError{code}
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("request %s has no record after %s; `lethe status %s` goes on showing it", id, timeout, id)
	}
	return err
}

// progress prints what changed since the last status.
type progress struct {
	a       *app
	state   dsr.State
	systems map[string]string
}

func (p *progress) status(s *dsr.Status) {
	if p.a.output == "json" {
		_ = p.a.printJSON(statusJSON(s)) // a closed standard output ends the command soon enough
		return
	}
	at := s.UpdatedAt.Local().Format(time.TimeOnly + " MST")
	answers := func(current bool) {
		for _, sys := range s.Systems {
			now := systemWords(sys)
			if (sys.Phase == phaseOf[s.State]) != current || p.systems[sys.Name] == now || sys.State == "expected" {
				continue
			}
			p.systems[sys.Name] = now
			fmt.Fprintf(p.a.stdout, "%s    %-16s %s\n", at, sys.Name, now)
		}
	}
	answers(false) // a status can say the last answers of a phase and what came of them
	if s.State != p.state {
		p.state = s.State
		late := ""
		if overdue(s, time.Now()) {
			late = "; OVERDUE since " + stamp(s.DueAt)
		}
		fmt.Fprintf(p.a.stdout, "%s  %s%s%s\n", at, stateWords(s), waitsFor(s), late)
	}
	answers(true)
	if s.State == dsr.Sealed {
		fmt.Fprintf(p.a.stdout, "%s  record %s number %d; answer %s\n", at, s.RecordID, s.Number, due(s.DueAt, time.Now()))
	}
}

// phaseOf is the phase in which systems answer while a request is in a state.
var phaseOf = map[dsr.State]dsr.Phase{dsr.Resolving: dsr.Resolve, dsr.Acting: dsr.Act, dsr.Verifying: dsr.Verify, dsr.Packaging: dsr.Package}

func (p *progress) rejection(r *dsr.Rejection) {
	if p.a.output == "json" {
		_ = p.a.printJSON(rejectionJSON(r))
		return
	}
	fmt.Fprintf(p.a.stdout, "rejected (%s): %s\nthe person is still owed an answer, %s: publish a corrected request with --corrects %s\n",
		r.Reason, r.Message, due(r.DueAt, time.Now()), r.RequestID)
}

// due says until when somebody must have been told, and whether that is over.
func due(at, now time.Time) string {
	words := "due " + at.Local().Format("Mon 2 Jan 2006 15:04 MST")
	if now.After(at) {
		words += ", which is over"
	}
	return words
}

func waitsFor(s *dsr.Status) string {
	if s.WaitsFor == "" {
		return ""
	}
	return " for request " + string(s.WaitsFor) + " of the same person"
}

func stateWords(s *dsr.Status) string {
	if s.State == dsr.Sealed {
		return strings.ToUpper(strings.ReplaceAll(string(s.Result), "_", " "))
	}
	words := map[dsr.State]string{
		dsr.Held: "kept back: " + strings.Join(s.Reasons, ", "), dsr.Resolving: "asking the systems who the person is", dsr.Waiting: "waiting",
		dsr.Acting: "systems are at work", dsr.Settling: "every system has answered; waiting to look again", dsr.Verifying: "looking again",
		dsr.Packaging: "assembling the package", dsr.Reopened: "open again: a late answer came",
	}
	if w, ok := words[s.State]; ok {
		return w
	}
	return string(s.State)
}

func systemWords(s dsr.SystemStatus) string {
	w := strings.ReplaceAll(string(s.Outcome), "_", " ")
	switch {
	case s.Phase == dsr.Verify && s.State == string(dsr.AckAnswered):
		return "looked again" + again(s.Round)
	case s.Phase == dsr.Resolve && s.State == string(dsr.AckAnswered):
		return "knows who the person is: " + w
	case w == "":
		return s.State
	}
	return w + again(s.Round)
}

func again(round int32) string {
	if round > 1 {
		return fmt.Sprintf(" (round %d)", round)
	}
	return ""
}

// orderedKeys is for output that does not change from run to run.
func orderedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
