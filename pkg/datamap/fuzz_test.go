package datamap_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// FuzzParse: whatever the file holds, Parse says what is wrong with it, with a place, or gives a map of which every question can be asked.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob(company + "/*.yml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(minimal))
	f.Add([]byte(bomb()))
	for _, text := range chain {
		f.Add([]byte(text))
	}
	f.Add([]byte("a: &x {<<: *x, b: [*x, !!str 1]}\n? b\n: |\n  c\n--- \n%YAML 1.2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := datamap.Parse(datamap.File{Name: "map.yml", Data: data})
		if err != nil {
			var es datamap.Errors
			if !errors.As(err, &es) || len(es) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			for _, e := range es {
				if e.Pos.File != "map.yml" || e.Pos.Line < 1 || e.Pos.Column < 1 || e.Msg == "" {
					t.Fatalf("no place: %v", e)
				}
			}
			return
		}
		ask(t, m)
	})
}

func ask(t *testing.T, m *datamap.Map) {
	m.Check()
	m.NotCovered()
	systems, err := m.Frozen("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Plan("", systems, []string{"email"}, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range systems {
		s, ok := m.System(name)
		if !ok {
			t.Fatalf("no system %q", name)
		}
		for _, kind := range []dsr.Kind{dsr.Erasure, dsr.Access} {
			if _, err := m.Explain(name, kind, ""); err != nil {
				t.Fatal(err)
			}
		}
		for _, sub := range s.Subjects {
			if len(sub.Order) != len(sub.Rows) {
				t.Fatalf("%d of %d collections in the order", len(sub.Order), len(sub.Rows))
			}
			for _, r := range sub.Rows {
				r.Ground.Until(time.Unix(0, 0))
			}
		}
	}
}
