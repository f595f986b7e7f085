package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"gocloud.dev/gcerrors"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// failed says what was being done, gives the error its class and leaves everything else of it out: names of files and objects
// may name people. What is left is the kind of error and, where there is one, the operating system's word.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	var own ownError
	if errors.As(err, &own) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return responder.Transient(fmt.Errorf("%s: %w", doing, err))
	}
	code := gcerrors.Code(err)
	what := code.String()
	var errno syscall.Errno
	if errors.As(err, &errno) {
		what += ", " + errno.Error()
	}
	out := fmt.Errorf("%s: %s", doing, what)
	switch {
	case code == gcerrors.PermissionDenied, code == gcerrors.ResourceExhausted,
		errors.Is(errno, syscall.ENOSPC), errors.Is(errno, syscall.EROFS), errors.Is(errno, syscall.EACCES), errors.Is(errno, syscall.EPERM), errors.Is(errno, syscall.EIO):
		return responder.Unavailable(out) // it concerns every request alike
	case responder.Classify(err) == responder.ClassUnavailable:
		return responder.Unavailable(out)
	}
	return responder.Transient(out)
}

func gone(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound }

// ownError is an error of this package's making, which holds no names.
type ownError string

func (e ownError) Error() string { return string(e) }

func ownErrorf(format string, args ...any) error { return ownError(fmt.Sprintf(format, args...)) }

// reading takes names out of the errors of a reader.
type reading struct {
	r     io.Reader
	doing string
}

func (r reading) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = failed(r.doing, err)
	}
	return n, err
}
