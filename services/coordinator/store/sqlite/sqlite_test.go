package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/sqlite"
	"github.com/lethe-dsr/lethe/services/coordinator/store/storetest"
)

func open(t testing.TB) store.Store { return openPath(t, filepath.Join(t.TempDir(), "coordinator.db")) }

func openPath(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func BenchmarkStore(b *testing.B) {
	for _, load := range []storetest.Load{{Workers: 1}, {Workers: 1, Together: true}} {
		b.Run(fmt.Sprintf("together_%v", load.Together), func(b *testing.B) { storetest.Bench(b, open, load) })
	}
}
