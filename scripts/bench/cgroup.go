package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// cgroup is a control group that holds one process to a share of a CPU.
type cgroup struct{ dir string }

const quotaPeriod = 50_000 // µs: short, so that a batch is not stopped for long; a quota is 1,000 at least

// limitCPU puts a process into a control group of its own: of version 1 or 2, whichever the machine has. It takes root.
func limitCPU(pid int, share float64) (*cgroup, error) {
	quota := strconv.Itoa(int(share * quotaPeriod))
	name := fmt.Sprintf("lethe-bench-%d", pid)
	g := &cgroup{filepath.Join("/sys/fs/cgroup/cpu", name)}
	settings := [][2]string{{"cpu.cfs_period_us", strconv.Itoa(quotaPeriod)}, {"cpu.cfs_quota_us", quota}}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		g.dir, settings = filepath.Join("/sys/fs/cgroup", name), [][2]string{{"cpu.max", quota + " " + strconv.Itoa(quotaPeriod)}}
	}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a control group, which takes root and cgroups: %w", err)
	}
	for _, s := range append(settings, [2]string{"cgroup.procs", strconv.Itoa(pid)}) {
		if err := os.WriteFile(filepath.Join(g.dir, s[0]), []byte(s[1]), 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("set %s: %w", s[0], err), g.remove())
		}
	}
	return g, nil
}

// remove gives the group back once its process has ended.
func (g *cgroup) remove() error { return os.Remove(g.dir) }
