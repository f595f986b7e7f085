package objects

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Config is what a responder for files needs to know. Bucket, Map and System are required.
type Config struct {
	Bucket *blob.Bucket
	Map    *datamap.Map
	System string // of the map; lethe.objects says of all its collections where they are

	// Dir is the directory, where the bucket is one. With it what others append to a file while it is replaced is carried over, an
	// unreadable directory is an error (the bucket alone would take it for an empty one), and a directory that an erasure left empty
	// is removed: its name may name a person.
	Dir string
	// Linger is how long, once a batch, the responder waits before it looks for the last time at the files in Dir that it replaced,
	// for what a program had opened before and wrote after; default 50 ms.
	Linger time.Duration

	MaskKey  []byte // secret for masks of the strategy hmac, 32 bytes or more; required where the map uses one
	MaxKeys  int    // keys of records remembered for each dispatch; default 2000
	MaxLinks int    // values that lead from one collection to another, for each dispatch; default 100,000
	MaxLine  int    // bytes of one line; default 16 MiB

	Clock  func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()
}

// System is a [responder.System] for files, with [responder.Exporter] and [responder.Resolver]. It is safe for concurrent use.
type System struct {
	cfg    Config
	system *datamap.System
	plans  []*plan // by kind of subject

	writing  sync.Mutex // two batches must not replace the same file
	replaced []replaced // files of the batch that is writing
	late     tallies    // what was found in them after they were replaced
}

var (
	_ responder.System   = (*System)(nil)
	_ responder.Exporter = (*System)(nil)
	_ responder.Resolver = (*System)(nil)
)

// MisfitError says that the data map asks for what this responder cannot do.
type MisfitError struct {
	System   string
	Problems []string
}

// Error names all problems.
func (e *MisfitError) Error() string {
	return "the data map does not fit the files of system " + e.System + ": " + strings.Join(e.Problems, "; ")
}

// New checks that the map can be carried out on files and that the bucket is there. It returns a [*MisfitError], an error of
// class unavailable, or one for a configuration that is wrong.
func New(ctx context.Context, c Config) (*System, error) {
	s := &System{cfg: c}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("configure the responder of files: %w", err)
	}
	b := &planner{system: s.system}
	for _, f := range c.Map.Check() {
		if f.System == c.System && f.Severity == datamap.SeverityError {
			b.problem("%s", f.String())
		}
	}
	for _, sub := range s.system.Subjects {
		s.plans = append(s.plans, b.plan(sub))
	}
	if len(b.problems) > 0 {
		return nil, &MisfitError{c.System, b.problems}
	}
	for _, p := range s.plans {
		if p.hashes() && len(c.MaskKey) < 32 {
			return nil, errors.New("configure the responder of files: the data map masks with hmac, which takes a key of 32 bytes or more")
		}
	}
	return s, s.Check(ctx)
}

func (s *System) configure() error {
	var errs []error
	c := &s.cfg
	if c.Bucket == nil {
		errs = append(errs, errors.New("no bucket given"))
	}
	if c.Map == nil {
		errs = append(errs, errors.New("no data map given"))
	} else if m, ok := c.Map.System(c.System); !ok {
		errs = append(errs, fmt.Errorf("system %q: %w", c.System, datamap.ErrUnknownSystem))
	} else if len(m.Subjects) == 0 {
		errs = append(errs, fmt.Errorf("system %q: the data map names no subjects there", c.System))
	} else {
		s.system = m
	}
	if c.MaxKeys < 0 || c.MaxLinks < 0 || c.MaxLine < 0 || c.Linger < 0 {
		errs = append(errs, errors.New("a limit is negative"))
	}
	if c.MaxKeys == 0 {
		c.MaxKeys = 2000
	}
	if c.MaxLinks == 0 {
		c.MaxLinks = 100_000
	}
	if c.MaxLine == 0 {
		c.MaxLine = 16 << 20
	}
	if c.Linger == 0 {
		c.Linger = 50 * time.Millisecond
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return errors.Join(errs...)
}

// Check implements [responder.System].
func (s *System) Check(ctx context.Context) error {
	const doing = "ask the bucket for a sign of life"
	if s.cfg.Dir != "" { // the bucket takes a directory that is not there for an empty one
		if _, err := os.Stat(s.cfg.Dir); err != nil {
			return responder.Unavailable(failed(doing, err))
		}
	}
	ok, err := s.cfg.Bucket.IsAccessible(ctx)
	if err != nil {
		return failed(doing, err)
	}
	if !ok {
		return responder.Unavailable(errors.New(doing + ": it is not there"))
	}
	return nil
}
