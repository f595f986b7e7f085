package packager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// sweepEvery is how often the export store is looked through.
const sweepEvery = time.Hour

// Retain destroys what has been in the export store for longer than the retention, until ctx ends: packages, which the person can
// no longer fetch, and the parts that they were made from. A record states the day of a package; it is kept for up to two hours
// more, never less. Several instances may do it at once.
func (p *Packager) Retain(ctx context.Context, retention time.Duration, log *slog.Logger) error {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		n, err := p.sweep(ctx, time.Now().Add(-retention-sweepEvery))
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "what is past its retention was not destroyed yet", "error", err)
		}
		if n > 0 {
			log.InfoContext(ctx, "destroyed what was past its retention in the export store", "objects", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// sweep deletes what was written before an instant. Nothing but Lethe's own two directories is looked at.
func (p *Packager) sweep(ctx context.Context, before time.Time) (n int, err error) {
	for _, dir := range []string{"packages/", "parts/"} {
		all := p.store.List(&blob.ListOptions{Prefix: dir})
		for {
			o, err := all.Next(ctx)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return n, fmt.Errorf("list export store: %w", err)
			}
			if o.IsDir || !o.ModTime.Before(before) {
				continue
			}
			switch err := p.store.Delete(ctx, o.Key); {
			case err == nil:
				n++
			case gcerrors.Code(err) != gcerrors.NotFound: // another instance was faster
				return n, fmt.Errorf("delete from export store: %w", err)
			}
		}
	}
	return n, nil
}
