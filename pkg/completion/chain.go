package completion

import (
	"bytes"
	"errors"
	"fmt"
)

// VerifyChain checks that verified records are one request's record and its addenda in their order, each naming the one before
// it by its id and hash, so that none of them was exchanged. The result of the request is that of the last one. A chain that
// lacks its newest addenda verifies: only the topic of completions tells whether one followed.
func VerifyChain(chain []*Verified) error {
	if len(chain) == 0 {
		return errors.New("verify chain: no record")
	}
	first := chain[0].Record
	for i, v := range chain {
		r := v.Record
		switch {
		case r.Request.ID != first.Request.ID || r.Tenant != first.Tenant:
			return fmt.Errorf("verify chain: record %s belongs to another request", r.RecordID)
		case r.Request.Kind != first.Request.Kind || !r.Request.ReceivedAt.Equal(first.Request.ReceivedAt) || r.Subject.Ref != first.Subject.Ref:
			return fmt.Errorf("verify chain: record %s speaks of another person, kind or receipt than the first one", r.RecordID)
		case int(r.Number) != i:
			return fmt.Errorf("verify chain: record %s has number %d where number %d belongs", r.RecordID, r.Number, i)
		}
		if i == 0 {
			continue
		}
		before := chain[i-1]
		switch p := r.Previous; {
		case p == nil || p.RecordID != before.Record.RecordID:
			return fmt.Errorf("verify chain: addendum %s does not follow record %s", r.RecordID, before.Record.RecordID)
		case !bytes.Equal(p.SHA256, before.SHA256[:]):
			return fmt.Errorf("verify chain: addendum %s follows another version of record %s", r.RecordID, before.Record.RecordID)
		case r.AsOf.Before(before.Record.AsOf):
			return fmt.Errorf("verify chain: addendum %s is older than what it follows", r.RecordID)
		}
	}
	return nil
}
