package responder

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"
)

// Class says what the runtime does next with a dispatch that could not be served.
type Class string

// The classes of error.
const (
	ClassUnavailable Class = "unavailable" // the system is away: retry in place while Check fails; the offset stays put
	ClassTransient   Class = "transient"   // time-out, deadlock, unknown: retry once, then bisect, then defer the one that is left
	ClassPermanent   Class = "permanent"   // bisect to the one that is at fault, dead-letter it and acknowledge it failed
)

// Unavailable marks err: the system cannot be reached, whatever it is asked. It returns nil for nil.
func Unavailable(err error) error { return classify(ClassUnavailable, err) }

// Transient marks err: the same call may well succeed in a moment. It returns nil for nil.
func Transient(err error) error { return classify(ClassTransient, err) }

// Permanent marks err: the system refuses this dispatch, and asking again changes nothing. It returns nil for nil.
func Permanent(err error) error { return classify(ClassPermanent, err) }

// Classify returns the class of err: the outermost mark, else what the error itself tells. A connection that is refused,
// reset or closed is Unavailable; everything else is Transient, since repeating an idempotent step is safe and losing one is
// not. Classify(nil) is the empty class.
func Classify(err error) Class {
	var c *classError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &c):
		return c.class
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ClassTransient
	case away(err):
		return ClassUnavailable
	}
	return ClassTransient
}

// away reports whether err is that of a connection rather than of what was asked over it.
func away(err error) bool {
	for _, target := range []error{
		driver.ErrBadConn, sql.ErrConnDone, net.ErrClosed, io.ErrUnexpectedEOF,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.EHOSTUNREACH, syscall.ENETUNREACH,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	var lookup *net.DNSError
	var dial *net.OpError
	return errors.As(err, &lookup) || errors.As(err, &dial) && dial.Op == "dial"
}

// ErrTooLarge says that a batch reaches more than one transaction should hold. Nothing is wrong: the runtime halves the batch, until
// each part is small enough or a single dispatch, which the system then works in parts of its own ([Deferral].More).
var ErrTooLarge = Permanent(errors.New("the batch reaches more than one transaction should hold"))

type classError struct {
	class Class
	code  string // error code of the acknowledgement; empty: that of the class
	err   error
}

func (e *classError) Error() string { return e.err.Error() }
func (e *classError) Unwrap() error { return e.err }

func classify(c Class, err error) error {
	if err == nil {
		return nil
	}
	return &classError{class: c, err: err}
}

// coded is Permanent with an error code of its own.
func coded(code string, err error) error {
	return &classError{class: ClassPermanent, code: code, err: err}
}

// codeOf returns the error code that err asks for, or the fallback.
func codeOf(err error, fallback string) string {
	var c *classError
	if errors.As(err, &c) && c.code != "" {
		return c.code
	}
	return fallback
}
