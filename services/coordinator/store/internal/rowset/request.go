package rowset

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// request adds the rows of one request: among the open ones, or moved to its record.
func (s *Set) request(r *lifecycle.Request, record *store.Record) error {
	if err := checkRequest(r); err != nil {
		return err
	}
	if r.Closed {
		return s.closed(r, record)
	}
	if record != nil {
		return fmt.Errorf("save: the record of request %s comes without its request closed", r.RequestID)
	}
	progress, err := json.Marshal(&r.Progress)
	if err != nil {
		return &store.BadRowError{ID: r.ID, Err: fmt.Errorf("encode progress: %w", err)}
	}
	row := Request{ID: r.ID, Version: r.Version, State: string(r.State), WakeAt: r.WakeAt, Progress: progress}
	if !r.Fresh && !r.Reopened {
		s.Update = append(s.Update, row)
		if r.IdentDirty {
			s.Identifier = append(s.Identifier, Identifiers{r.ID, r.Identifiers})
		}
		if r.RefsDirty {
			s.Refs = append(s.Refs, Refs{r.ID, EncodeRefs(r.Refs)})
			s.addRefs(r)
			s.dropRefs(r, slices.DeleteFunc(slices.Clone(r.Dropped), func(ref lifecycle.Ref) bool { return slices.Contains(r.Refs, ref) }))
		}
		return s.steps(r, false)
	}
	row.Seq, row.Kind, row.DueAt, row.Trace = r.Seq, string(r.Kind), r.Frozen.DueAt, r.Trace
	row.Identifiers, row.Refs = r.Identifiers, EncodeRefs(r.Refs)
	if row.Frozen, err = json.Marshal(&r.Frozen); err != nil {
		return &store.BadRowError{ID: r.ID, Err: fmt.Errorf("encode what was frozen: %w", err)}
	}
	s.Insert = append(s.Insert, row)
	if r.Reopened {
		s.Unsealed = append(s.Unsealed, r.ID)
	}
	s.addRefs(r)
	return s.steps(r, true)
}

// closed takes a request out of the open ones, if it was there, and archives it with its record.
func (s *Set) closed(r *lifecycle.Request, record *store.Record) error {
	if record == nil {
		return fmt.Errorf("save: request %s is closed without a record", r.RequestID)
	}
	if err := checkRecord(record); err != nil {
		return err
	}
	archive, err := EncodeArchive(r)
	if err != nil {
		return &store.BadRowError{ID: r.ID, Err: err}
	}
	s.Records = append(s.Records, Record{*record, archive})
	s.Sealed = append(s.Sealed, Sealed{r.ID, record.SealedAt})
	if !r.Fresh && !r.Reopened {
		s.Delete = append(s.Delete, r.ID)
		s.dropRefs(r, r.Refs)
		s.dropRefs(r, r.Dropped)
	}
	return nil
}

func (s *Set) dropRefs(r *lifecycle.Request, refs []lifecycle.Ref) {
	for _, ref := range refs {
		s.DropRefs = append(s.DropRefs, Ref{store.Subject{Tenant: r.Tenant, Ref: ref}, r.RequestID})
	}
}

func (s *Set) addRefs(r *lifecycle.Request) {
	for _, ref := range r.Refs {
		s.AddRefs = append(s.AddRefs, Ref{store.Subject{Tenant: r.Tenant, Ref: ref}, r.RequestID})
	}
}

func (s *Set) steps(r *lifecycle.Request, all bool) error {
	for i, st := range r.Steps {
		if i > 0 && st.Compare(r.Steps[i-1]) <= 0 {
			return &store.BadRowError{ID: r.ID, Err: errors.New("steps are not sorted, or one is there twice")}
		}
		if !all && !st.Dirty {
			continue
		}
		s.Steps = append(s.Steps, Step{
			ID: r.ID, System: st.System, Phase: string(st.Phase), Round: st.Round, Attempt: st.Attempt,
			Rank: st.State.Rank(), State: string(st.State), Body: st.Body,
		})
	}
	return nil
}

// EncodeRefs writes pseudonyms as one value, each after its length.
func EncodeRefs(refs []lifecycle.Ref) []byte {
	out := make([]byte, 0, 34*len(refs))
	for _, ref := range refs {
		out = binary.AppendUvarint(out, uint64(len(ref)))
		out = append(out, ref...)
	}
	return out
}

// DecodeRefs reads what [EncodeRefs] wrote.
func DecodeRefs(b []byte) ([]lifecycle.Ref, error) {
	var out []lifecycle.Ref
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, errors.New("pseudonyms of a request are damaged")
		}
		out = append(out, lifecycle.Ref(b[size:size+int(n)]))
		b = b[size+int(n):]
	}
	return out, nil
}

// DecodeFrozen reads what a request was admitted with.
func DecodeFrozen(doc []byte, into *lifecycle.Frozen) error {
	if err := json.Unmarshal(doc, into); err != nil {
		return fmt.Errorf("decode what was frozen: %w", err)
	}
	return nil
}

// DecodeProgress reads what moves of a request.
func DecodeProgress(doc []byte, into *lifecycle.Progress) error {
	if err := json.Unmarshal(doc, into); err != nil {
		return fmt.Errorf("decode progress: %w", err)
	}
	return nil
}
