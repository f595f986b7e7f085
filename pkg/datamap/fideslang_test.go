package datamap_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestFideslangReadsOurMaps holds the example maps against the real fideslang package: it must accept them and keep every key of ours.
func TestFideslangReadsOurMaps(t *testing.T) {
	python := os.Getenv("LETHE_TEST_PYTHON")
	if python == "" {
		t.Fatal("LETHE_TEST_PYTHON is not set: it names a python that has scripts/interop/requirements.txt installed; scripts/test provides it")
	}
	maps, err := filepath.Glob(company + "/*.yml")
	if err != nil || len(maps) == 0 {
		t.Fatalf("no maps: %v", err)
	}
	args := append([]string{"../../scripts/interop/fideslang_check.py"}, maps...)
	out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("and_notices_a_key_that_is_dropped", func(t *testing.T) {
		bad := filepath.Join(t.TempDir(), "bad.yml")
		write(t, bad, "dataset:\n- fides_key: d\n  lethe.version: 1\n  collections: []\n")
		out, err := exec.CommandContext(t.Context(), python, args[0], bad).CombinedOutput()
		if err == nil {
			t.Errorf("accepted:\n%s", out)
		}
	})
}
