package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// BrokerUnavailableError says that no broker answered.
type BrokerUnavailableError struct {
	Brokers []string
	Cause   error
}

func (e *BrokerUnavailableError) Error() string {
	text := fmt.Sprintf("reach kafka at %s: %v", strings.Join(e.Brokers, ", "), e.Cause)
	if disguised(e.Cause) {
		text += " (a wrong password, an untrusted certificate authority, or TLS on one side only look like this too)"
	}
	return text
}

// Unwrap returns the cause.
func (e *BrokerUnavailableError) Unwrap() error { return e.Cause }

// disguised tells errors in which kafka-go or a broker hides a refused handshake. A refused connection is just that.
func disguised(err error) bool {
	return !errors.Is(err, syscall.ECONNREFUSED) &&
		(errors.Is(err, kafkago.BrokerNotAvailable) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
			errors.Is(err, syscall.ECONNRESET))
}

// MissingTopicsError names the topics that the cluster does not have.
type MissingTopicsError struct {
	Topics  []string
	Brokers []string
}

func (e *MissingTopicsError) Error() string {
	noun := "topic"
	if len(e.Topics) > 1 {
		noun = "topics"
	}
	return fmt.Sprintf("kafka at %s has no %s %s", strings.Join(e.Brokers, ", "), noun, strings.Join(e.Topics, ", "))
}

// TooLargeError says that a message does not fit into its topic. It was not sent.
type TooLargeError struct {
	Topic string
	// Size of the message as a record batch of its own, uncompressed; 0 where only the broker knows.
	Size int
	// Limit is the topic's max.message.bytes, or [ProducerConfig].MaxMessageBytes.
	Limit int
}

func (e *TooLargeError) Error() string {
	if e.Size == 0 {
		return fmt.Sprintf("a message is too large for topic %s: the limit (max.message.bytes) is %d bytes", e.Topic, e.Limit)
	}
	return fmt.Sprintf("a message of %d bytes is too large for topic %s: the limit (max.message.bytes) is %d bytes", e.Size, e.Topic, e.Limit)
}

// SendError says which messages of a [Producer.Send] were not acknowledged. All others were.
type SendError struct {
	// Failed has one entry for each message that was not acknowledged, by ascending index.
	Failed []MessageError
	// Sent is how many messages were acknowledged.
	Sent int
}

// MessageError is why the message at Index was not acknowledged. Where Err wraps a context's error, the message may have
// been written all the same.
type MessageError struct {
	Index int
	Topic string
	Err   error
}

func (e *SendError) Error() string {
	first := e.Failed[0]
	return fmt.Sprintf("send %d messages: %d not acknowledged, the first at index %d to topic %s: %v",
		e.Sent+len(e.Failed), len(e.Failed), first.Index, first.Topic, first.Err)
}

// Unwrap returns the errors of all messages, for errors.Is and errors.As.
func (e *SendError) Unwrap() []error {
	errs := make([]error, 0, len(e.Failed))
	for _, failed := range e.Failed {
		errs = append(errs, failed.Err)
	}
	return errs
}

// ErrTrimmed, ErrBeyondEnd and ErrReplaced are the ways in which what was to be read next can be gone.
var (
	// ErrTrimmed: retention has removed messages that were never read.
	ErrTrimmed = errors.New("retention has removed messages that were not read yet")
	// ErrBeyondEnd: the topic ends before the offset. It was deleted and made anew, restored from a backup, or lost its end
	// in an unclean leader election.
	ErrBeyondEnd = errors.New("the topic ends before the offset that was to be read next")
	// ErrReplaced: another message stands in the place of the last one that was read. The topic was deleted and made anew, restored from a
	// backup, or lost its end in an unclean leader election, and has grown past the offset since.
	ErrReplaced = errors.New("the topic holds other messages than those that were read")
)

// OffsetError halts a partition: reading on would lose messages in silence. A person decides where to go on, by setting the
// group's offset while its members are stopped, or the one in the store that a [Starter] reads, and starting the consumer again.
type OffsetError struct {
	Topic     string
	Partition int
	// Wanted is the offset to be read next. The partition holds First to End-1.
	Wanted, First, End int64
	// Replaced says that Wanted is there, behind messages that are not those that were read.
	Replaced bool
}

func (e *OffsetError) Error() string {
	return fmt.Sprintf("read %s/%d@%d: %v: it holds %d to %d", e.Topic, e.Partition, e.Wanted, e.Unwrap(), e.First, e.End-1)
}

// Unwrap returns ErrTrimmed, ErrBeyondEnd or ErrReplaced.
func (e *OffsetError) Unwrap() error {
	switch {
	case e.Replaced:
		return ErrReplaced
	case e.Wanted < e.First:
		return ErrTrimmed
	}
	return ErrBeyondEnd
}

// StuckError says that a handler did not come back after its context had ended. The consumer has left the group, so that
// others get its partitions; the goroutine cannot be stopped, so the process should end.
type StuckError struct {
	Group     string
	Topic     string
	Partition int
	Offset    int64
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("group %s left: the handler of the batch at %s/%d@%d does not return", e.Group, e.Topic, e.Partition, e.Offset)
}

// verdict is what a failed request means for the next one.
type verdict int

const (
	transient verdict = iota // the same request may succeed later
	away                     // nobody answered: as transient, and everybody should know
	permanent                // the broker will say the same again
)

func judge(err error) verdict {
	var code kafkago.Error
	if errors.As(err, &code) {
		switch {
		case code == kafkago.BrokerNotAvailable, code == kafkago.NetworkException:
			return away
		case code.Temporary(), code == kafkago.Unknown, stale(err):
			return transient
		}
		return permanent
	}
	var missing *MissingTopicsError
	if errors.As(err, &missing) {
		return permanent
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return away
	}
	return transient
}

// stale tells errors that a look at the cluster's present layout may cure.
func stale(err error) bool {
	for _, known := range []error{
		protocol.ErrNoTopic, protocol.ErrNoPartition, protocol.ErrNoLeader, kafkago.UnknownTopicOrPartition,
		kafkago.NotLeaderForPartition, kafkago.LeaderNotAvailable, kafkago.FencedLeaderEpoch, kafkago.UnknownTopicID,
		kafkago.BrokerNotAvailable,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// explain turns an error that means "nobody answered" into one that says who was asked.
func (c *Client) explain(err error) error {
	var known *BrokerUnavailableError
	if err == nil || errors.As(err, &known) || judge(err) != away {
		return err
	}
	return &BrokerUnavailableError{Brokers: slices.Clone(c.config.Brokers), Cause: err}
}
