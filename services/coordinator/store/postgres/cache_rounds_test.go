package postgres

import (
	"fmt"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// A backlog's requests are answered in rounds. A cache that holds half of them must be of use all the same, and hold no more.
func TestCache_is_of_use_for_more_than_it_holds(t *testing.T) {
	images := make([]*image, 20)
	for i := range images {
		images[i] = &image{id: lifecycle.ID{RequestID: dsr.RequestID(fmt.Sprint(i))}}
	}
	c := newCache(len(images) / 2 * images[0].size())
	hits := 0
	const rounds = 50
	for range rounds {
		for _, m := range images {
			if c.get([]lifecycle.ID{m.id})[0] != nil {
				hits++
			}
			c.put([]*image{m}, nil)
			if c.size > c.limit || c.size != len(c.entries)*m.size() {
				t.Fatalf("%d entries of %d bytes, %d bytes are counted, the limit is %d", len(c.entries), m.size(), c.size, c.limit)
			}
		}
	}
	if all := rounds * len(images); hits < all/10 {
		t.Errorf("%d of %d were there", hits, all)
	}
	var ids []lifecycle.ID
	for _, m := range images {
		ids = append(ids, m.id)
	}
	c.put(nil, ids)
	if len(c.entries) != 0 || c.size != 0 {
		t.Errorf("%d closed requests are kept, %d bytes are counted", len(c.entries), c.size)
	}
}
