package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const postgresStartLimit = 60 * time.Second

// StartPostgres starts a PostgreSQL server with the superuser "postgres", no password and up to 300 connections, and returns
// when it answers. ctx bounds the start only; end the server with Stop.
func StartPostgres(ctx context.Context, o Options) (*Server, error) {
	bin, err := postgresBin(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	as, err := serverUser("PostgreSQL", "postgres")
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	for try := 1; ; try++ {
		s, err := startPostgresOnce(ctx, o, bin, as)
		if err == nil {
			return s, nil
		}
		if try == 3 || !strings.Contains(err.Error(), "Address already in use") {
			return nil, fmt.Errorf("start postgres: %w", err)
		}
	}
}

func startPostgresOnce(ctx context.Context, o Options, bin string, as *syscall.Credential) (*Server, error) {
	dir, err := newWorkDir(o.Dir, "postgres")
	if err != nil {
		return nil, err
	}
	pg := postgresFiles{dir: dir.path, bin: bin, as: as, settings: postgresSettings(o)}
	port, err := FreePort()
	if err == nil {
		err = pg.prepare(ctx)
	}
	if err != nil {
		dir.close()
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s := &Server{
		Name: "postgres", Addr: addr, URL: "postgres://postgres@" + addr + "/postgres?sslmode=disable",
		Variable: "LETHE_TEST_POSTGRES", Log: pg.log(), dir: dir,
		ask:   syscall.SIGINT, // "fast shutdown": does not wait for clients to leave
		start: func(ctx context.Context) (*process, error) { return pg.start(ctx, port) },
	}
	return s, s.up(ctx)
}

func postgresSettings(o Options) map[string]string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"max_connections":         "300",
		"fsync":                   "on",
		"timezone":                "UTC",
	}
	if !o.Fsync {
		settings["fsync"] = "off"
		settings["full_page_writes"] = "off"
	}
	maps.Copy(settings, o.Settings)
	return settings
}

type postgresFiles struct {
	dir, bin string
	as       *syscall.Credential
	settings map[string]string
}

func (pg postgresFiles) data() string { return filepath.Join(pg.dir, "data") }
func (pg postgresFiles) log() string  { return filepath.Join(pg.dir, "postgres.log") }

// prepare makes the cluster, unless a kept directory has it already.
func (pg postgresFiles) prepare(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(pg.data(), "PG_VERSION")); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for a cluster: %w", err)
	}
	if err := os.MkdirAll(pg.data(), 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if pg.as != nil {
		if err := os.Chown(pg.data(), int(pg.as.Uid), int(pg.as.Gid)); err != nil {
			return fmt.Errorf("hand the data directory over: %w", err)
		}
	}
	err := run(ctx, pg.as, pg.dir, nil, filepath.Join(pg.bin, "initdb"), "-D", pg.data(),
		"-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	if err != nil {
		return fmt.Errorf("make a cluster (user %q must be able to pass through every parent of %s): %w", "postgres", pg.dir, err)
	}
	return nil
}

// start runs the server itself and not pg_ctl, which would leave it to init and out of this program's hands.
func (pg postgresFiles) start(ctx context.Context, port int) (*process, error) {
	args := []string{"-D", pg.data(), "-p", strconv.Itoa(port)}
	for _, name := range slices.Sorted(maps.Keys(pg.settings)) {
		args = append(args, "-c", name+"="+pg.settings[name])
	}
	ctx, cancel := context.WithTimeout(ctx, postgresStartLimit)
	defer cancel()
	for {
		from := size(pg.log())
		p, err := launch(spec{
			path: filepath.Join(pg.bin, "postgres"), args: args, dir: pg.dir, log: pg.log(), as: pg.as,
			onDeath: syscall.SIGQUIT, // "immediate shutdown": takes its children and its shared memory along, SIGKILL would not
		})
		if err != nil {
			return nil, err
		}
		err = p.await(ctx, postgresStartLimit, func() error {
			return exec.CommandContext(ctx, filepath.Join(pg.bin, "pg_isready"),
				"-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "postgres").Run()
		})
		if err == nil {
			return p, nil
		}
		p.kill()
		// The children of a server that was killed take a moment to notice; until then its data are taken for in use.
		if ctx.Err() != nil || !p.logged("pre-existing shared memory block", from) {
			return nil, err
		}
	}
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// postgresBin finds the folder with initdb, postgres and pg_isready: on PATH, or where Debian keeps them, the newest first.
func postgresBin(ctx context.Context, o Options) (string, error) {
	if bin := findPostgres(); bin != "" {
		return bin, nil
	}
	if err := install(ctx, o, "postgresql"); err != nil {
		return "", fmt.Errorf("no PostgreSQL under /usr/lib/postgresql or on PATH: %w", err)
	}
	if bin := findPostgres(); bin != "" {
		return bin, nil
	}
	return "", errors.New("no PostgreSQL under /usr/lib/postgresql or on PATH even after installing it")
}

func findPostgres() string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	version := func(dir string) int {
		v, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return v
	}
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append([]string{filepath.Dir(real)}, dirs...)
		}
	}
	for _, dir := range dirs {
		complete := true
		for _, program := range []string{"initdb", "postgres", "pg_isready"} {
			if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
				complete = false
			}
		}
		if complete {
			return dir
		}
	}
	return ""
}

// serverUser is who runs a server: nobody else where this program is not root, the server's own user where it is, because these
// servers refuse to run as root.
func serverUser(server, name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("%s refuses to run as root, and there is no user to run it as: %w", server, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user id of %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group id of %s: %w", name, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
