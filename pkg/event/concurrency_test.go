package event_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/schemas"
)

// TestManyUseOneCodec is for the race detector: one codec serves every goroutine of a process.
func TestManyUseOneCodec(t *testing.T) {
	c, err := event.NewCodecFor(event.Config{WriteVersion: map[string]int{schemas.Acknowledgement: 1}})
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			for range 50 {
				b, err := c.EncodeAcknowledgement(fullAcknowledgement())
				if err != nil {
					return err
				}
				got, err := c.DecodeAcknowledgement(b)
				if err != nil {
					return err
				}
				if d := cmp.Diff(fullAcknowledgement(), got); d != "" {
					t.Error(d)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}
