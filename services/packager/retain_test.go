package packager_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/lethe-dsr/lethe/services/packager"
)

func TestRetainDestroysWhatIsPastItsRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const retention = 30 * 24 * time.Hour
		b := memblob.OpenBucket(nil)
		defer b.Close()
		write := func(keys ...string) {
			for _, key := range keys {
				if err := b.WriteAll(t.Context(), key, []byte("x"), nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		write("packages/a.zip", "packages/north/b.zip", "parts/a/shop/1/orders.jsonl", "somebody else's/file")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- packager.New(b, "", nil).Retain(ctx, retention, slog.New(slog.DiscardHandler))
		}()
		time.Sleep(retention) // in the bubble: no time passes
		write("packages/young.zip")
		all := []string{"packages/a.zip", "packages/north/b.zip", "packages/young.zip", "parts/a/shop/1/orders.jsonl", "somebody else's/file"}
		if d := cmp.Diff(all, keysOf(t, b)); d != "" {
			t.Errorf("at the end of the retention, -want +got:\n%s", d)
		}
		time.Sleep(2*time.Hour + time.Second)
		if d := cmp.Diff([]string{"packages/young.zip", "somebody else's/file"}, keysOf(t, b)); d != "" {
			t.Errorf("two hours later, -want +got:\n%s", d)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func keysOf(t *testing.T, b *blob.Bucket) []string {
	t.Helper()
	var out []string
	for all := b.List(nil); ; {
		o, err := all.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o.Key)
	}
}
