package responder_test

import (
	"context"
	"errors"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// full is an export store that takes so many bytes of a part and no more. Closing a writer publishes what it has, unless its context has ended.
type full struct {
	driver.Bucket
	room      int
	published bool
}

type fullWriter struct {
	*full
	ctx context.Context //nolint:containedctx // that of the writer, as a driver has it
}

var errFull = errors.New("no space left")

func (f *full) NewTypedWriter(ctx context.Context, _, _ string, _ *driver.WriterOptions) (driver.Writer, error) {
	return &fullWriter{f, ctx}, nil
}
func (*full) ErrorCode(error) gcerrors.ErrorCode { return gcerrors.Unknown }
func (*full) Close() error                       { return nil }

func (w *fullWriter) Write(b []byte) (int, error) {
	if len(b) > w.room {
		return 0, errFull
	}
	w.room -= len(b)
	return len(b), nil
}

func (w *fullWriter) Close() error {
	w.published = w.ctx.Err() == nil
	return w.ctx.Err()
}

// A part is gathered before it is written: the store's refusal of its last bytes must not be lost, and nothing of it may be published.
func TestAStoreThatIsFullPublishesNothing(t *testing.T) {
	for name, c := range map[string]struct{ records, room int }{"at_the_last_bytes": {3, 0}, "in_the_middle": {100_000, 200_000}} {
		t.Run(name, func(t *testing.T) {
			f := &full{room: c.room}
			b := blob.NewBucket(f)
			t.Cleanup(func() { _ = b.Close() })
			s := responder.NewSink(b, export(1))
			err := s.Records(t.Context(), "customer", func(p *responder.Part) error {
				for range c.records {
					if err := p.Line([]byte(`{"id":1}`)); err != nil {
						return err
					}
				}
				return nil
			})
			if responder.Classify(err) != responder.ClassUnavailable {
				t.Errorf("got %v", err)
			}
			if f.published || len(s.Parts()) != 0 {
				t.Errorf("published: %t, parts %v", f.published, s.Parts())
			}
		})
	}
}
