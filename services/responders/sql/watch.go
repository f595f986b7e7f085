package sql

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// watch holds the layout that work is done by. A migration replaces it: by one that fits, or by one that stops all work until
// another migration, of the database or of nothing but its rights, makes it fit again.
type watch struct{ at atomic.Pointer[layout] }

// present returns the system with the plans for the catalogue that a transaction sees, and the fingerprint of that catalogue. Where
// it moved since the plans were made, the catalogue is read and planned anew. An error of class unavailable says that the map does
// not fit any more: [System.Check] fails as well, so that the requests wait.
func (s *System) present(ctx context.Context, q runner) (*System, error) {
	l, began := s.watch.at.Load(), time.Now()
	print, err := s.print(ctx, q)
	if err != nil {
		return nil, err
	}
	if print != l.print || len(l.problems) > 0 {
		if l, err = s.again(ctx, q, l); err != nil {
			return nil, err
		}
	}
	if len(l.problems) > 0 {
		return nil, responder.Unavailable(s.misfit(l))
	}
	l.seen.Store(&began)
	now := *s
	now.layout = l
	return &now, nil
}

// lately is [System.present] for what changes nothing and comes often: the catalogue was seen a moment ago. A migration of this moment finds
// exports that began before it, as any migration does.
func (s *System) lately(ctx context.Context, q runner) (*System, error) {
	l := s.watch.at.Load()
	if seen := l.seen.Load(); seen == nil || time.Since(*seen) > moment || len(l.problems) > 0 {
		return s.present(ctx, q)
	}
	now := *s
	now.layout = l
	return &now, nil
}

// moment is how long an export may rely on what was seen of the catalogue: reading that takes a quarter of a small export's time.
const moment = 100 * time.Millisecond

// unmoved demands that the catalogue is still the one that the transaction's work was planned by. At its end: what the work holds
// locks on cannot change any more before the commit, and what changed before the locks were taken is seen here. On SQLite nothing
// can have changed.
func (s *System) unmoved(ctx context.Context, q reader) error {
	print, err := s.print(ctx, q)
	if err != nil {
		return err
	}
	if print != s.layout.print {
		return responder.Unavailable(ownErrorf("the catalogue changed during the erasure, which is undone and begins again"))
	}
	return nil
}

// again lays the map over the catalogue as it is now, puts the outcome in the place of old, and says once what changed.
func (s *System) again(ctx context.Context, q runner, old *layout) (*layout, error) {
	l, err := s.lay(ctx, q)
	if err != nil {
		return nil, err
	}
	if !s.watch.at.CompareAndSwap(old, l) {
		return l, nil // another transaction was faster, and said so; if it saw an older state, the next print tells
	}
	before, after := len(old.problems) > 0, len(l.problems) > 0
	changes := l.cat.since(old.cat)
	log, at := s.cfg.Logger.With("system", s.cfg.System, "changes", strings.Join(changes, "; ")), slog.LevelInfo
	if left := s.leftOut(l.cat, old.cat); len(left) > 0 {
		log, at = log.With("neither_erased_nor_exported", strings.Join(left, ", ")), slog.LevelWarn
	}
	switch {
	case after && (!before || !sameProblems(old.problems, l.problems)):
		log.ErrorContext(ctx, "the data map does not fit the database any more: nothing is worked in this system, and its requests wait, until it does",
			"problems", strings.Join(texts(l.problems), "; "))
	case before && !after:
		log.Log(ctx, at, "the data map fits the database again: its requests go on")
	case !before && !after && len(changes) > 0:
		log.Log(ctx, at, "the database's catalogue changed, and the data map still fits: work goes on by a new plan")
	}
	return l, nil
}

func (s *System) misfit(l *layout) *MisfitError { return &MisfitError{s.cfg.System, texts(l.problems)} }

func sameProblems(a, b []problem) bool { return slices.Equal(texts(a), texts(b)) }

// Check implements [responder.System]: the database answers, and the data map fits its catalogue.
func (s *System) Check(ctx context.Context) error {
	l := s.watch.at.Load()
	print, err := s.print(ctx, live{s.cfg.DB})
	if err != nil {
		return err
	}
	if print == l.print && len(l.problems) == 0 {
		return nil
	}
	tx, err := s.d.snapshot(ctx, s.cfg.DB)
	if err != nil {
		return failed("begin to read the catalogue", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	_, err = s.present(ctx, live{tx})
	return err
}
