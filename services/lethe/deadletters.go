package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

func newDeadletters(a *app) *cobra.Command {
	dead := &cobra.Command{
		Use: "deadletters", Short: "Look after messages that could not be worked",
		Long: "A dead letter is named by its place on the topic, PARTITION/OFFSET. Its bytes hold identifiers sealed only. What a\n" +
			"person did about it is recorded on the same topic, so that nothing is done twice.",
	}
	var all bool
	list := &cobra.Command{
		Use: "list", Short: "List dead letters that nobody has seen to",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listDeadletters(cmd.Context(), all) },
	}
	list.Flags().BoolVar(&all, "all", false, "also those that were redriven or discarded")
	var reason, cause string
	discard := &cobra.Command{
		Use: "discard PARTITION/OFFSET | discard --cause CAUSE", Short: "Set a dead letter aside for good, with a reason", Args: letterOr(&cause),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return &usageError{cmd.CommandPath(), errors.New("--reason is required: it is recorded")}
			}
			return a.resolveDeadletters(cmd.Context(), args, cause, "discarded", reason)
		},
	}
	discard.Flags().StringVar(&reason, "reason", "", "why nothing is to be done about it; `text` without personal data")
	redrive := &cobra.Command{
		Use: "redrive PARTITION/OFFSET | redrive --cause CAUSE", Short: "Send a dead letter again, as a new attempt", Args: letterOr(&cause),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.resolveDeadletters(cmd.Context(), args, cause, "redriven", "")
		},
	}
	for _, cmd := range []*cobra.Command{discard, redrive} {
		cmd.Flags().StringVar(&cause, "cause", "", "every one that nobody has seen to, of this `cause`")
	}
	dead.AddCommand(
		list,
		&cobra.Command{
			Use: "show PARTITION/OFFSET", Short: "Show a dead letter without its value", Args: letter,
			RunE: func(cmd *cobra.Command, args []string) error { return a.showDeadletter(cmd.Context(), args[0]) },
		},
		redrive,
		discard,
	)
	return dead
}

// Headers of a mark: an empty message that says what became of a dead letter.
const (
	headerResolved = "lethe_resolved" // redriven or discarded
	headerResolves = "lethe_resolves" // PARTITION/OFFSET
	headerReason   = "lethe_reason"
)

// deadletter is one message of the topic with what was done about it.
type deadletter struct {
	kafka.Message
	id       string
	resolved string
	reason   string
}

func (d *deadletter) header(name string) string {
	for _, h := range d.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// readDeadletters reads the whole topic: it is short, or else something is very wrong.
func (r *reading) readDeadletters(ctx context.Context) ([]*deadletter, error) {
	var out []*deadletter
	byID := map[string]*deadletter{}
	type mark struct{ of, what, reason string }
	var marks []mark
	for m, err := range r.tail(ctx, kafka.Position{}, r.prefix+dsr.TopicDeadLetters) {
		if err != nil {
			return nil, err
		}
		d := &deadletter{Message: m, id: fmt.Sprintf("%d/%d", m.Partition, m.Offset)}
		if what := d.header(headerResolved); what != "" {
			marks = append(marks, mark{d.header(headerResolves), what, d.header(headerReason)})
			continue
		}
		byID[d.id] = d
		out = append(out, d)
	}
	for _, k := range marks {
		if d := byID[k.of]; d != nil {
			d.resolved, d.reason = k.what, k.reason
		}
	}
	slices.SortFunc(out, func(x, y *deadletter) int { return x.Time.Compare(y.Time) })
	return out, nil
}

func (a *app) listDeadletters(ctx context.Context, all bool) error {
	r, err := a.reading()
	if err != nil {
		return err
	}
	defer r.client.Close()
	ds, err := r.readDeadletters(ctx)
	if err != nil {
		return err
	}
	if !all {
		ds = slices.DeleteFunc(ds, func(d *deadletter) bool { return d.resolved != "" })
	}
	if a.output == "json" {
		for _, d := range ds {
			if err := a.printJSON(d.asJSON()); err != nil {
				return err
			}
		}
		return nil
	}
	return a.table("ID\tSINCE\tREQUEST\tSYSTEM\tFROM\tCAUSE\tATTEMPT\tSTATE", func(w io.Writer) {
		for _, d := range ds {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.id, stamp(d.Time), orDash(d.requestID()), orDash(d.header("lethe_system")),
				orDash(d.header("lethe_topic")), orDash(d.header("lethe_cause")), orDash(d.header("lethe_attempt")), orDefaultText(d.resolved, "open"))
		}
	})
}

// requestID is the key where it is one: a key of other bytes is not shown.
func (d *deadletter) requestID() string {
	id, err := dsr.ParseRequestID(string(d.Key))
	if err != nil {
		return ""
	}
	return string(id)
}

