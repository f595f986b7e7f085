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
	"github.com/lethe-dsr/lethe/pkg/event"
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
	var reason string
	discard := &cobra.Command{
		Use: "discard PARTITION/OFFSET", Short: "Set a dead letter aside for good, with a reason", Args: letter,
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return &usageError{cmd.CommandPath(), errors.New("--reason is required: it is recorded")}
			}
			return a.resolveDeadletter(cmd.Context(), args[0], "discarded", reason)
		},
	}
	discard.Flags().StringVar(&reason, "reason", "", "why nothing is to be done about it; `text` without personal data")
	dead.AddCommand(
		list,
		&cobra.Command{
			Use: "show PARTITION/OFFSET", Short: "Show a dead letter without its value", Args: letter,
			RunE: func(cmd *cobra.Command, args []string) error { return a.showDeadletter(cmd.Context(), args[0]) },
		},
		&cobra.Command{
			Use: "redrive PARTITION/OFFSET", Short: "Send a dead letter again, as a new attempt", Args: letter,
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.resolveDeadletter(cmd.Context(), args[0], "redriven", "")
			},
		},
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

// resolveDeadletter does something about a dead letter and then records that it did. Dying between the two leaves it open, and
// to redrive it again changes nothing: its steps are done once.
func (a *app) resolveDeadletter(ctx context.Context, id, what, reason string) error {
	r, d, err := a.deadletter(ctx, id)
	if err != nil {
		return err
	}
	defer r.client.Close()
	if d.resolved != "" {
		return fmt.Errorf("dead letter %s was %s before", id, d.resolved)
	}
	producer := r.producer()
	defer producer.Close()
	if what == "redriven" {
		m, err := r.again(d)
		if err != nil {
			return fmt.Errorf("dead letter %s is not redriven: %w", id, err)
		}
		if err := producer.Send(ctx, []kafka.Message{m}); err != nil {
			return err
		}
	}
	mark := kafka.Message{Topic: r.prefix + dsr.TopicDeadLetters, Key: d.Key, Value: nil, Headers: []kafka.Header{
		{Key: headerResolved, Value: []byte(what)}, {Key: headerResolves, Value: []byte(id)}, {Key: headerReason, Value: []byte(reason)},
	}}
	if err := producer.Send(ctx, []kafka.Message{mark}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "dead letter %s is %s\n", id, what)
	return err
}

// again is the message to send: a dispatch as a new attempt, for the one system that failed it; anything else as it came. What
// cannot be read is refused: every reader would park it once more.
func (r *reading) again(d *deadletter) (kafka.Message, error) {
	m := kafka.Message{Topic: d.header("lethe_topic"), Key: d.Key, Value: d.Value}
	if err := r.readable(d); err != nil {
		return m, err
	}
	for _, h := range d.Headers {
		if !strings.HasPrefix(h.Key, "lethe_") {
			m.Headers = append(m.Headers, h)
		}
	}
	system := d.header("lethe_system")
	if system == "" {
		return m, nil
	}
	dispatch, err := r.codec.DecodeDispatch(d.Value)
	if err != nil {
		return m, err
	}
	dispatch.Attempt = d.attempt(dispatch) + 1
	dispatch.Systems = []string{system}
	m.Value, err = r.codec.EncodeDispatch(dispatch)
	return m, err
}

// attempt is the one that failed.
func (d *deadletter) attempt(dispatch dsr.Dispatch) int32 {
	failed, err := strconv.ParseInt(d.header("lethe_attempt"), 10, 32)
	if err != nil {
		return dispatch.Attempt
	}
	return max(int32(failed), dispatch.Attempt)
}

// readable says why a dead letter would only become another one.
func (r *reading) readable(d *deadletter) error {
	topic := d.header("lethe_topic")
	if topic == "" {
		return errors.New("it does not say where it came from")
	}
	if len(d.Value) == 0 {
		return fmt.Errorf("it holds no bytes, since it was too large for this topic; the message stands at %s/%s@%s", topic, d.header("lethe_partition"), d.header("lethe_offset"))
	}
	var err error
	switch strings.TrimPrefix(topic, r.prefix) {
	case dsr.TopicAcknowledgement:
		_, err = r.codec.DecodeAcknowledgement(d.Value)
	case dsr.TopicStatus:
		_, err = r.codec.DecodeStatus(d.Value)
	case dsr.TopicCompletions:
		_, err = r.codec.DecodeCompletion(d.Value)
	case dsr.TopicRejected:
		_, err = r.codec.DecodeRejection(d.Value)
	default:
		_, err = r.codec.DecodeDispatch(d.Value)
	}
	if unknown := (*event.UnknownSchemaError)(nil); errors.As(err, &unknown) {
		return fmt.Errorf("a newer build wrote it, and only that one can send it again: %w", err)
	}
	if err != nil {
		return fmt.Errorf("its bytes cannot be read, and whoever read them again would park them again: %w", err)
	}
	return nil
}

// next says what a person can do.
func (r *reading) next(d *deadletter, dispatch *dsr.Dispatch, now time.Time) string {
	discard := fmt.Sprintf("`lethe deadletters discard %s --reason TEXT`", d.id)
	if d.resolved != "" {
		return "nothing: it was " + d.resolved
	}
	if err := r.readable(d); err != nil {
		return fmt.Sprintf("it cannot be sent again: %v. Find out who wrote it, have what is missing published anew, then %s", err, discard)
	}
	redrive := fmt.Sprintf("`lethe deadletters redrive %s`", d.id)
	switch {
	case dispatch != nil && !dispatch.NotAfter.IsZero() && now.After(dispatch.NotAfter):
		return fmt.Sprintf("its time is over (not_after), and a redrive would be answered `expired`: publish the request anew with its first --received-at, then %s", discard)
	case dispatch != nil && d.header("lethe_system") != "":
		return fmt.Sprintf("repair what failed in %s, then %s: it reaches that system alone, as attempt %d. Or do it by hand and %s",
			d.header("lethe_system"), redrive, d.attempt(*dispatch)+1, discard)
	}
	return fmt.Sprintf("repair what caused it, then %s. Or, where nothing is to be done, %s", redrive, discard)
}

func orDefaultText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
