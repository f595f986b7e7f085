// Package rowset turns what a batch decided into the rows that a database writes: checked, without doubles, sorted by key and
// grouped by table. Both engines write the same rows, so what a row may hold is decided here, once, and before a statement that
// would fail five hundred of them.
//
// It knows no SQL; see packages postgres and sqlite.
package rowset

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// Set is what one batch writes, a slice a statement, each sorted by its key.
type Set struct {
	Insert     []Request // new and reopened requests
	Update     []Request
	Identifier []Identifiers  // requests of Update whose identifiers changed
	Refs       []Refs         // requests of Update that gained pseudonyms
	Delete     []lifecycle.ID // requests that were open and are now sealed
	Steps      []Step         // replacing what has a lower (attempt, rank)
	AddRefs    []Ref
	DropRefs   []Ref
	Sealed     []Sealed       // keys whose request is now sealed
	Unsealed   []lifecycle.ID // keys whose request is open again
	Records    []Record
	Rejections []dsr.Rejection
	Corrected  []lifecycle.ID
	Wake       []store.Subject
	Outbox     []OutboxRow
	Sources    []store.Source // in order
}

// Empty reports whether there is nothing to write.
func (s *Set) Empty() bool {
	return len(s.Insert)+len(s.Update)+len(s.Delete)+len(s.Steps)+len(s.AddRefs)+len(s.Sealed)+len(s.Unsealed)+len(s.Rejections)+
		len(s.Corrected)+len(s.Wake)+len(s.Outbox)+len(s.Sources) == 0
}

// Request is the row of an open request. Frozen and what follows are written with Insert only.
type Request struct {
	lifecycle.ID
	Version  int64
	State    string
	WakeAt   time.Time // zero: null
	Progress []byte    // JSON

	Seq         int64
	Kind        string
	DueAt       time.Time // zero: null
	Trace       string
	Frozen      []byte // JSON
	Identifiers []byte
	Refs        []byte // see [EncodeRefs]
}

// Identifiers are the sealed identifiers of a request.
type Identifiers struct {
	lifecycle.ID
	Sealed []byte
}

// Refs are the pseudonyms of a request.
type Refs struct {
	lifecycle.ID
	Refs []byte // see [EncodeRefs]
}

// Ref ties a pseudonym to an open request.
type Ref struct {
	store.Subject
	RequestID dsr.RequestID
}

// Step is the row of an accepted acknowledgement.
type Step struct {
	lifecycle.ID
	System  string
	Phase   string
	Round   int32
	Attempt int32
	Rank    int16
	State   string
	Body    []byte
}

// Sealed says when a request was sealed.
type Sealed struct {
	lifecycle.ID
	At time.Time
}

// Record is the row of a record.
type Record struct {
	store.Record
	Archive []byte // see [EncodeArchive]
}

// Known is what a transaction may save: the requests that it holds under a lock.
type Known struct {
	Open     map[lifecycle.ID]bool // loaded by Requests
	Archived map[lifecycle.ID]bool // loaded by Archived
	Claimed  map[lifecycle.ID]bool // by Keys
}

// Of checks the changes of a batch and turns them into rows. An error that concerns a row is a [store.BadRowError]; any other is
// a mistake of the program: a request that is not under lock, a record without its request.
func Of(c store.Changes, known Known) (*Set, error) {
	s := &Set{}
	records, err := recordsByID(c.Records)
	if err != nil {
		return nil, err
	}
	seen := make(map[lifecycle.ID]bool, len(c.Requests))
	for _, r := range c.Requests {
		if !r.Fresh && !r.Dirty && !r.Reopened && !r.Closed {
			continue
		}
		if seen[r.ID] {
			return nil, &store.BadRowError{ID: r.ID, Err: errors.New("the request is in the batch twice")}
		}
		seen[r.ID] = true
		if err := known.holds(r); err != nil {
			return nil, err
		}
		if err := s.request(r, records[r.ID]); err != nil {
			return nil, err
		}
		delete(records, r.ID)
	}
	for id := range records {
		return nil, fmt.Errorf("save: the record of request %s comes without its request closed", id.RequestID)
	}
	if err := s.rest(c); err != nil {
		return nil, err
	}
	s.sort()
	return s, nil
}

