package roles

import (
	"context"
	"net/url"
	"path/filepath"

	"gocloud.dev/blob/fileblob"

	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/responders/objects"
)

// objectsResponder serves files. Their directory is never made here: one that is not there is a system that is away, and an empty
// one in its place would be taken for a system that knows nobody.
func (p *Process) objectsResponder(ctx context.Context, cfg responder.Config, sys config.System) error {
	u, err := url.Parse(sys.URL)
	if err != nil {
		return errStoreURL
	}
	dir := filepath.FromSlash(u.Path)
	l, closeLedger, err := p.ledger(nil, "", sys)
	if err != nil {
		return err
	}
	defer p.closing("ledger", closeLedger)
	masks, err := p.maskKey(cfg.System)
	if err != nil {
		return err
	}
	s, err := await(ctx, p, "system "+cfg.System, func() (*objects.System, error) {
		bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
		if err != nil {
			return nil, responder.Unavailable(err)
		}
		s, err := objects.New(ctx, objects.Config{Bucket: bucket, Dir: dir, Map: p.Map, System: cfg.System, MaskKey: masks, Logger: cfg.Logger})
		if err != nil {
			p.closing("directory of "+cfg.System, bucket.Close)
			return nil, err
		}
		return s, nil
	}, away)
	if err != nil {
		return err
	}
	return p.serve(ctx, cfg, s, l)
}
