package postgres

import (
	"bytes"
	"slices"
	"sync"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// cache keeps open requests as this instance last wrote them, so that the next acknowledgement of one has only to lock its row and
// compare its revision: the documents and steps need not be read and decoded again, which is most of what loading costs. What
// another instance has written since has another revision and is read.
type cache struct {
	limit int // bytes, as estimated by image.size

	mu      sync.Mutex
	size    int
	entries map[lifecycle.ID]*image
}

// image is a request as the database holds it under a revision. It is never changed.
type image struct {
	id          lifecycle.ID
	rev         int64
	seq         int64
	version     int64
	state, kind string
	trace       string
	frozen      *lifecycle.Frozen
	progress    lifecycle.Progress // copied each time, since a request's own is changed in place
	identifiers []byte
	refs        []lifecycle.Ref
	steps       []lifecycle.Step // sorted
}

func newCache(limit int) *cache {
	return &cache{limit: limit, entries: map[lifecycle.ID]*image{}}
}

// get returns what is kept of the requests, nil where that is nothing.
func (c *cache) get(ids []lifecycle.ID) []*image {
	out := make([]*image, len(ids))
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, id := range ids {
		out[i] = c.entries[id]
	}
	return out
}

// put keeps images, drops those of closed requests and, beyond the limit, any: a backlog's requests are answered in rounds, and where the
// oldest went first it would always be the one that is needed next.
func (c *cache) put(images []*image, closed []lifecycle.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range closed {
		c.remove(c.entries[id])
	}
	for _, m := range images {
		c.remove(c.entries[m.id])
		c.size += m.size()
		c.entries[m.id] = m
	}
	for _, m := range c.entries { // in no order
		if c.size <= c.limit {
			break
		}
		c.remove(m)
	}
}

func (c *cache) remove(m *image) {
	if m == nil {
		return
	}
	delete(c.entries, m.id)
	c.size -= m.size()
}

// size estimates the memory behind an image: its texts, and each acknowledgement as bytes and as the value decoded from them.
func (m *image) size() int {
	n := 4096 + len(m.identifiers) + 64*len(m.refs)
	for i := range m.steps {
		n += 512 + 4*len(m.steps[i].Body)
	}
	return n
}

// has reports whether the request has the step, whatever its attempt.
func (m *image) has(st *rowset.Step) bool {
	return m != nil && slices.ContainsFunc(m.steps, func(o lifecycle.Step) bool {
		return o.System == st.System && o.Round == st.Round && string(o.Phase) == st.Phase
	})
}

// request makes a request that its transaction may change: only Frozen and bytes are shared.
func (m *image) request() *lifecycle.Request {
	r := &lifecycle.Request{
		ID: m.id, Seq: m.seq, Version: m.version, State: dsr.State(m.state), Kind: dsr.Kind(m.kind), Trace: m.trace, Frozen: *m.frozen,
		Progress: m.progress.Clone(), Identifiers: m.identifiers, Refs: slices.Clone(m.refs), Steps: make([]*lifecycle.Step, len(m.steps)),
	}
	steps := slices.Clone(m.steps)
	for i := range steps {
		r.Steps[i] = &steps[i]
	}
	return r
}

// remember keeps what was committed of the requests that are still open.
func (t *tx) remember() {
	if t.set == nil {
		return
	}
	written := make(map[lifecycle.ID]*rowset.Request, len(t.set.Insert)+len(t.set.Update))
	for _, rows := range [][]rowset.Request{t.set.Insert, t.set.Update} {
		for i := range rows {
			written[rows[i].ID] = &rows[i]
		}
	}
	images := make([]*image, 0, len(written))
	for _, r := range t.saved {
		row := written[r.ID]
		if row == nil || !t.forward {
			continue
		}
		if m := after(t.loaded[r.ID], r, row); m != nil {
			m.rev = t.rev
			images = append(images, m)
		}
	}
	t.cache.put(images, t.set.Delete)
}

// after is the image of a request that was written: what its flags say was written from the request, the rest from the image that
// was loaded. It is nil where a step was changed without saying so.
func after(before *image, r *lifecycle.Request, row *rowset.Request) *image {
	m := &image{}
	whole := before == nil // a new or reopened request: everything was written
	if whole {
		*m = image{id: r.ID, seq: r.Seq, kind: row.Kind, trace: r.Trace, frozen: &lifecycle.Frozen{}}
		*m.frozen = r.Frozen
	} else {
		*m = *before
	}
	m.version, m.state, m.progress = row.Version, row.State, r.Progress.Clone()
	if whole || r.IdentDirty {
		m.identifiers = r.Identifiers
	}
	if whole || r.RefsDirty {
		m.refs = slices.Clone(r.Refs)
	}
	m.steps = make([]lifecycle.Step, len(r.Steps))
	old := 0
	for i, st := range r.Steps {
		m.steps[i] = *st
		m.steps[i].Dirty = false
		if whole {
			continue
		}
		stands := old < len(before.steps) && before.steps[old].Compare(st) == 0
		if !st.Dirty && !(stands && before.steps[old].Attempt == st.Attempt && before.steps[old].State == st.State && bytes.Equal(before.steps[old].Body, st.Body)) {
			return nil
		}
		if stands {
			old++
		}
	}
	if !whole && old != len(before.steps) {
		return nil
	}
	return m
}
