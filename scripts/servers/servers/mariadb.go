package servers

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

const mariadbStartLimit = 60 * time.Second

// StartMariaDB starts a MariaDB server with the user "root", no password and up to 300 connections, and returns when it
// answers. ctx bounds the start only; end the server with Stop.
func StartMariaDB(ctx context.Context, o Options) (*Server, error) {
	programs, err := mariadbPrograms(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start mariadb: %w", err)
	}
	as, err := serverUser("MariaDB", "mysql")
	if err != nil {
		return nil, fmt.Errorf("start mariadb: %w", err)
	}
	template, err := mariadbTemplate(ctx, o, programs, as)
	if err != nil {
		return nil, fmt.Errorf("start mariadb: %w", err)
	}
	for try := 1; ; try++ {
		s, err := startMariaDBOnce(ctx, o, programs, template, as)
		if err == nil {
			return s, nil
		}
		if try == 3 || !strings.Contains(err.Error(), "Address already in use") {
			return nil, fmt.Errorf("start mariadb: %w", err)
		}
	}
}

func startMariaDBOnce(ctx context.Context, o Options, programs mariadbBin, template string, as *syscall.Credential) (*Server, error) {
	dir, err := newWorkDir(o.Dir, "mariadb")
	if err != nil {
		return nil, err
	}
	m := mariadbFiles{dir: dir.path, server: programs.server, as: as, settings: mariadbSettings(o)}
	port, err := FreePort()
	if err == nil {
		err = m.prepare(template)
	}
	if err != nil {
		dir.close()
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s := &Server{
		Name: "mariadb", Addr: addr, URL: "mysql://root@" + addr + "/",
		Variable: "LETHE_TEST_MARIADB", Log: m.log(), dir: dir, ask: syscall.SIGTERM,
		start: func(ctx context.Context) (*process, error) { return m.start(ctx, addr, port) },
	}
	return s, s.up(ctx)
}

// logFileSize keeps a data directory small: the server's default is 96 MiB, in each of them.
const logFileSize = "16M"

func mariadbSettings(o Options) map[string]string {
	settings := map[string]string{
		"bind-address":                   "127.0.0.1",
		"skip-name-resolve":              "ON",
		"max-connections":                "300",
		"innodb-log-file-size":           logFileSize,
		"innodb-buffer-pool-size":        "128M",
		"innodb-flush-log-at-trx-commit": "1",
		"default-time-zone":              "+00:00",
	}
	if !o.Fsync {
		settings["innodb-flush-log-at-trx-commit"] = "0"
	}
	maps.Copy(settings, o.Settings)
	return settings
}

type mariadbFiles struct {
	dir, server string
	as          *syscall.Credential
	settings    map[string]string
}

func (m mariadbFiles) data() string { return filepath.Join(m.dir, "data") }
func (m mariadbFiles) log() string  { return filepath.Join(m.dir, "mariadb.log") }

// tmp is the server's own directory for temporary tables: one that starts removes those of every other in the same.
func (m mariadbFiles) tmp() string { return filepath.Join(m.dir, "tmp") }

// prepare copies the template, unless a kept directory has its data already.
func (m mariadbFiles) prepare(template string) error {
	if err := os.MkdirAll(m.tmp(), 0o700); err != nil {
		return fmt.Errorf("make a directory for temporary tables: %w", err)
	}
	if err := handOver(m.tmp(), m.as); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(m.data(), "mysql")); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for a data directory: %w", err)
	}
	if err := os.CopyFS(m.data(), os.DirFS(template)); err != nil {
		return fmt.Errorf("copy the data directory's template: %w", err)
	}
	return handOver(m.data(), m.as)
}

// handOver makes everything in a directory the server's, which runs as another user.
func handOver(dir string, as *syscall.Credential) error {
	if as == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, int(as.Uid), int(as.Gid))
	})
	if err != nil {
		return fmt.Errorf("hand the data directory over: %w", err)
	}
	return nil
}

