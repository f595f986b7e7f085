package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestASeedFixesTheSchedule: the same seed gives the same faults, another one gives others, and even a short run meets the rare ones.
func TestASeedFixesTheSchedule(t *testing.T) {
	draw := func(seed uint64) (out []string) {
		for step := 1; step <= 40; step++ {
			out = append(out, schedule(seed, step).String())
		}
		return out
	}
	if d := cmp.Diff(draw(1), draw(1)); d != "" {
		t.Errorf("one seed gives two schedules:\n%s", d)
	}
	if cmp.Equal(draw(1), draw(2)) {
		t.Error("two seeds give one schedule")
	}
	for _, f := range rare {
		if !slices.ContainsFunc(draw(1), func(s string) bool { return strings.HasPrefix(s, f.kind+" "+f.target) }) {
			t.Errorf("40 steps have no %q", f.kind)
		}
	}
	sum := 0
	for _, w := range weights {
		sum += w.weight
	}
	if sum != 100 {
		t.Errorf("the weights come to %d", sum)
	}
}

// TestEveryFaultIsInTheSchedule: over many steps every crash point of every role, every way and every toxic comes.
func TestEveryFaultIsInTheSchedule(t *testing.T) {
	want := map[string]bool{}
	for _, p := range crashPoints {
		for _, role := range p.roles {
			want[p.name+" "+role] = true
		}
	}
	for _, way := range ways {
		for _, toxic := range toxicKinds {
			want[toxic.name+" "+way] = true
		}
	}
	for step := range 20_000 {
		f := schedule(3, step)
		point, _, _ := strings.Cut(f.detail, ":")
		delete(want, point+" "+f.target)
	}
	if len(want) > 0 {
		t.Errorf("never drawn: %v", want)
	}
}

// drawn is a workload without stores behind it.
func drawn(t *testing.T, seed uint64) *workload {
	t.Helper()
	w := newWorkload(seed, &company{seed: seed, founded: 100})
	for step := range 30 {
		if _, err := w.next(context.Background(), step, 10); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func TestASeedFixesTheWorkload(t *testing.T) {
	texts := func(w *workload) (out []string) {
		for _, a := range w.order {
			out = append(out, string(a.RequestID)+" "+string(a.Kind)+" "+a.who.email+" "+strings.Join(a.late, ","))
		}
		return out
	}
	a, b := drawn(t, 1), drawn(t, 1)
	if d := cmp.Diff(texts(a), texts(b)); d != "" {
		t.Errorf("one seed gives two workloads:\n%s", d)
	}
	if cmp.Equal(texts(a), texts(drawn(t, 2))) {
		t.Error("two seeds give one workload")
	}
	kinds := map[dsr.Kind]bool{}
	ids := map[dsr.RequestID]bool{}
	late, nobody, staff := 0, 0, 0
	for _, q := range a.order {
		kinds[q.Kind], ids[q.RequestID] = true, true
		late += len(q.late)
		if q.nobody {
			nobody++
		}
		if q.who.staff {
			staff++
		}
	}
	twice := 0
	for _, same := range a.same() {
		if len(same) > 1 {
			twice++
		}
	}
	if len(kinds) != 3 || len(ids) != len(a.order) || late == 0 || nobody == 0 || staff == 0 || twice == 0 || a.bad == 0 {
		t.Errorf("%d kinds, %d ids of %d requests, %d late writes, %d of nobody, %d of staff, %d people twice, %d malformed", len(kinds), len(ids), len(a.order), late, nobody, staff, twice, a.bad)
	}
}
