package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/sqlite"
)

func TestOffsetsSet(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lethe.db")
	file := filepath.Join(dir, "lethe.yml")
	if err := os.WriteFile(file, []byte(strings.Join([]string{
		"kafka: {brokers: ['127.0.0.1:1']}",
		"controller: {name: Meridian, establishment: berlin}",
		"establishments: {berlin: {time_zone: Europe/Berlin, calendar: DE-BE}}",
		"keys: {dir: keys}",
		"data_map: {files: [map.yml]}",
		"store: {url: 'sqlite://" + filepath.ToSlash(path) + "'}",
	}, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	withStore := func(do func(*sqlite.Store) error) {
		t.Helper()
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := do(s); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	withStore(func(s *sqlite.Store) error {
		return s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
			return tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: "lethe.acknowledgements", Partition: 2, Next: 117}}})
		})
	})
	for _, c := range []struct {
		name string
		args string
		code int
		says string
		next int64 // afterwards
	}{
		{"from_another_offset_changes_nothing", "lethe.acknowledgements 2 --from 116 --to 200", 1, "is read from 117, not from 116", 117},
		{"of_a_partition_that_was_never_read", "lethe.acknowledgements 3 --from 0 --to 200", 1, "has read nothing of lethe.acknowledgements/3", 117},
		{"without_where_to", "lethe.acknowledgements 2 --from 117", 2, "--to is required", 117},
		{"of_no_partition", "lethe.acknowledgements two --from 117 --to 200", 2, `"two" is no partition`, 117},
		{"below_0", "lethe.acknowledgements 2 --from 117 --to=-1", 2, "0 or more", 117},
		{"forward", "lethe.acknowledgements 2 --from 117 --to 200", 0, "lethe.acknowledgements/2 is read from 200, no longer from 117", 200},
		{"back", "lethe.acknowledgements 2 --from 200 --to 40 --output json", 0, `"to":40`, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := append([]string{"offsets", "set", "--config", file}, strings.Fields(c.args)...)
			code := run(t.Context(), args, &stdout, &stderr, nil)
			if said := stdout.String() + stderr.String(); code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("it ended with %d: %s", code, said)
			}
			withStore(func(s *sqlite.Store) error {
				from, _, err := s.Offset(t.Context(), "lethe.acknowledgements", 2)
				if from.Next != c.next {
					t.Errorf("it is read from %d, want %d", from.Next, c.next)
				}
				return err
			})
		})
	}
}