func (m mariadbFiles) start(ctx context.Context, addr string, port int) (*process, error) {
	args := []string{
		"--no-defaults", "--datadir=" + m.data(), "--tmpdir=" + m.tmp(), "--port=" + strconv.Itoa(port),
		"--socket=" + filepath.Join(m.data(), "s"), "--pid-file=" + filepath.Join(m.data(), "server.pid"),
	}
	for _, name := range slices.Sorted(maps.Keys(m.settings)) {
		args = append(args, "--"+name+"="+m.settings[name])
	}
	p, err := launch(spec{path: m.server, args: args, dir: m.dir, log: m.log(), as: m.as, onDeath: syscall.SIGKILL})
	if err != nil {
		return nil, err
	}
	if err := p.await(ctx, mariadbStartLimit, func() error { return mariadbAnswers(ctx, addr) }); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

func mariadbAnswers(ctx context.Context, addr string) error { return mariadbDo(ctx, addr, "SELECT 1") }

// mariadbDo has one statement done by a connection of its own.
func mariadbDo(ctx context.Context, addr, statement string) error {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Timeout = "tcp", addr, "root", time.Second
	cfg.Logger = &mysql.NopLogger{} // a server that is not up yet is nothing to print
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// mariadbBin is where the programs are.
type mariadbBin struct{ server, install string }

// mariadbPrograms finds the server and what makes a data directory: on PATH, or where Debian keeps them.
func mariadbPrograms(ctx context.Context, o Options) (mariadbBin, error) {
	found := findMariaDB()
	if found.server != "" && found.install != "" {
		return found, nil
	}
	if err := install(ctx, o, "mariadb-server"); err != nil {
		return found, fmt.Errorf("no MariaDB in /usr/sbin or on PATH: %w", err)
	}
	if found = findMariaDB(); found.server == "" || found.install == "" {
		return found, errors.New("no MariaDB in /usr/sbin or on PATH even after installing it")
	}
	return found, nil
}

func findMariaDB() (b mariadbBin) {
	look := func(name string) string {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
		path := filepath.Join("/usr/sbin", name) // on no ordinary user's PATH
		if _, err := os.Stat(path); err == nil {
			return path
		}
		return ""
	}
	return mariadbBin{server: look("mariadbd"), install: look("mariadb-install-db")}
}

// mariadbTemplate returns a data directory that was never started, made once for each version of the server: making one takes
// seconds, copying it does not. Several runs may ask at once; the directory appears by a rename, so that it is whole or not there.
func mariadbTemplate(ctx context.Context, o Options, programs mariadbBin, as *syscall.Credential) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, programs.server, "--no-defaults", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask MariaDB for its version: %w", err)
	}
	sum := sha256.Sum256(append(version, logFileSize...))
	final := filepath.Join(cache, "mariadb-data-"+hex.EncodeToString(sum[:6]))
	unlock, err := lockFile(final + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	// The server's user must be able to pass through every parent, which the cache may not allow.
	work, err := newWorkDir("", "mariadb-template")
	if err != nil {
		return "", err
	}
	defer work.close()
	data, tmp := filepath.Join(work.path, "data"), filepath.Join(work.path, "tmp")
	for _, dir := range []string{data, tmp} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return "", fmt.Errorf("make the data directory: %w", err)
		}
		if err := handOver(dir, as); err != nil {
			return "", err
		}
	}
	o.say("making a data directory of MariaDB (once)")
	err = run(ctx, as, work.path, nil, programs.install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
		"--datadir="+data, "--tmpdir="+tmp, "--innodb-log-file-size="+logFileSize)
	if err != nil {
		return "", fmt.Errorf("make a data directory (user %q must be able to pass through every parent of %s): %w", "mysql", work.path, err)
	}
	part := final + ".part"
	if err := errors.Join(os.RemoveAll(part), os.CopyFS(part, os.DirFS(data)), os.Rename(part, final)); err != nil {
		return "", fmt.Errorf("keep the data directory's template: %w", err)
	}
	return final, nil
}
