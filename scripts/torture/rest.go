package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// level is what a process holds when it has nothing to do.
type level struct{ files, threads, rss, goroutines int }

// rest measures what the processes of each role hold, the most of any.
func rest(f *fleet) map[string]level {
	out := map[string]level{}
	for _, p := range f.all() {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.pid()))
		l := out[p.role]
		l.files = max(l.files, len(files))
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid()))
		if err != nil {
			continue
		}
		l.threads, l.rss = max(l.threads, field(text, "Threads:")), max(l.rss, field(text, "VmRSS:")/1024)
		out[p.role] = l
	}
	return out
}

func field(text []byte, name string) int {
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0]) // the kernel's own form
			return n
		}
	}
	return 0
}

// dump ends one instance of each role by SIGQUIT, which has it list its goroutines, and starts another where wanted.
func dump(f *fleet, again bool, into map[string]level) error {
	var errs []error
	for _, role := range roleNames {
		s := f.pick(role, 0)
		s.lock.Lock()
		p := s.proc
		p.meant("dumped")
		p.signal(syscall.SIGQUIT)
		<-p.done
		l := into[role]
		text, err := os.ReadFile(filepath.Join(f.logs, p.name+".log"))
		if err == nil {
			text = text[max(0, strings.LastIndex(string(text), "SIGQUIT: quit")):]
			l.goroutines = strings.Count(string(text), "\ngoroutine ")
		}
		into[role] = l
		s.proc = nil
		if again {
			err = errors.Join(err, f.spawn(s, ""))
		}
		s.lock.Unlock()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// connections counts those of Lethe's roles of the databases.
func (s *stage) connections(ctx context.Context) (map[string]int, error) {
	out := map[string]int{}
	count := func() error {
		rows, err := s.admin.QueryContext(ctx, "select usename, count(*) from pg_stat_activity where usename like 'lethe_%' group by 1")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			name, n := "", 0
			if err := rows.Scan(&name, &n); err != nil {
				return err
			}
			out[name] = n
		}
		if err := rows.Err(); err != nil {
			return err
		}
		n := 0
		err = s.root.QueryRowContext(ctx, "select count(*) from information_schema.processlist where user = 'lethe_desk'").Scan(&n)
		out["lethe_desk"] = n
		return err
	}
	return out, persist(ctx, count)
}

// leaks compares what is held at the end with what was held at the beginning, by as many processes.
func leaks(before, after map[string]level) (out []string) {
	for _, role := range slices.Sorted(maps.Keys(after)) {
		b, a := before[role], after[role]
		for _, c := range []struct {
			what        string
			before, now int
			most        int
		}{
			{"file descriptors", b.files, a.files, b.files + 12},
			{"threads", b.threads, a.threads, b.threads + 24},
			{"goroutines", b.goroutines, a.goroutines, b.goroutines + 30},
			{"MiB of memory", b.rss, a.rss, b.rss + 400}, // the coordinator keeps open requests in 128 MiB of it, and the runtime gives back slowly what a burst took
		} {
			if c.now > c.most {
				out = append(out, fmt.Sprintf("%s holds %d %s at rest, %d at the beginning", role, c.now, c.what, c.before))
			}
		}
	}
	return out
}

// lag waits until no group has anything left to read, and says who has.
func (t *torture) lag(ctx context.Context, limit time.Duration) string {
	left := ""
	until(ctx, limit, 500*time.Millisecond, func() bool {
		left = ""
		for group, topics := range groups() {
			lags, err := t.proc.Kafka.Lag(ctx, prefix+group, topics)
			if err != nil {
				left = err.Error()
				return false
			}
			for _, l := range lags {
				if l.Records > 0 {
					left += fmt.Sprintf("group %s has %d messages of %s/%d before it; ", group, l.Records, l.Topic, l.Partition)
				}
			}
		}
		return left == ""
	})
	return left
}

// groups are the consumer groups, and what each reads.
func groups() map[string][]string {
	of := func(topics ...string) (out []string) {
		for _, t := range topics {
			out = append(out, prefix+t)
		}
		return out
	}
	systems := of(dsr.TopicResolution, dsr.TopicErasure, dsr.TopicPortability, dsr.TopicAccess, dsr.TopicVerification)
	return map[string][]string{
		"coordinator." + dsr.TopicRequests: of(dsr.TopicRequests), "coordinator." + dsr.TopicAcknowledgement: of(dsr.TopicAcknowledgement),
		"shop": systems, "desk": systems, "chats": systems, dsr.Packager: of(dsr.TopicPackaging),
	}
}
