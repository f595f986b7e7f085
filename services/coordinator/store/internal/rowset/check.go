package rowset

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// Limits of what a key or a word may hold, in bytes. PostgreSQL refuses an index row over a third of a page (2,704 bytes), and a
// step's key has three texts.
const (
	maxKey  = 512
	maxWord = 2048
	maxBlob = 256 << 20 // PostgreSQL allows 1 GB a field, and a batch travels in one message of as much
)

var errNUL = errors.New("text holds a NUL, which PostgreSQL refuses")

func checkText(what, s string, limit int) error {
	switch {
	case len(s) > limit:
		return fmt.Errorf("%s is %d bytes long, at most %d are stored", what, len(s), limit)
	case strings.IndexByte(s, 0) >= 0:
		return fmt.Errorf("%s: %w", what, errNUL)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s is not UTF-8", what)
	}
	return nil
}

func checkBlob(what string, b []byte) error {
	if len(b) > maxBlob {
		return fmt.Errorf("%s is %d bytes long, at most %d are stored", what, len(b), maxBlob)
	}
	return nil
}

// checkTime accepts the years that both databases and RFC 3339 can write.
func checkTime(what string, t time.Time) error {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return fmt.Errorf("%s lies in year %d", what, y)
	}
	return nil
}

// CheckID refuses what cannot be the key of a request.
func CheckID(id lifecycle.ID) error {
	err := checkText("tenant", id.Tenant, maxKey)
	if err == nil {
		_, err = UUID(id.RequestID)
	}
	return bad(id, err)
}

// UUID returns the 16 bytes of a request id in its lower-case text form; another form would be another key.
func UUID(id dsr.RequestID) (out [16]byte, err error) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return out, errors.New("request id is not a UUID")
	}
	n := 0
	for i := 0; i < 36; i++ {
		c := id[i]
		switch {
		case c == '-' && (i == 8 || i == 13 || i == 18 || i == 23):
			continue
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return out, errors.New("request id is not a UUID in lower case")
		}
		out[n/2] = out[n/2]<<4 | c
		n++
	}
	return out, nil
}

// RequestID is the inverse of [UUID].
func RequestID(u [16]byte) dsr.RequestID {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, 36)
	for i, x := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, digits[x>>4], digits[x&15])
	}
	return dsr.RequestID(b)
}

// CheckSubject refuses what cannot be the key of a subject.
func CheckSubject(s store.Subject) error {
	err := checkText("tenant", s.Tenant, maxKey)
	if err == nil && (len(s.Ref) == 0 || len(s.Ref) > maxKey) {
		err = fmt.Errorf("pseudonym is %d bytes long, 1 to %d are stored", len(s.Ref), maxKey)
	}
	return bad(lifecycle.ID{Tenant: s.Tenant}, err)
}

// CheckPlace refuses what cannot be a topic and partition.
func CheckPlace(topic string, partition int) error {
	err := checkText("topic", topic, maxKey)
	if err == nil && (partition < 0 || partition > math.MaxInt32) {
		err = fmt.Errorf("partition %d is out of range", partition)
	}
	return bad(lifecycle.ID{}, err)
}

func checkRequest(r *lifecycle.Request) error {
	if err := CheckID(r.ID); err != nil {
		return err
	}
	errs := []error{
		checkText("state", string(r.State), maxWord), checkText("kind", string(r.Kind), maxWord), checkText("trace", r.Trace, maxWord),
		checkTime("wake_at", r.WakeAt), checkTime("due_at", r.Frozen.DueAt), checkBlob("identifiers", r.Identifiers),
	}
	for _, ref := range r.Refs {
		errs = append(errs, CheckSubject(store.Subject{Tenant: r.Tenant, Ref: ref}))
	}
	for _, st := range r.Steps {
		errs = append(errs, checkText("system", st.System, maxKey), checkText("phase", string(st.Phase), maxKey),
			checkText("state of a step", string(st.State), maxWord), checkBlob("acknowledgement", st.Body))
	}
	return bad(r.ID, first(errs))
}

func checkRecord(r *store.Record) error {
	errs := []error{
		checkText("record id", r.RecordID, maxWord), checkText("result", string(r.Result), maxWord), checkTime("sealed_at", r.SealedAt),
		checkBlob("envelope", r.Envelope), checkBlob("sha256", r.SHA256), checkBlob("sha256 of the previous record", r.PreviousSHA256),
	}
	if r.SealedAt.IsZero() {
		errs = append(errs, errors.New("a record has no time of sealing"))
	}
	if !r.SealedAt.Equal(r.SealedAt.Truncate(time.Microsecond)) {
		errs = append(errs, errors.New("the time of sealing is finer than a microsecond"))
	}
	return bad(r.ID, first(errs))
}

func checkRejection(r *dsr.Rejection) error {
	if err := CheckPlace(r.Topic, int(r.Partition)); err != nil {
		return err
	}
	id := lifecycle.ID{Tenant: r.Tenant, RequestID: r.RequestID}
	if r.RequestID != "" {
		if err := CheckID(id); err != nil {
			return err
		}
	}
	return bad(id, first([]error{
		checkText("tenant", r.Tenant, maxKey), checkText("kind", string(r.Kind), maxWord), checkText("reason", r.Reason, maxWord),
		checkText("message", r.Message, maxWord), checkText("environment", r.Environment, maxWord), checkBlob("sha256", r.SHA256),
		checkTime("received_at", r.ReceivedAt), checkTime("due_at", r.DueAt), checkTime("rejected_at", r.RejectedAt),
	}))
}

func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// bad makes err a [store.BadRowError] of the request, unless it is nil or one already.
func bad(id lifecycle.ID, err error) error {
	if err == nil {
		return nil
	}
	var row *store.BadRowError
	if errors.As(err, &row) {
		if row.ID.RequestID == "" {
			row.ID = id
		}
		return row
	}
	return &store.BadRowError{ID: id, Err: err}
}
