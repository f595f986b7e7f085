package sql

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// progress is what one chunk of an erasure leaves to the next: what was counted, and where to go on. Everything goes by names, so that a
// data map or a catalogue that changed in between loses nothing. It travels sealed: keys of rows are personal data.
type progress struct {
	Chunks int                        `json:"chunks"`
	Since  time.Time                  `json:"since"`
	Kinds  map[string]*kindProgress   `json:"kinds"`
	Counts map[string]map[string]kept `json:"counts"` // by kind of subject and what was counted
	Keys   []responder.RowKey         `json:"keys"`
	Left   map[string]int64           `json:"left"` // by collection
}

// kindProgress is how far the erasure for one kind of subject is.
type kindProgress struct {
	Ended  bool                 `json:"ended"`
	Rooted bool                 `json:"rooted"` // the keys of the person's own rows are remembered
	Done   []string             `json:"done"`   // collections whose rows stay and are worked
	After  map[string][]*string `json:"after"`  // by collection, the key behind which its rows are still to be worked
}

func (k *kindProgress) done(r *rowset) bool { return slices.Contains(k.Done, r.label()) }

// kept is a tally as it is written down.
type kept struct {
	Stay, Known, Before, ToErase, Erase, ToMask, Mask, Detach int64

	Finds      map[string]map[string]int64 `json:",omitempty"` // by column and kind
	Unsearched []string                    `json:",omitempty"`
	Latest     time.Time                   // of the days of rows that stay
	Undated    int64
	Others     int64
	Elsewhere  int64
}

func (p *progress) kind(of *plan) *kindProgress { return p.Kinds[of.kind] }

// begun and ended report how far a kind of subject is; a batch has no progress.
func (p *progress) begun(of *plan) bool { return p != nil && p.kind(of) != nil }
func (p *progress) ended(of *plan) bool { return p.begun(of) && p.kind(of).Ended }

func (p *progress) begin(of *plan) *kindProgress {
	if p.kind(of) == nil {
		p.Kinds[of.kind] = &kindProgress{After: map[string][]*string{}}
	}
	return p.kind(of)
}

func (p *progress) end(of *plan) { p.kind(of).Ended = true }

// resume takes up what an earlier chunk left.
func (b *batch) resume(out *answers) error {
	if len(b.ds) > 1 {
		if slices.ContainsFunc(b.ds, func(d responder.Dispatch) bool { return len(d.Progress) > 0 }) {
			return responder.ErrTooLarge
		}
		return nil
	}
	b.progress = &progress{Since: out.now, Kinds: map[string]*kindProgress{}}
	if len(b.ds[0].Progress) == 0 {
		return nil
	}
	if err := json.Unmarshal(b.ds[0].Progress, b.progress); err != nil {
		return responder.Permanent(ownErrorf("the progress of an erasure cannot be read"))
	}
	b.keys[0] = b.progress.Keys
	for _, p := range out.plans[0] {
		counts := b.progress.Counts[p.kind]
		for _, of := range p.counted() {
			if t, ok := counts[of.name]; ok {
				*out.tally(0, of.what) = tally{
					stay: t.Stay, known: t.Known, before: t.Before, toErase: t.ToErase, erase: t.Erase, toMask: t.ToMask, mask: t.Mask, detach: t.Detach, others: t.Others, elsewhere: t.Elsewhere,
					finds: readFinds(t.Finds), unsearched: t.Unsearched, age: oldness{t.Latest, t.Undated},
				}
			}
		}
		for _, r := range p.sets {
			if n := b.progress.Left[r.label()]; n > 0 {
				b.left[leftKey{0, r}] = n
			}
		}
	}
	return nil
}

// pause writes down how far the erasure is and asks for the next chunk.
func (b *batch) pause(ctx context.Context, out *answers) ([]responder.Answer, error) {
	if err := b.drop(ctx); err != nil {
		return nil, err
	}
	w := b.progress
	w.Chunks++
	w.Keys, w.Counts, w.Left = b.keys[0], map[string]map[string]kept{}, map[string]int64{}
	for _, p := range out.plans[0] {
		w.Counts[p.kind] = map[string]kept{}
		for _, of := range p.counted() {
			if t := out.counted(0, of.what); t != nil {
				w.Counts[p.kind][of.name] = kept{t.stay, t.known, t.before, t.toErase, t.erase, t.toMask, t.mask, t.detach, t.finds.written(), t.unsearched, t.age.latest, t.age.undated, t.others, t.elsewhere}
			}
		}
		for _, r := range p.sets {
			if n := b.left[leftKey{0, r}]; n > 0 {
				w.Left[r.label()] = n
			}
		}
	}
	state, err := json.Marshal(w)
	if err != nil {
		return nil, responder.Permanent(ownErrorf("the progress of an erasure cannot be written"))
	}
	return []responder.Answer{{Defer: &responder.Deferral{More: true, Progress: state}}}, nil
}

// countedThing is what a plan counts, and its name.
type countedThing struct {
	name string
	what any
}

func (p *plan) counted() []countedThing {
	var out []countedThing
	for _, r := range p.sets {
		out = append(out, countedThing{"rows of " + r.label(), r})
	}
	for _, d := range p.detach {
		out = append(out, countedThing{"references " + d.label + "." + d.col.name, d})
	}
	return out
}
