package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/scripts/torture/plant"
)

// plantSeeds is how many seeds a bug is given to show itself.
const plantSeeds = 3

// plantComplaints is how many of the oracle's complaints are printed of a bug: enough to see that it is the bug they complain of.
const plantComplaints = 5

// focus is what a bug shows itself under, one after the other at every third step, where the weights of the schedule would bring it too
// seldom for a run of a minute. An empty one leaves its step to the schedule, so that what stopped can go on.
var focus = map[string][]fault{
	"last-acknowledgement-wins": {{kind: locked, target: "shop", last: 3 * time.Second}, {kind: redeliver, detail: "300 messages, shuffled"}},
	// Both owners have the batch at once, and the second waits for the rows of the first.
	"ledger-read-before-claimed": {{kind: stalled, target: "shop", n: 1, detail: "responder.claimed:3", last: 4 * time.Second}, {}, {}},
	"not-found-by-resumed":       {{kind: crash, target: "chats", n: 1, detail: "responder.effected:1"}},
	"outbox-deleted-on-error":    {{kind: spoiled, target: "kafka-coordinator", detail: "half-open, no answer arrives", last: 3 * time.Second}},
	// One that stops with rows in hand, after the other has given it the shards; then its session goes and the other goes on.
	"overtaken-relay-keeps-silent": {
		{kind: stalled, target: "coordinator", n: 0, detail: "coordinator.relay.fetched:2", last: 8 * time.Second}, {kind: killed, target: "coordinator", n: 1}, {kind: restarted, target: "postgres"}, {}, {},
	},
	"seal-without-lock":                 {{kind: stalled, target: "coordinator", n: 1, detail: "coordinator.saved:9", last: 4 * time.Second}, {}, {}},
	"source-offset-outside-transaction": {{kind: crash, target: "coordinator", n: 1, detail: "coordinator.saved:2"}},
	"stale-status":                      {{kind: stalled, target: "coordinator", n: 1, detail: "coordinator.relay.fetched:3", last: 4 * time.Second}, {}, {}},
}

// plants builds known bugs in, one after the other, and reports whether each was caught.
func plants(ctx context.Context, o options, root, dir string, seeds []uint64) (bool, error) {
	names := strings.Split(o.plant, ",")
	if o.plant == "all" {
		names = plant.Names()
	}
	for _, name := range names {
		if !slices.Contains(plant.Names(), name) {
			return false, fmt.Errorf("no plant %q; there are %s", name, strings.Join(plant.Names(), ", "))
		}
	}
	var missed []string
	for _, name := range names {
		o.plant = name
		caught, err := planted(ctx, o, root, filepath.Join(dir, name), name, seeds[0])
		if ctx.Err() != nil {
			return false, err
		}
		if err != nil {
			fmt.Printf("plant %s: cannot be built in: %v\n", name, err)
		}
		if !caught {
			missed = append(missed, name)
		}
	}
	if len(missed) > 0 {
		fmt.Printf("NOT caught: %s\n", strings.Join(missed, ", "))
	}
	return len(missed) == 0, nil
}

// planted runs seeds with one bug until the oracle finds something wrong.
func planted(ctx context.Context, o options, root, dir, name string, seed uint64) (bool, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	overlay, err := plant.Overlay(root, dir, name)
	if err != nil {
		return false, err
	}
	binary, err := build(ctx, root, dir, overlay, o.race)
	if err != nil {
		return false, err
	}
	fmt.Printf("plant %s: %s\n", name, plant.About(name))
	for try := range uint64(plantSeeds) {
		o.seed = seed + try
		began := time.Now()
		t := &torture{options: o, out: io.Discard}
		if o.verbose {
			t.out = os.Stdout
		}
		if err := t.execute(ctx, binary); err != nil {
			if ctx.Err() != nil {
				return false, err
			}
			t.problems = append(t.problems, err.Error())
		}
		if len(t.problems) == 0 {
			fmt.Printf("plant %s: not seen with seed %d, after %.0f s\n", name, o.seed, time.Since(began).Seconds())
			continue
		}
		fmt.Printf("plant %s: caught, with seed %d, after %.0f s: %d complaints, among them\n", name, o.seed, time.Since(began).Seconds(), len(t.problems))
		for _, p := range t.problems[:min(len(t.problems), plantComplaints)] {
			fmt.Printf("  %s\n", p)
		}
		return true, nil
	}
	return false, nil
}
