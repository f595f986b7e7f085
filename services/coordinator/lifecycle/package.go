package lifecycle

import (
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// startPackage asks the packager to assemble the parts that the systems named in their accepted acknowledgements.
func (t *Turn) startPackage(r *Request) error {
	r.Progress.Repackage = false
	fill, err := t.parts(r)
	if err != nil {
		return err
	}
	round := int32(1)
	for _, st := range r.Steps {
		if st.Phase == dsr.Package {
			round = max(round, st.Round+1)
		}
	}
	r.Progress.PackageRound = max(r.Progress.PackageRound+1, round)
	t.enter(r, dsr.Packaging, dsr.Package, r.Progress.PackageRound, []string{dsr.Packager}, t.Policy.Silence)
	return t.dispatch(r, fill)
}

// parts is what the packager is told: the parts that were accepted, and why others are missing.
func (t *Turn) parts(r *Request) (func(*dsr.Dispatch), error) {
	var parts []dsr.Part
	var pending []dsr.Line
	for _, s := range r.Frozen.Systems {
		st := r.Step(s, dsr.Act, r.Progress.ActRound)
		if st == nil || st.State == dsr.Delayed {
			o := dsr.Outcome(r.Progress.Inferred[s])
			if o == "" {
				o = dsr.NoAnswer
			}
			pending = append(pending, dsr.Line{System: s, Outcome: o})
			continue
		}
		a, err := st.Acknowledgement(t.Decode)
		if err != nil {
			return nil, err
		}
		for _, p := range a.Parts {
			p.System = s
			parts = append(parts, p)
		}
		if len(a.Parts) == 0 {
			pending = append(pending, dsr.Line{System: s, Outcome: a.Outcome()})
		}
	}
	return func(d *dsr.Dispatch) {
		d.Parts = parts
		d.Pending = slices.Clip(pending)
		d.Delivery = r.Frozen.Request.Delivery
	}, nil
}

func (t *Turn) packaging(r *Request) error {
	if t.waits(r) {
		return nil
	}
	if r.Progress.Repackage { // an export was accepted after the packager was asked
		return t.startPackage(r)
	}
	return t.seal(r)
}
