package config_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/services/internal/config"
)

// go test ./services/internal/config -run TestReference -update
var update = flag.Bool("update", false, "write deployments/CONFIG.md anew")

const deployments = "../../../deployments/"

func TestReference(t *testing.T) {
	const path = deployments + "CONFIG.md"
	if *update {
		if err := os.WriteFile(path, []byte(config.Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("is_the_page_in_deployments", func(t *testing.T) {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(config.Reference(), string(page)); diff != "" {
			t.Error("settings were changed: write the page anew with -update\n", diff)
		}
	})
	t.Run("explains_every_setting_in_a_sentence", func(t *testing.T) {
		for line := range strings.Lines(config.Reference()) {
			cells := strings.Split(strings.TrimSpace(line), " | ")
			if strings.HasPrefix(line, "| `") && (len(cells) != 6 || !strings.HasSuffix(line, ". |\n")) {
				t.Error(line)
			}
		}
	})
}

func TestExample(t *testing.T) {
	const path = deployments + "lethe.example.yml"
	c, err := config.Load(path, nil, config.For(config.Serve, config.Publisher, config.Client, config.KeyKeeper))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("says_every_setting", func(t *testing.T) {
		said := map[string]bool{}
		for _, d := range c.Describe() {
			if strings.HasPrefix(d.From, path) {
				said[general(d.Name)] = true
			}
		}
		for _, d := range c.Describe() {
			if !said[general(d.Name)] {
				t.Errorf("%s is not in the example", d.Name)
			}
		}
	})
	t.Run("says_the_defaults_as_they_are", func(t *testing.T) {
		standard := map[string]string{"systems.*.rate_per_second": "0", "systems.*.batch": "500", "systems.*.lock_timeout": "5s"}
		for _, d := range config.Default().Describe() {
			standard[d.Name] = d.Value
		}
		for _, d := range c.Describe() {
			if want := standard[general(d.Name)]; want != "" && d.Value != want {
				t.Errorf("%s is %s in the example, by default it is %s", d.Name, d.Value, want)
			}
		}
	})
}

// general is the name of a setting with * for the part that the operator named.
func general(name string) string {
	words := strings.Split(name, ".")
	if len(words) == 3 {
		words[1] = "*"
	}
	return strings.Join(words, ".")
}
