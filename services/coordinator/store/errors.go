package store

import "github.com/lethe-dsr/lethe/services/coordinator/lifecycle"

// BadRowError says that the database will never take a row: a NUL in a text, bytes that are not UTF-8, a value out of its
// range, the same request twice. The transaction was rolled back. Retrying does not help; halving the batch until the row stands
// alone does. It holds no value of the row.
type BadRowError struct {
	ID  lifecycle.ID // of the request at fault; zero where the store cannot tell which of the batch it was
	Err error
}

func (e *BadRowError) Error() string {
	if e.ID.RequestID == "" {
		return "a row cannot be stored: " + e.Err.Error()
	}
	return "request " + string(e.ID.RequestID) + " cannot be stored: " + e.Err.Error()
}

func (e *BadRowError) Unwrap() error { return e.Err }

// UnavailableError says that the database cannot be reached or cannot work now: wait and repeat. Whether a transaction that was
// being committed took effect is unknown; the stored source offset tells.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return "store is unavailable: " + e.Err.Error() }

func (e *UnavailableError) Unwrap() error { return e.Err }
