package deployments_test

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/services/internal/config"
)

func dockerfile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(root + "deployments/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// user is whom the image runs as.
func user(t *testing.T) string {
	t.Helper()
	stages := strings.Split(dockerfile(t), "\nFROM ")
	m := regexp.MustCompile(`(?m)^USER (\S+)$`).FindStringSubmatch(stages[len(stages)-1])
	if m == nil {
		t.Fatal("the image names no user: it would run as root")
	}
	return m[1]
}

func TestImage(t *testing.T) {
	t.Run("runs_as_a_numbered_user_who_is_not_root", func(t *testing.T) {
		if u := user(t); !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(u) {
			t.Errorf("USER %s", u)
		}
	})
	t.Run("is_built_with_the_go_of_the_module", func(t *testing.T) {
		mod, err := os.ReadFile(root + "go.mod")
		if err != nil {
			t.Fatal(err)
		}
		want := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(mod)
		got := regexp.MustCompile(`(?m)^FROM golang:([\d.]+)-`).FindStringSubmatch(dockerfile(t))
		if want == nil || got == nil || string(want[1]) != got[1] {
			t.Errorf("go.mod says %s, the Dockerfile %s", want, got)
		}
	})

	binary := build(t)
	t.Run("holds_a_static_binary", func(t *testing.T) {
		f, err := elf.Open(binary)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("it has a %s segment: it needs a loader, and a scratch image has none", p.Type)
			}
		}
	})
	t.Run("says_the_version_it_was_built_as", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "lethe 1.2.3-test ") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("understands_every_command_of_the_compose_file", func(t *testing.T) {
		for _, s := range ours(load(t)) {
			if len(s.Command) == 0 {
				continue
			}
			// A command looks at its arguments, then at its configuration; a variable that is no setting ends it there, as the
			// only problem if the service is given what its command needs.
			file, _, _ := mounted(s, *s.Environment[config.PathVariable])
			cmd := exec.CommandContext(t.Context(), binary, s.Command...)
			cmd.Env = append(environ(s), config.PathVariable+"="+file, "LETHE_NO_SUCH_SETTING=1")
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || string(out) != "lethe: configuration: LETHE_NO_SUCH_SETTING: is no setting\n" {
				t.Errorf("lethe %s: %v: %s", strings.Join(s.Command, " "), err, out)
			}
		}
	})
	t.Run("makes_keys_once_and_leaves_them_alone_ever_after", func(t *testing.T) {
		// `docker compose up` runs what is to run once at every start, and waits for it to succeed.
		dir := filepath.Join(t.TempDir(), "keys")
		initialise := func() {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), binary, "keys", "init")
			cmd.Env = []string{"LETHE_KEYS_DIR=" + dir}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
		initialise()
		before := files(t, dir)
		initialise()
		if diff := cmp.Diff(before, files(t, dir)); diff != "" {
			t.Error(diff)
		}
	})
}

func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range entries {
		if out[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// build runs the Dockerfile's own command, into a directory of the test. Without -trimpath, which would compile every dependency
// anew and changes nothing that is asked here.
func build(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^\s+(CGO_ENABLED=0 go build .+) -o /out/lethe (\S+)$`).FindStringSubmatch(dockerfile(t))
	if m == nil {
		t.Fatal("the Dockerfile does not build as this test expects")
	}
	out := filepath.Join(t.TempDir(), "lethe")
	command := strings.Replace(m[1], " -trimpath", "", 1)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", command+` -o "$OUT" `+m[2])
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "VERSION=1.2.3-test", "OUT="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, text)
	}
	return out
}
