// Package deployments_test holds what is shipped beside the code (docker-compose.yml, deployments/) against the code: the names of
// settings, of commands, of systems. No daemon is needed for it.
package deployments_test

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // to run the seed

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/services/internal/config"
)

const root = "../../../"

// image is what docker-compose.yml calls ours.
const image = "lethe:local"

func load(t *testing.T) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{root + "docker-compose.yml"}, cli.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ours lists the services that run our image, by name.
func ours(p *types.Project) []types.ServiceConfig {
	var out []types.ServiceConfig
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		if s := p.Services[name]; s.Image == image {
			out = append(out, s)
		}
	}
	return out
}

// options are what the command of a service demands of the configuration.
func options(command []string) []config.Option {
	switch {
	case len(command) == 0: // an operator's shell
		return []config.Option{config.For(config.Client, config.Publisher)}
	case command[0] == "responder" && len(command) == 2:
		return []config.Option{config.ForSystem(command[1])}
	case command[0] == "topics":
		return []config.Option{config.For(config.Client)}
	}
	return []config.Option{config.For(config.Role(command[0]))}
}

func environ(s types.ServiceConfig) []string {
	var out []string
	for name, v := range s.Environment {
		if v != nil {
			out = append(out, name+"="+*v)
		}
	}
	return out
}

// mounted returns what stands at a path inside the service: the path on this side of a bind, or the name of a volume.
func mounted(s types.ServiceConfig, path string) (bind, volume string, writable bool) {
	longest := -1
	for _, v := range s.Volumes {
		rest, inside := strings.CutPrefix(path, v.Target)
		if !inside || len(v.Target) <= longest || rest != "" && rest[0] != '/' {
			continue
		}
		longest, writable = len(v.Target), !v.ReadOnly
		if v.Type == types.VolumeTypeBind {
			bind, volume = v.Source+rest, ""
		} else {
			bind, volume = "", v.Source
		}
	}
	return bind, volume, writable
}

func TestComposeConfiguration(t *testing.T) {
	project := load(t)
	if len(ours(project)) == 0 {
		t.Fatal("no service runs our image")
	}
	for _, s := range ours(project) {
		t.Run(s.Name+"_starts_with_what_it_is_given", func(t *testing.T) {
			path, ok := s.Environment[config.PathVariable]
			if !ok || path == nil {
				t.Fatalf("%s is not set", config.PathVariable)
			}
			file, _, _ := mounted(s, *path)
			cfg, err := config.Load(file, environ(s), options(s.Command)...)
			if err != nil {
				t.Fatal(err)
			}
			checkMounts(t, s, cfg)
			checkAddresses(t, project, s, cfg)
		})
	}
}

// checkMounts demands that what the service reads and writes is there.
func checkMounts(t *testing.T, s types.ServiceConfig, cfg config.Config) {
	t.Helper()
	one := func(command string) bool { return len(s.Command) > 0 && s.Command[0] == command }
	if !one("topics") {
		if _, volume, writable := mounted(s, cfg.Keys.Dir); volume == "" || writable != one("keys") {
			t.Errorf("keys.dir %s is on volume %q, writable: %t", cfg.Keys.Dir, volume, writable)
		}
	}
	if one("coordinator") || one("responder") || one("packager") {
		for _, f := range cfg.DataMap.Files {
			file, _, _ := mounted(s, f)
			if _, err := datamap.Load(file); err != nil {
				t.Errorf("data map %s: %v", f, err)
			}
		}
	}
	var directories []string
	if one("responder") || one("packager") {
		directories = append(directories, cfg.Export.URL)
	}
	if one("responder") {
		system, err := cfg.System(s.Command[1])
		if err != nil {
			t.Fatal(err)
		}
		if system.URL != "" {
			directories = append(directories, system.URL)
		}
	}
	for _, d := range directories {
		dir := strings.TrimPrefix(d, "file://")
		if _, volume, writable := mounted(s, dir); volume == "" || !writable {
			t.Errorf("%s is on volume %q, writable: %t", dir, volume, writable)
		}
	}
}

// checkAddresses demands that what the service connects to is there under that name.
func checkAddresses(t *testing.T, project *types.Project, s types.ServiceConfig, cfg config.Config) {
	t.Helper()
	advertised := *project.Services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"]
	for _, b := range cfg.Kafka.Brokers {
		if !slices.Contains(strings.Split(advertised, ","), "INSIDE://"+b) {
			t.Errorf("broker %s is none of %s", b, advertised)
		}
	}
	databases := []config.Database{cfg.Store.Database}
	for _, system := range cfg.Systems {
		databases = append(databases, system.Database, system.LedgerDatabase)
	}
	for _, d := range databases {
		if d.IsZero() {
			continue
		}
		u, err := url.Parse(d.URL())
		if err != nil {
			t.Fatal(err)
		}
		if u.Host != "postgres:5432" || !slices.Contains(made(t, project), strings.TrimPrefix(u.Path, "/")) {
			t.Errorf("nobody makes the database %s at %s", u.Path, u.Host)
		}
		if _, needs := s.DependsOn["postgres"]; !needs {
			t.Error("does not wait for postgres")
		}
	}
	if at := s.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"]; at != nil {
		u, err := url.Parse(*at)
		if err != nil {
			t.Fatal(err)
		}
		if _, there := project.Services[u.Hostname()]; !there {
			t.Errorf("%s is no service", u.Hostname())
		}
	}
}

