package coordinator

import (
	"sync"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// memo decodes acknowledgements and remembers those that were decoded lately, by their bytes. An acknowledgement is looked at
// when it comes in, in every later status of its request and in the seal; where the store does not keep it as a value, it
// would be decoded each time.
//
// What it returns is shared: nothing in it may be changed. It holds no identifier in clear, since an
// acknowledgement has none. It is safe for concurrent use.
type memo struct {
	decoder func([]byte) (dsr.Acknowledgement, error)
	entries int // at most so many are remembered …
	bytes   int // … and about so much memory is held

	mu     sync.Mutex
	recent generation // what was asked for lately; at half of a limit it becomes the older one, which is then forgotten
	older  generation
}

// The limits of the memo: an acknowledgement of one collection weighs 2 kB, so that these are reached at about the same time.
const (
	memoEntries = 20_000
	memoBytes   = 32 << 20
)

type generation struct {
	byBody map[string]remembered
	bytes  int
}

type remembered struct {
	body string // the key, so that one who moves it need not copy it
	ack  *dsr.Acknowledgement
}

func newMemo(decoder func([]byte) (dsr.Acknowledgement, error), entries, bytes int) *memo {
	return &memo{decoder: decoder, entries: entries, bytes: bytes}
}

// decode returns the acknowledgement in body. What cannot be decoded is not remembered.
func (m *memo) decode(body []byte) (*dsr.Acknowledgement, error) {
	if a := m.recall(body); a != nil {
		return a, nil
	}
	a, err := m.decoder(body)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.keep(remembered{string(body), &a})
	m.mu.Unlock()
	return &a, nil
}

func (m *memo) recall(body []byte) *dsr.Acknowledgement {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.recent.byBody[string(body)]; ok {
		return r.ack
	}
	r, ok := m.older.byBody[string(body)]
	if ok {
		m.keep(r)
	}
	return r.ack
}

// keep puts an acknowledgement into the recent generation. One that would fill it alone is not worth all the others.
func (m *memo) keep(r remembered) {
	w := r.weight()
	if w > m.bytes/2 {
		return
	}
	if len(m.recent.byBody) >= m.entries/2 || m.recent.bytes+w > m.bytes/2 {
		m.older, m.recent = m.recent, generation{}
	}
	if m.recent.byBody == nil {
		m.recent.byBody = map[string]remembered{}
	}
	if _, ok := m.recent.byBody[r.body]; !ok { // two may have decoded the same one
		m.recent.bytes += w
		m.recent.byBody[r.body] = r
	}
}

// What a value of each type takes at most, beside its texts and bytes, which take no more than the message. Short texts in
// great numbers are why these are counted: a collection may come in 13 bytes.
const (
	weightAcknowledgement = 1024 // with its entry in the map
	weightCollection      = 512  // with its ground and instants
	weightPart            = 256
	weightText            = 32
)

// weight is the memory behind the entry.
func (r remembered) weight() int {
	a := r.ack
	n := weightAcknowledgement + 2*len(r.body) + weightCollection*len(a.Collections) + weightPart*len(a.Parts)
	texts := len(a.IdentifierKinds) + len(a.ResolvedKinds) + len(a.Systems)
	if a.Scope != nil {
		texts += len(a.Scope.Systems) + len(a.Scope.Categories)
	}
	for i := range a.Collections {
		texts += len(a.Collections[i].Categories)
	}
	return n + weightText*texts
}
