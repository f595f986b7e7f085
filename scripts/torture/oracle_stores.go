package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/portability"
)

// gone are the numbers of those who asked for an erasure.
func (o *oracle) gone() map[string]bool {
	if o.erasedPeople == nil {
		o.erasedPeople = map[string]bool{}
		for _, a := range o.workload.order {
			if a.Kind == dsr.Erasure && !a.nobody {
				o.erasedPeople[number(a.who.id)] = true
			}
		}
	}
	return o.erasedPeople
}

// stores compares every row with what must stand there: nothing of an erased person where it must not, nobody else's row changed.
func (o *oracle) stores() {
	late := map[string]map[string]lateRow{}
	of := map[string]*asked{}
	for id, rows := range o.late {
		for _, l := range rows {
			if late[l.table] == nil {
				late[l.table] = map[string]lateRow{}
			}
			late[l.table][l.row.key], of[l.row.key] = l, o.workload.asked[id]
		}
	}
	kept := map[string]bool{}
	for _, t := range tables {
		kept[t.String()] = t.kept
	}
	for _, name := range slices.Sorted(maps.Keys(o.company.original)) {
		want := map[string]cells{}
		for key, r := range o.company.original[name] {
			if !kept[name] && o.erases(r, name) {
				continue
			}
			if o.gone()[r.names] {
				r.names = ""
			}
			want[key] = r
		}
		for key, r := range o.after[name] {
			l, isLate := late[name][key]
			switch w, ok := want[key]; {
			case ok && w == r:
			case ok:
				o.problem("%s: the row %s of somebody who did not ask for it has changed", name, key)
			case isLate && o.excused(of[l.row.key], name, l):
				o.ambiguous++
			case isLate:
				o.problem("request %s: the application wrote the row %s of %s before the last look, and it is still there", of[l.row.key].RequestID, key, name)
			default:
				o.problem("%s: the row %s of an erased person is still there", name, key)
			}
		}
		for key := range want {
			if _, ok := o.after[name][key]; !ok {
				o.problem("%s: the row %s, which must stay, is gone", name, key)
			}
		}
	}
}

// lookLasts is how long a look may have read before it said what it had seen.
const lookLasts = 5 * time.Second

// excused reports whether a late row came too late for the last look.
func (o *oracle) excused(a *asked, name string, l lateRow) bool {
	r := o.records[a.RequestID]
	if r == nil {
		return true // which was said
	}
	for _, s := range r.Systems {
		if len(s.Looks) > 0 && len(name) > len(s.Name) && name[:len(s.Name)] == s.Name {
			return l.at.After(s.Looks[len(s.Looks)-1].At.Add(-lookLasts))
		}
	}
	return false
}

// delivery holds the package of an export against its record, and against itself: each row once.
func (o *oracle) delivery(a *asked, r *completion.Record) {
	sum := int64(0)
	for _, n := range exported(r) {
		sum += n
	}
	if r.Delivery == nil {
		if sum > 0 {
			o.problem("request %s (%s) has found data and no package", a.RequestID, a.Kind)
		}
		return
	}
	file, err := os.ReadFile(filepath.Join(o.packages, string(a.RequestID)+".zip"))
	if err != nil {
		o.problem("request %s (%s): its package is not there: %v", a.RequestID, a.Kind, err)
		return
	}
	if h := sha256.Sum256(file); !bytes.Equal(h[:], r.Delivery.PackageSHA256) {
		o.problem("request %s (%s): its package is another one than the record names", a.RequestID, a.Kind)
	}
	if _, err := portability.Verify(bytes.NewReader(file), int64(len(file))); err != nil {
		o.problem("request %s (%s): its package does not verify: %v", a.RequestID, a.Kind, err)
		return
	}
	for name, n := range exported(r) {
		if err := once(file, name, n); err != nil {
			o.problem("request %s (%s): %v", a.RequestID, a.Kind, err)
		}
	}
}

// once holds that a collection's part has so many rows, and none twice.
func once(file []byte, name string, n int64) error {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	system, collection := filepath.Ext(name), name[:len(name)-len(filepath.Ext(name))]
	f, err := z.Open("data/" + collection + "/" + system[1:] + ".jsonl")
	if err != nil {
		if n == 0 {
			return nil
		}
		return fmt.Errorf("the package has no part of %s, the record counts %d", name, n)
	}
	defer func() { _ = f.Close() }() // it is only read
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for l := range bytes.Lines(text) {
		if seen[string(l)] {
			return fmt.Errorf("the package has a row of %s twice", name)
		}
		seen[string(l)] = true
	}
	if int64(len(seen)) != n {
		return fmt.Errorf("the package has %d rows of %s, the record counts %d", len(seen), name, n)
	}
	return nil
}
