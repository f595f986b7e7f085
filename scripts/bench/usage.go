package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// usage is what one process took.
type usage struct {
	Role       string  `json:"role"`
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakMiB    float64 `json:"peak_mib"` // resident, since its start
}

// ticksPerSecond is the unit of /proc's CPU times: 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// cpuSeconds is the CPU time of a process so far, in user and kernel mode.
func cpuSeconds(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, ok := bytes.Cut(b, []byte(") ")) // the name before it may hold anything
	f := strings.Fields(string(after))
	if !ok || len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat reads otherwise than expected", pid)
	}
	var ticks float64
	for _, s := range f[11:13] {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return ticks / ticksPerSecond, nil
}

// residentMiB reads VmRSS (at this moment) or VmHWM (the peak) of a process.
func residentMiB(pid int, field string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && name == field {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, field)
}
