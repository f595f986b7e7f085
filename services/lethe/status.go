package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

func newStatus(a *app) *cobra.Command {
	var open bool
	cmd := &cobra.Command{
		Use: "status [REQUEST-ID]", Short: "Show requests and how far they are", Args: cobra.MaximumNArgs(1),
		Long: "Reads the status topic, never a database: what anybody with access to the topics can see. Rejected messages are\n" +
			"listed as well, for as long as their topic keeps them: the person behind each is still owed an answer, until a request\n" +
			"that corrects it has its record.",
		RunE: func(cmd *cobra.Command, args []string) error {
			var want dsr.RequestID
			if len(args) == 1 {
				id, err := dsr.ParseRequestID(args[0])
				if err != nil {
					return &usageError{cmd.CommandPath(), err}
				}
				want = id
			}
			return a.status(cmd, want, open)
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, "only requests without a record, and rejections that none corrects")
	return cmd
}

// reading is a client for tools that only read topics.
type reading struct {
	client   *kafka.Client
	codec    *event.Codec
	cfg      config.Config
	prefix   string
	patience time.Duration
}

func (a *app) reading() (*reading, error) {
	cfg, log, err := a.load(config.For(config.Client))
	if err != nil {
		return nil, err
	}
	codec, err := event.NewCodec()
	if err != nil {
		return nil, err
	}
	client, err := roles.Client(cfg, log)
	return &reading{client, codec, cfg, cfg.Kafka.TopicPrefix, a.patience}, err
}

func (a *app) status(cmd *cobra.Command, want dsr.RequestID, open bool) error {
	r, err := a.reading()
	if err != nil {
		return err
	}
	defer r.client.Close()
	statuses := map[dsr.RequestID]*dsr.Status{}
	var rejections []*dsr.Rejection
	for m, err := range r.tail(cmd.Context(), kafka.Position{}, r.prefix+dsr.TopicStatus, r.prefix+dsr.TopicRejected) {
		if err != nil {
			return err
		}
		if len(m.Value) == 0 {
			continue
		}
		if m.Topic == r.prefix+dsr.TopicRejected {
			j, err := r.codec.DecodeRejection(m.Value)
			if err != nil {
				return event.At(m.Topic, m.Partition, m.Offset, err)
			}
			if want == "" || j.RequestID == want {
				rejections = append(rejections, &j)
			}
			continue
		}
		s, err := r.codec.DecodeStatus(m.Value)
		if err != nil {
			return event.At(m.Topic, m.Partition, m.Offset, err)
		}
		if want != "" && s.RequestID != want {
			continue
		}
		if old := statuses[s.RequestID]; old == nil || s.Version > old.Version {
			statuses[s.RequestID] = &s
		}
	}
	list := make([]*dsr.Status, 0, len(statuses))
	for _, s := range statuses {
		if !open || s.State != dsr.Sealed {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(x, y *dsr.Status) int { return x.AdmittedAt.Compare(y.AdmittedAt) })
	owed, err := r.corrections(cmd.Context(), rejections)
	if err != nil {
		return err
	}
	if open {
		owed = slices.DeleteFunc(owed, func(j rejected) bool { return j.by != "" })
	}
	if want != "" && len(list)+len(owed) == 0 {
		return errors.New("no request of this id on the status topic")
	}
	if a.output == "json" {
		return a.statusesAsJSON(list, owed)
	}
	if want != "" {
		return a.statusInFull(list, owed)
	}
	return a.statusTable(list, owed)
}

// rejected is a rejection and the request that corrects it, once that one has its record.
type rejected struct {
	*dsr.Rejection
	by dsr.RequestID
}

// corrections finds which rejections are closed: the record of a request names the one that it corrects.
func (r *reading) corrections(ctx context.Context, rejections []*dsr.Rejection) ([]rejected, error) {
	out := make([]rejected, len(rejections))
	var first time.Time
	for i, j := range rejections {
		out[i].Rejection = j
		if j.RequestID != "" && (first.IsZero() || j.RejectedAt.Before(first)) {
			first = j.RejectedAt
		}
	}
	if first.IsZero() {
		return out, nil
	}
	for m, err := range r.tail(ctx, kafka.At(first.Add(-time.Minute)), r.prefix+dsr.TopicCompletions) { // the clocks of brokers differ
		if err != nil {
			return nil, err
		}
		c, err := r.codec.DecodeCompletion(m.Value)
		if err != nil {
			return nil, event.At(m.Topic, m.Partition, m.Offset, err)
		}
		corrects := correctedBy(c.Envelope)
		for i := range out {
			if corrects != "" && out[i].RequestID == corrects && out[i].Tenant == c.Tenant {
				out[i].by = c.RequestID
			}
		}
	}
	return out, nil
}

// correctedBy reads, without checking it, which rejected request the request of a record corrects.
func correctedBy(envelope []byte) dsr.RequestID {
	var e struct{ Payload []byte }
	var r struct {
		Request struct{ Corrects dsr.RequestID }
	}
	if json.Unmarshal(envelope, &e) != nil || json.Unmarshal(e.Payload, &r) != nil {
		return ""
	}
	return r.Request.Corrects
}

// overdue reports whether a request without a record is past its due date.
func overdue(s *dsr.Status, now time.Time) bool {
	return s.State != dsr.Sealed && !s.DueAt.IsZero() && now.After(s.DueAt)
}

// owedWords says what a rejection still asks of the company.
func (j rejected) owedWords(now time.Time) string {
	switch {
	case j.by != "":
		return "corrected by " + string(j.by)
	case !j.DueAt.IsZero() && now.After(j.DueAt):
		return "still owed an answer, OVERDUE"
	}
	return "still owed an answer"
}

func (a *app) statusesAsJSON(list []*dsr.Status, rejections []rejected) error {
	for _, s := range list {
		if err := a.printJSON(statusJSON(s)); err != nil {
			return err
		}
	}
	for _, j := range rejections {
		v := rejectionJSON(j.Rejection)
		v["corrected_by"] = j.by
		if err := a.printJSON(v); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) statusTable(list []*dsr.Status, rejections []rejected) error {
	now := time.Now()
	zone, _ := now.Local().Zone()
	return a.table("REQUEST\tKIND\tSTATE\tRESULT\tRECEIVED ("+zone+")\tDUE ("+zone+")\tSYSTEMS ANSWERED", func(w io.Writer) {
		for _, s := range list {
			answered := 0
			for _, sys := range s.Systems {
				if sys.State != "expected" && sys.State != string(dsr.Delayed) && sys.Outcome != dsr.NoAnswer {
					answered++
				}
			}
			late := ""
			if overdue(s, now) {
				late = ", OVERDUE"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d of %d%s\n", s.RequestID, s.Kind, s.State, orDash(string(s.Result)), date(s.ReceivedAt), date(s.DueAt), answered, len(s.Systems), late)
		}
		for _, j := range rejections {
			fmt.Fprintf(w, "%s\t%s\trejected\t%s\t%s\t%s\t%s\n", orDash(string(j.RequestID)), orDash(string(j.Kind)), j.Reason, date(j.ReceivedAt), date(j.DueAt), j.owedWords(now))
		}
	})
}

func (a *app) statusInFull(list []*dsr.Status, rejections []rejected) error {
	now := time.Now()
	for _, s := range list {
		late := ""
		if overdue(s, now) {
			late = ": OVERDUE"
		}
		fmt.Fprintf(a.stdout, "%s of subject %s\n  %s%s\n  received %s, admitted %s, due %s%s\n",
			s.Kind, s.SubjectRef, stateWords(s), waitsFor(s), stamp(s.ReceivedAt), stamp(s.AdmittedAt), stamp(s.DueAt), late)
		if s.RecordID != "" {
			fmt.Fprintf(a.stdout, "  record %s number %d\n", s.RecordID, s.Number)
		}
		if !s.NextAt.IsZero() {
			fmt.Fprintf(a.stdout, "  goes on by itself at %s\n", stamp(s.NextAt))
		}
		if err := a.table("  SYSTEM\tPHASE\tROUND\tSTATE\tOUTCOME", func(w io.Writer) {
			for _, sys := range s.Systems {
				fmt.Fprintf(w, "  %s\t%s\t%d\t%s\t%s\n", sys.Name, orDash(string(sys.Phase)), sys.Round, sys.State, orDash(string(sys.Outcome)))
			}
		}); err != nil {
			return err
		}
	}
	for _, j := range rejections {
		fmt.Fprintf(a.stdout, "rejected (%s): %s\n  at %s/%d@%d; %s, due %s\n", j.Reason, j.Message, j.Topic, j.Partition, j.Offset, j.owedWords(now), stamp(j.DueAt))
	}
	return nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateOnly)
}

// stamp is an instant with its zone, for people.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime + " MST")
}

// statusJSON names the fields as the schema does.
func statusJSON(s *dsr.Status) map[string]any {
	systems := make([]map[string]any, 0, len(s.Systems))
	for _, sys := range s.Systems {
		systems = append(systems, map[string]any{
			"name": sys.Name, "phase": sys.Phase, "round": sys.Round, "state": sys.State, "outcome": sys.Outcome, "at": orNull(sys.At),
		})
	}
	return map[string]any{
		"request_id": s.RequestID, "tenant": s.Tenant, "version": s.Version, "state": s.State, "kind": s.Kind, "subject_ref": s.SubjectRef,
		"phase": s.Phase, "round": s.Round, "systems": systems, "waits_for": s.WaitsFor, "reasons": s.Reasons,
		"received_at": orNull(s.ReceivedAt), "admitted_at": orNull(s.AdmittedAt), "updated_at": orNull(s.UpdatedAt), "due_at": orNull(s.DueAt), "next_at": orNull(s.NextAt),
		"overdue": overdue(s, time.Now()), "result": s.Result, "record_id": s.RecordID, "number": s.Number, "environment": s.Environment,
	}
}

func rejectionJSON(r *dsr.Rejection) map[string]any {
	return map[string]any{
		"request_id": r.RequestID, "tenant": r.Tenant, "state": "rejected", "kind": r.Kind, "reason": r.Reason, "message": r.Message, "topic": r.Topic,
		"partition": r.Partition, "offset": r.Offset, "sha256": fmt.Sprintf("%x", r.SHA256), "received_at": orNull(r.ReceivedAt), "due_at": orNull(r.DueAt),
		"rejected_at": orNull(r.RejectedAt), "environment": r.Environment,
	}
}

func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}