// made lists the databases that the server has after its first start.
func made(t *testing.T, project *types.Project) []string {
	t.Helper()
	script, err := os.ReadFile(root + "deployments/compose/databases.sql")
	if err != nil {
		t.Fatal(err)
	}
	out := []string{*project.Services["postgres"].Environment["POSTGRES_DB"]}
	for _, m := range regexp.MustCompile(`(?m)^create database (\w+);$`).FindAllSubmatch(script, -1) {
		out = append(out, string(m[1]))
	}
	return out
}

func TestComposeServices(t *testing.T) {
	project := load(t)

	t.Run("every_system_of_the_data_map_has_its_responder", func(t *testing.T) {
		var responders []string
		for _, s := range ours(project) {
			if len(s.Command) == 2 && s.Command[0] == "responder" {
				responders = append(responders, s.Command[1])
			}
		}
		m, err := datamap.Load(root + "services/lethe/demo/datamap.yml")
		if err != nil {
			t.Fatal(err)
		}
		var systems []string
		for _, s := range m.Systems {
			systems = append(systems, s.Name)
		}
		slices.Sort(responders)
		if diff := cmp.Diff(systems, responders); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("roles_wait_for_keys_and_topics", func(t *testing.T) {
		for _, s := range ours(project) {
			if s.Name == "keys" || s.Name == "topics" {
				continue
			}
			for _, once := range []string{"keys", "topics"} {
				if got := s.DependsOn[once].Condition; got != types.ServiceConditionCompletedSuccessfully {
					t.Errorf("%s waits for %s to be %q", s.Name, once, got)
				}
			}
		}
	})
	t.Run("what_runs_once_is_not_restarted", func(t *testing.T) {
		for name, s := range project.Services {
			for other, d := range s.DependsOn {
				if d.Condition == types.ServiceConditionCompletedSuccessfully && project.Services[other].Restart != types.RestartPolicyNo {
					t.Errorf("%s waits for the end of %s, which is restarted: %q", name, other, project.Services[other].Restart)
				}
			}
		}
	})
	t.Run("nothing_is_published_beyond_this_machine", func(t *testing.T) {
		for name, s := range project.Services {
			for _, p := range s.Ports {
				if !net.ParseIP(p.HostIP).IsLoopback() {
					t.Errorf("%s publishes %s on %q", name, p.Published, p.HostIP)
				}
			}
			if s.NetworkMode != "" {
				t.Errorf("%s has the network mode %s", name, s.NetworkMode)
			}
		}
	})
	t.Run("ours_run_without_rights", func(t *testing.T) {
		for _, s := range ours(project) {
			if s.User != user(t) || !s.ReadOnly || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) {
				t.Errorf("%s runs as %q, read-only: %t, privileged: %t, without %v", s.Name, s.User, s.ReadOnly, s.Privileged, s.CapDrop)
			}
		}
		if chown := strings.Join(project.Services["objects"].Command, " "); !strings.Contains(chown, "chown -R "+user(t)+" ") {
			t.Errorf("objects are not given to %s: %s", user(t), chown)
		}
	})
	t.Run("every_bind_is_of_something", func(t *testing.T) {
		for name, s := range project.Services {
			for _, v := range s.Volumes {
				if v.Type != types.VolumeTypeBind {
					continue
				}
				if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
					t.Errorf("%s: %s, read-only: %t, %v", name, v.Target, v.ReadOnly, err)
				}
			}
		}
	})
	t.Run("every_image_is_pinned", func(t *testing.T) {
		for name, s := range project.Services {
			if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" {
				t.Errorf("%s: %s", name, s.Image)
			}
		}
	})
}

func TestComposeSeed(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, file := range []string{"services/lethe/demo/schema.sql", "deployments/compose/people.sql"} {
		script, err := os.ReadFile(root + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), string(script)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	known := func(id string) bool {
		var n int
		if err := db.QueryRowContext(t.Context(), "select count(*) from customers where id = ?", id).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 1
	}
	t.Run("conversations_are_of_customers", func(t *testing.T) {
		files, err := filepath.Glob(root + "deployments/compose/objects/conversations/*.jsonl")
		if err != nil || len(files) == 0 {
			t.Fatalf("no conversations: %v", err)
		}
		for _, name := range files {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for lines := bufio.NewScanner(f); lines.Scan(); {
				var c struct {
					Customer struct {
						ID json.Number `json:"id"`
					} `json:"customer"`
				}
				if err := json.Unmarshal(lines.Bytes(), &c); err != nil || !known(c.Customer.ID.String()) {
					t.Errorf("%s: customer %q, %v", name, c.Customer.ID, err)
				}
			}
		}
	})
	t.Run("embeddings_are_of_customers", func(t *testing.T) {
		dirs, err := os.ReadDir(root + "deployments/compose/objects/embeddings")
		if err != nil || len(dirs) == 0 {
			t.Fatalf("no embeddings: %v", err)
		}
		for _, d := range dirs {
			if !known(d.Name()) {
				t.Errorf("%s is no customer", d.Name())
			}
		}
	})
}
