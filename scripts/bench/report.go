package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what a run found.
type report struct {
	Machine string            `json:"machine"`
	Go      string            `json:"go"`
	Servers map[string]string `json:"servers"`
	Began   time.Time         `json:"began"`
	Short   bool              `json:"short"`
	Figures []figure          `json:"figures"`
}

// figure is one measured number beside its floor: the same work by bare calls, in the same run.
type figure struct {
	Case  string   `json:"case"`
	What  string   `json:"what"`
	Value float64  `json:"value"`
	Unit  string   `json:"unit"`
	Floor *float64 `json:"floor,omitempty"`
	Ratio *float64 `json:"ratio,omitempty"` // value to floor

	// Bound is the ratio (or, without a floor, the value) that -check holds; More says that higher is better.
	Bound float64 `json:"bound,omitempty"`
	More  bool    `json:"more_is_better"`

	Note       string      `json:"note,omitempty"`
	PerRequest *perRequest `json:"per_request,omitempty"`
	Roles      []usage     `json:"roles,omitempty"`
}

// perRequest is what one request costs the servers.
type perRequest struct {
	Statements    float64 `json:"statements"`     // that PostgreSQL ran
	Messages      float64 `json:"messages"`       // that Kafka took
	DatabaseBytes float64 `json:"database_bytes"` // by which the database has grown: the coordinator's tables and every ledger
	KafkaBytes    float64 `json:"kafka_bytes"`    // by which the broker's files have grown: one copy, compressed
}

// beside sets a figure beside its floor.
func (f figure) beside(floor float64) figure {
	ratio := f.Value / floor
	f.Floor, f.Ratio = &floor, &ratio
	return f
}

// machine says where the figures were measured.
func machine() string {
	model := runtime.GOARCH
	if file, err := os.Open("/proc/cpuinfo"); err == nil {
		defer file.Close() //nolint:errcheck // it was only read
		for s := bufio.NewScanner(file); s.Scan(); {
			if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d CPUs, %s", runtime.GOOS, runtime.NumCPU(), model)
}

func (r report) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s; %s; %s\n\n", r.Machine, r.Go, describe(r.Servers))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "case\twhat\tfigure\tfloor\tratio\t")
	for _, f := range r.Figures {
		floor, ratio := "", ""
		if f.Floor != nil {
			floor, ratio = number(*f.Floor), fmt.Sprintf("%.2f", *f.Ratio)
		}
		fmt.Fprintf(t, "%s\t%s\t%s %s\t%s\t%s\t%s\n", f.Case, f.What, number(f.Value), f.Unit, floor, ratio, f.Note)
	}
	t.Flush()
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range r.Figures {
		if f.PerRequest != nil {
			p := f.PerRequest
			fmt.Fprintf(t, "%s\t%s\ta request: %.2f statements, %.1f messages; %.1f kB in PostgreSQL, %.1f kB in Kafka\t\t\n", f.Case, f.What, p.Statements, p.Messages, p.DatabaseBytes/1000, p.KafkaBytes/1000)
		}
		for _, u := range f.Roles {
			fmt.Fprintf(t, "%s\t%s\t%s\t%.2f s CPU\tat most %.0f MiB\n", f.Case, f.What, u.Role, u.CPUSeconds, u.PeakMiB)
		}
	}
	t.Flush()
}

func describe(servers map[string]string) string {
	var out []string
	for _, name := range []string{"Apache Kafka", "PostgreSQL", "MariaDB"} {
		if v := servers[name]; v != "" {
			out = append(out, strings.TrimSpace(name+" "+v))
		}
	}
	return strings.Join(out, ", ") + " (fsync on) on the same machine"
}

// number writes a figure with three significant digits or so.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// check holds each ratio against its bound: half of what was reached, so that only a real regression breaks it.
func (r report) check() error {
	var errs []error
	for _, f := range r.Figures {
		got := f.Value
		if f.Ratio != nil {
			got = *f.Ratio
		}
		if f.Bound > 0 && (f.More && got < f.Bound || !f.More && got > f.Bound) {
			errs = append(errs, fmt.Errorf("%s, %s: %s is worse than the bound of %s", f.Case, f.What, number(got), number(f.Bound)))
		}
	}
	return errors.Join(errs...)
}