func recordsByID(records []store.Record) (map[lifecycle.ID]*store.Record, error) {
	out := make(map[lifecycle.ID]*store.Record, len(records))
	for i := range records {
		r := &records[i]
		if out[r.ID] != nil {
			return nil, &store.BadRowError{ID: r.ID, Err: errors.New("two records in one batch")}
		}
		out[r.ID] = r
	}
	return out, nil
}

// holds refuses a request that the transaction has no lock on: writing it could undo what another one wrote.
func (k Known) holds(r *lifecycle.Request) error {
	switch {
	case r.Fresh && k.Claimed[r.ID], r.Reopened && k.Archived[r.ID], !r.Fresh && !r.Reopened && k.Open[r.ID]:
		return nil
	case r.Fresh:
		return fmt.Errorf("save: the key of new request %s was not claimed in this transaction", r.RequestID)
	case r.Reopened:
		return fmt.Errorf("save: reopened request %s was not loaded from the archive in this transaction", r.RequestID)
	}
	return fmt.Errorf("save: request %s was not loaded in this transaction", r.RequestID)
}

// rest adds what is not about one open request.
func (s *Set) rest(c store.Changes) error {
	for i := range c.Rejections {
		if err := checkRejection(&c.Rejections[i].Rejection); err != nil {
			return err
		}
		s.Rejections = append(s.Rejections, c.Rejections[i].Rejection)
	}
	for _, id := range c.Corrected {
		if err := CheckID(id); err != nil {
			return err
		}
		s.Corrected = append(s.Corrected, id)
	}
	for _, subject := range c.Wake {
		if err := CheckSubject(subject); err != nil {
			return err
		}
		s.Wake = append(s.Wake, subject)
	}
	for _, source := range c.Sources {
		if err := CheckPlace(source.Topic, source.Partition); err != nil {
			return err
		}
		s.Sources = append(s.Sources, source)
	}
	slices.SortFunc(s.Sources, func(a, b store.Source) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	var err error
	s.Outbox, err = frame(c.Outbox)
	return err
}

func (s *Set) sort() {
	byID := func(a, b Request) int { return a.ID.Compare(b.ID) }
	slices.SortFunc(s.Insert, byID)
	slices.SortFunc(s.Update, byID)
	slices.SortFunc(s.Identifier, func(a, b Identifiers) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(s.Refs, func(a, b Refs) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(s.Delete, lifecycle.ID.Compare)
	slices.SortFunc(s.Steps, func(a, b Step) int {
		return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.System, b.System), cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.Round, b.Round))
	})
	slices.SortFunc(s.AddRefs, Ref.compare)
	s.AddRefs = slices.Compact(s.AddRefs)
	slices.SortFunc(s.DropRefs, Ref.compare)
	slices.SortFunc(s.Sealed, func(a, b Sealed) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(s.Unsealed, lifecycle.ID.Compare)
	slices.SortFunc(s.Records, func(a, b Record) int { return a.ID.Compare(b.ID) })
	slices.SortStableFunc(s.Rejections, comparePlace) // the first of a place stays
	s.Rejections = slices.CompactFunc(s.Rejections, func(a, b dsr.Rejection) bool { return comparePlace(a, b) == 0 })
	slices.SortFunc(s.Corrected, lifecycle.ID.Compare)
	s.Corrected = slices.Compact(s.Corrected)
	s.Wake = Subjects(s.Wake)
}

func (a Ref) compare(b Ref) int {
	return cmp.Or(CompareSubjects(a.Subject, b.Subject), cmp.Compare(a.RequestID, b.RequestID))
}

func comparePlace(a, b dsr.Rejection) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

// CompareSubjects orders subjects; their locks are taken in this order.
func CompareSubjects(a, b store.Subject) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Ref, b.Ref))
}

// Subjects returns the subjects sorted and without doubles.
func Subjects(in []store.Subject) []store.Subject {
	out := slices.Clone(in)
	slices.SortFunc(out, CompareSubjects)
	return slices.Compact(out)
}

// IDs returns the ids sorted and without doubles.
func IDs(in []lifecycle.ID) []lifecycle.ID {
	out := slices.Clone(in)
	slices.SortFunc(out, lifecycle.ID.Compare)
	return slices.Compact(out)
}