func (d *deadletter) asJSON() map[string]any {
	return map[string]any{
		"id": d.id, "since": d.Time.UTC(), "request_id": d.requestID(), "service": d.header("lethe_service"), "system": d.header("lethe_system"), "cause": d.header("lethe_cause"),
		"class": d.header("lethe_class"), "attempt": d.header("lethe_attempt"), "topic": d.header("lethe_topic"), "partition": d.header("lethe_partition"),
		"offset": d.header("lethe_offset"), "sha256": d.header("lethe_sha256"), "size_bytes": len(d.Value), "state": orDefaultText(d.resolved, "open"), "reason": d.reason,
	}
}

func (a *app) showDeadletter(ctx context.Context, id string) error {
	r, d, err := a.deadletter(ctx, id)
	if err != nil {
		return err
	}
	defer r.client.Close()
	v := d.asJSON()
	var dispatched *dsr.Dispatch
	if dispatch, err := r.codec.DecodeDispatch(d.Value); err == nil {
		dispatched = &dispatch
		v["dispatch"] = map[string]any{
			"kind": dispatch.Kind, "phase": dispatch.Phase, "round": dispatch.Round, "attempt": dispatch.Attempt, "systems": dispatch.Systems,
			"subject_ref": dispatch.SubjectRef, "dispatched_at": dispatch.DispatchedAt.UTC(), "not_after": orNull(dispatch.NotAfter), "map_sha256": hex.EncodeToString(dispatch.MapHash),
		}
	}
	v["next"] = r.next(d, dispatched, time.Now())
	if a.output == "json" {
		return a.printJSON(v)
	}
	for _, k := range orderedKeys(v) {
		fmt.Fprintf(a.stdout, "%-12s %v\n", k, v[k])
	}
	return nil
}

// letter demands the name of a dead letter.
func letter(cmd *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(1)(cmd, args); err != nil {
		return err
	}
	partition, offset, ok := strings.Cut(args[0], "/")
	_, err := strconv.ParseUint(partition, 10, 31)
	_, also := strconv.ParseUint(offset, 10, 63)
	if !ok || err != nil || also != nil {
		return fmt.Errorf("%q is not PARTITION/OFFSET, such as 0/17: `lethe deadletters list` names them", args[0])
	}
	return nil
}

func (a *app) deadletter(ctx context.Context, id string) (*reading, *deadletter, error) {
	r, err := a.reading()
	if err != nil {
		return nil, nil, err
	}
	ds, err := r.readDeadletters(ctx)
	if err == nil {
		for _, d := range ds {
			if d.id == id {
				return r, d, nil
			}
		}
		err = fmt.Errorf("no dead letter %s", id)
	}
	r.client.Close()
	return nil, nil, err
}

// letterOr demands the name of a dead letter, or a cause in its place.
func letterOr(cause *string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case *cause == "":
			return letter(cmd, args)
		case len(args) > 0:
			return errors.New("either PARTITION/OFFSET or --cause, not both")
		}
		return nil
	}
}

// resolveDeadletters does something about one dead letter, or about every open one of a cause. One that cannot be sent again keeps no
// other from it.
func (a *app) resolveDeadletters(ctx context.Context, ids []string, cause, what, reason string) error {
	if cause == "" {
		r, d, err := a.deadletter(ctx, ids[0])
		if err != nil {
			return err
		}
		defer r.client.Close()
		if d.resolved != "" {
			return fmt.Errorf("dead letter %s was %s before", d.id, d.resolved)
		}
		producer := r.producer()
		defer producer.Close()
		return a.resolve(ctx, r, producer, d, what, reason)
	}
	r, err := a.reading()
	if err != nil {
		return err
	}
	defer r.client.Close()
	ds, err := r.readDeadletters(ctx)
	if err != nil {
		return err
	}
	producer := r.producer()
	defer producer.Close()
	var errs []error
	for _, d := range ds {
		if d.resolved == "" && d.header("lethe_cause") == cause {
			errs = append(errs, a.resolve(ctx, r, producer, d, what, reason))
		}
	}
	return errors.Join(errs...)
}

// resolve does something about a dead letter and then records that it did. Dying between the two leaves it open, and
// to redrive it again changes nothing: its steps are done once.
func (a *app) resolve(ctx context.Context, r *reading, producer *kafka.Producer, d *deadletter, what, reason string) error {
	if what == "redriven" {
		m, err := r.again(d)
		if err != nil {
			return fmt.Errorf("dead letter %s is not redriven: %w", d.id, err)
		}
		if err := producer.Send(ctx, []kafka.Message{m}); err != nil {
			return err
		}
	}
	mark := kafka.Message{Topic: r.prefix + dsr.TopicDeadLetters, Key: d.Key, Value: nil, Headers: []kafka.Header{
		{Key: headerResolved, Value: []byte(what)}, {Key: headerResolves, Value: []byte(d.id)}, {Key: headerReason, Value: []byte(reason)},
	}}
	if err := producer.Send(ctx, []kafka.Message{mark}); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "dead letter %s is %s\n", d.id, what)
	return err
}

func orDefaultText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
