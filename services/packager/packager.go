// Package packager is the service that assembles the export of an access or portability request: it answers as system
// lethe.packager in phase package, before the record is sealed, so that the package's hash stands in the record.
//
// It runs on the responder runtime like every other responder: same ledger, same retries, same dead letters. Personal data goes
// from the export store through it into the export store and nowhere else; it never opens an identifier.
package packager

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"path"
	"strconv"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/portability"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// MediaType of a package.
const MediaType = "application/zip"

// methodVersion goes into the acknowledgement: which build's format a package has.
const methodVersion = portability.SchemaV1

// Packager assembles packages. It is safe for concurrent use.
type Packager struct {
	responder.NoErasure

	store      *blob.Bucket
	controller string
	facts      []portability.Facts
}

// New returns a packager over the export store. controller and facts are shown to the person; both may be empty.
func New(store *blob.Bucket, controller string, facts []portability.Facts) *Packager {
	return &Packager{store: store, controller: controller, facts: facts}
}

var _ responder.Packager = (*Packager)(nil)

// Package implements responder.Packager: it writes one zip and names it in the answer, with its hash. A part that is missing
// or differs from what its system acknowledged fails the request for good: to hand over something else would be worse than
// nothing. Doing it again writes the same bytes to the same place.
func (p *Packager) Package(ctx context.Context, d responder.Dispatch) (responder.Answer, error) {
	key := Key(d.Tenant, d.RequestID, d.Round)
	sum, size, m, err := p.write(ctx, key, d)
	if err != nil {
		return responder.Answer{}, err
	}
	var records int64
	for _, f := range m.Files {
		records += f.Records
	}
	return responder.Answer{
		Collections: []dsr.Collection{{
			Name: "package", Outcome: dsr.Exported, Counts: dsr.Counts{Found: records, Exported: records}, CountQuality: dsr.CountsExact,
			Method: "zip", MethodVersion: methodVersion,
		}},
		Parts: []dsr.Part{{System: dsr.Packager, Collection: "package", Path: key, MediaType: MediaType, SHA256: sum, SizeBytes: size, Records: records}},
	}, nil
}

// Key is where the package of a request stands in the export store; round counts from 1 and rises when a late export is
// packaged anew.
func Key(tenant string, id dsr.RequestID, round int32) string {
	name := string(id)
	if round > 1 {
		name += "-" + strconv.Itoa(int(round))
	}
	if tenant == "" {
		return path.Join("packages", name+".zip")
	}
	return path.Join("packages", url.PathEscape(tenant), name+".zip")
}

func (p *Packager) write(ctx context.Context, key string, d responder.Dispatch) ([]byte, int64, portability.Manifest, error) {
	// Closing a writer publishes what it has, also after an error: only a context that has ended makes Close drop it.
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := p.store.NewWriter(wctx, key, &blob.WriterOptions{ContentType: MediaType})
	if err != nil {
		return nil, 0, portability.Manifest{}, responder.Unavailable(fmt.Errorf("open export store: %w", err))
	}
	out := &counted{w: w, sum: sha256.New()}
	m, err := portability.Write(ctx, out, portability.Package{
		RequestID: d.RequestID, Kind: d.Kind, Controller: p.controller, ReceivedAt: d.ReceivedAt, MadeAt: d.AsOf, Parts: d.Parts, Lines: d.Pending, Facts: p.facts,
	}, p.open)
	if err != nil {
		cancel()
		_ = w.Close() // an error is what is wanted of it
		return nil, 0, m, classified(err)
	}
	if err := w.Close(); err != nil {
		return nil, 0, m, responder.Unavailable(fmt.Errorf("write to export store: %w", err))
	}
	return out.sum.Sum(nil), out.n, m, nil
}

func (p *Packager) open(ctx context.Context, part dsr.Part) (io.ReadCloser, error) {
	return p.store.NewReader(ctx, part.Path, nil)
}

// classified says what to do about an error: what is wrong with a part stays wrong, what is wrong with the store may pass.
func classified(err error) error {
	var part *portability.PartError
	if errors.As(err, &part) || gcerrors.Code(err) == gcerrors.NotFound {
		return responder.Permanent(err)
	}
	return responder.Unavailable(err)
}

// Check reports whether the export store can be reached.
func (p *Packager) Check(ctx context.Context) error {
	ok, err := p.store.IsAccessible(ctx)
	if err != nil {
		return fmt.Errorf("reach export store: %w", err)
	}
	if !ok {
		return errors.New("the export store is not accessible")
	}
	return nil
}

// counted passes bytes on and keeps their hash and number.
type counted struct {
	w   io.Writer
	sum hash.Hash
	n   int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.sum.Write(b[:n])
	c.n += int64(n)
	return n, err
}
