package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

// counts is what was done, for the table and for the minimums of a full run.
type counts struct {
	mu       sync.Mutex
	times    map[string]map[string]int // fault, target
	points   map[string]int            // crash points that were hit
	killed   int                       // SIGKILL to a role
	episodes int                       // of the network
}

func newCounts() *counts {
	return &counts{times: map[string]map[string]int{}, points: map[string]int{}}
}

// add counts a fault.
func (c *counts) add(fault, target string, network bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times[fault] == nil {
		c.times[fault] = map[string]int{}
	}
	c.times[fault][target]++
	if strings.HasPrefix(fault, "kill -9") {
		c.killed++
	}
	if network {
		c.episodes++
	}
}

// crash counts the death of a process at its crash point.
func (c *counts) crash(role, point string) {
	c.add("kill -9 at "+point, role, false)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.points[point]++
}

// rarest is the crash point that was hit least.
func (c *counts) rarest() (point string, times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	times = -1
	for _, p := range crashPoints {
		if n := c.points[p.name]; times < 0 || n < times {
			point, times = p.name, n
		}
	}
	return point, times
}

func (c *counts) kills() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.killed
}

func (c *counts) networks() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.episodes
}

// write prints faults, targets, times and what became of the requests under all of them.
func (c *counts) write(w io.Writer, outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "fault\ttimes\ttargets\toutcome")
	for _, fault := range slices.Sorted(maps.Keys(c.times)) {
		n, on := 0, ""
		for _, target := range slices.Sorted(maps.Keys(c.times[fault])) {
			n += c.times[fault][target]
			on += fmt.Sprintf(", %s %d", target, c.times[fault][target])
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", fault, n, strings.TrimPrefix(on, ", "), outcome)
	}
	_ = t.Flush() // to a person
}
