package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// company is a pipeline of its own: topics, a database, and processes for its roles. This process publishes requests and waits for records.
type company struct {
	l        *lab
	dir      string
	database string
	systems  int
	proc     *roles.Process
	children []*child

	stopWatch context.CancelFunc
	watching  *errgroup.Group

	mu     sync.Mutex
	sealed map[dsr.RequestID]time.Time // when its record was seen
	news   chan struct{}
}

// shape is what a company is made of.
type shape struct {
	systems   int
	instances int      // of the coordinator and of each responder
	environ   []string // of their processes
	more      string   // further lines of the configuration
	shopMap   string   // the schema of a shop that is one more system; empty: none
}

// found makes topics, keys and a database, and starts nothing but the watch of the completions topic.
func (l *lab) found(ctx context.Context, s shape) (*company, error) {
	broker, err := l.broker(ctx)
	if err != nil {
		return nil, err
	}
	database, err := l.database(ctx)
	if err != nil {
		return nil, err
	}
	name := l.next("company")
	c := &company{l: l, dir: filepath.Join(l.dir, name), database: database, systems: s.systems, sealed: map[dsr.RequestID]time.Time{}, news: make(chan struct{}, 1)}
	cfg, err := c.configure(name, broker, s)
	if err != nil {
		return nil, err
	}
	if c.proc, err = roles.Open(cfg, completion.Software{Version: "bench", Commit: "bench"}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))); err != nil {
		return nil, err
	}
	if _, err := c.proc.Kafka.Apply(ctx, roles.Topics(cfg)); err != nil {
		return nil, errors.Join(err, c.proc.Close())
	}
	watch, cancel := context.WithCancel(ctx)
	c.stopWatch = cancel
	c.watching, watch = errgroup.WithContext(watch)
	c.watching.Go(func() error { return c.watch(watch) })
	return c, nil
}

// start runs the coordinators and the responders.
func (c *company) start(s shape) error {
	for i := range max(1, s.instances) {
		if err := c.play(coordinatorRole, i, s.environ); err != nil {
			return err
		}
		for n := range c.systems {
			if err := c.play(system(n), i, s.environ); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *company) play(role string, instance int, environ []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	environ = append([]string{roleVariable + "=" + role, configVariable + "=" + filepath.Join(c.dir, "lethe.yml"), ledgersVariable + "=" + c.database}, environ...)
	if dir := c.l.profiles; dir != "" {
		environ = append(environ, profileVariable+"="+filepath.Join(dir, fmt.Sprintf("%s-%s-%d", filepath.Base(c.dir), role, instance)))
	}
	p, err := spawn(role, self, nil, environ)
	if err != nil {
		return err
	}
	c.children = append(c.children, p)
	return nil
}

func system(i int) string { return fmt.Sprintf("system%02d", i+1) }

func (c *company) configure(name, broker string, s shape) (roles.Config, error) {
	keys := filepath.Join(c.dir, "keys")
	if err := os.MkdirAll(filepath.Join(c.dir, "exports"), 0o700); err != nil {
		return roles.Config{}, err
	}
	if _, err := sealing.CreateDir(keys); err != nil {
		return roles.Config{}, err
	}
	if _, err := completion.CreateKey(keys); err != nil {
		return roles.Config{}, err
	}
	var m strings.Builder
	m.WriteString("dataset:\n")
	for i := range s.systems {
		fmt.Fprintf(&m, answeringMap, system(i))
	}
	if s.shopMap != "" {
		text, err := shopFiles.ReadFile("shop/map.yml")
		if err != nil {
			return roles.Config{}, err
		}
		_, text, _ = bytes.Cut(text, []byte("dataset:\n"))
		m.WriteString(strings.ReplaceAll(string(text), "SCHEMA", s.shopMap))
	}
	files := map[string]string{"map.yml": m.String(), "lethe.yml": fmt.Sprintf(`
kafka: {brokers: [%q], topic_prefix: "%s.", partitions: 6, replication: 1, min_insync_replicas: 1}
controller: {name: Bench, establishment: here}
establishments: {here: {time_zone: UTC, calendar: none}}
keys: {dir: keys}
store: {url: %q}
data_map: {files: [map.yml]}
export: {url: "file://%s"}
limits: {settle: 0s}
%s`, broker, name, c.database, filepath.ToSlash(filepath.Join(c.dir, "exports")), s.more)}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			return roles.Config{}, err
		}
	}
	return roles.LoadCoordinator(filepath.Join(c.dir, "lethe.yml"), nil)
}

// answeringMap is the data map of a system that answers without a store.
const answeringMap = `- fides_key: %s
  meta:
    lethe.version: 1
    lethe.subjects: {customer: {collection: rows, key: id, identities: {email: email}}}
    lethe.erase: {customer: {rows: delete}}
    lethe.retention: {rows: P1Y}
    lethe.backups: none
    lethe.physical: {within: P1D}
    lethe.recipients: []
    lethe.relation: own
    lethe.not_covered: []
  collections:
  - name: rows
    data_uses: [essential.service]
    fields:
    - {name: id, data_categories: [user.unique_id], fides_meta: {data_type: integer, primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {data_type: string}}
`

// watch notes when each record is on the completions topic.
func (c *company) watch(ctx context.Context) error {
	for m, err := range c.proc.Kafka.Tail(ctx, kafka.TailConfig{Topics: []string{c.proc.Config.Kafka.TopicPrefix + dsr.TopicCompletions}, Follow: true}) {
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		now := time.Now()
		c.mu.Lock()
		if id := dsr.RequestID(m.Key); c.sealed[id].IsZero() {
			c.sealed[id] = now
		}
		c.mu.Unlock()
		select {
		case c.news <- struct{}{}:
		default:
		}
	}
	return nil
}

func (c *company) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sealed)
}

// until waits for so many records in all.
func (c *company) until(ctx context.Context, n int, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for c.count() < n {
		for _, p := range c.children {
			if err := p.ended(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d records came: %w", c.count(), n, ctx.Err())
		case <-c.news:
		}
	}
	return nil
}

// mark begins a measurement of the processes, used ends it.
func (c *company) mark() error {
	for _, p := range c.children {
		if err := p.mark(); err != nil {
			return err
		}
	}
	return nil
}

// used adds up the instances of a role, and the responders, which are all alike.
func (c *company) used() ([]usage, error) {
	sums := []usage{{Role: coordinatorRole}, {Role: "responder"}}
	for _, p := range c.children {
		u, err := p.used()
		if err != nil {
			return nil, err
		}
		s := &sums[1]
		if p.role == coordinatorRole {
			s = &sums[0]
		}
		s.CPUSeconds += u.CPUSeconds
		s.PeakMiB = max(s.PeakMiB, u.PeakMiB)
	}
	if n := len(c.children); n > 2 {
		sums[1].Role = "responders, all; memory of one"
	}
	return sums, nil
}

// messages is how many messages the company's topics have taken.
func (c *company) messages(ctx context.Context) (n float64, err error) {
	for _, t := range roles.Topics(c.proc.Config) {
		extents, err := c.proc.Kafka.Extents(ctx, t.Name)
		if err != nil {
			return 0, err
		}
		for _, e := range extents {
			n += float64(e.End)
		}
	}
	return n, nil
}

// quit stops the processes and gives the database back.
func (c *company) quit(ctx context.Context) error {
	var errs []error
	for _, p := range c.children {
		errs = append(errs, p.stop(ctx))
	}
	c.stopWatch()
	errs = append(errs, c.watching.Wait(), c.proc.Close(), c.l.drop(ctx, c.database), os.RemoveAll(c.dir))
	return errors.Join(errs...)
}
