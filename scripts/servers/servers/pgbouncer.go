package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const pgBouncerStartLimit = 30 * time.Second

// StartPgBouncer starts a PgBouncer in transaction mode in front of the PostgreSQL server that a URL names, with two connections to each
// database, and returns when it answers. Its URL is that of the server, through it. ctx bounds the start only; end it with Stop.
func StartPgBouncer(ctx context.Context, o Options, postgres string) (*Server, error) {
	program, err := pgBouncerProgram(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start pgbouncer: %w", err)
	}
	behind, err := url.Parse(postgres)
	if err != nil {
		return nil, errors.New("start pgbouncer: the server's URL cannot be read")
	}
	as, err := serverUser("PgBouncer", "postgres")
	if err != nil {
		return nil, fmt.Errorf("start pgbouncer: %w", err)
	}
	for try := 1; ; try++ {
		s, err := startPgBouncerOnce(ctx, o, program, behind, as)
		if err == nil {
			return s, nil
		}
		if try == 3 || !strings.Contains(err.Error(), "ddress already in use") {
			return nil, fmt.Errorf("start pgbouncer: %w", err)
		}
	}
}

func startPgBouncerOnce(ctx context.Context, o Options, program string, behind *url.URL, as *syscall.Credential) (*Server, error) {
	dir, err := newWorkDir(o.Dir, "pgbouncer")
	if err != nil {
		return nil, err
	}
	config, log := filepath.Join(dir.path, "pgbouncer.ini"), filepath.Join(dir.path, "pgbouncer.log")
	port, err := FreePort()
	if err == nil {
		// Everybody is let in as the superuser, as by the server itself.
		err = os.WriteFile(config, fmt.Appendf(nil, `[databases]
* = host=%s port=%s user=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
`, behind.Hostname(), behind.Port(), behind.User.Username(), port), 0o644)
	}
	if err != nil {
		dir.close()
		return nil, fmt.Errorf("write the pooler's configuration: %w", err)
	}
	through := *behind
	through.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s := &Server{
		Name: "pgbouncer", Addr: through.Host, URL: through.String(), Log: log, dir: dir, ask: syscall.SIGTERM,
		start: func(ctx context.Context) (*process, error) {
			p, err := launch(spec{path: program, args: []string{config}, dir: dir.path, log: log, as: as, onDeath: syscall.SIGKILL})
			if err != nil {
				return nil, err
			}
			err = p.await(ctx, pgBouncerStartLimit, func() error {
				conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", through.Host)
				if err != nil {
					return err
				}
				return conn.Close()
			})
			if err != nil {
				p.kill()
				return nil, err
			}
			return p, nil
		},
	}
	return s, s.up(ctx)
}

// pgBouncerProgram finds the program on PATH, or where Debian keeps it, out of the PATH of some.
func pgBouncerProgram(ctx context.Context, o Options) (string, error) {
	const debian = "/usr/sbin/pgbouncer"
	if _, err := os.Stat(debian); err == nil {
		return debian, nil
	}
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	if err := install(ctx, o, "pgbouncer"); err != nil {
		return "", fmt.Errorf("pgbouncer is not on PATH: %w", err)
	}
	return debian, nil
}
