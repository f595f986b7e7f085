package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

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
