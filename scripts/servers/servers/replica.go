package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// StartMariaDBReplica starts a MariaDB server that is read-only and replicates by GTID from the one that a URL names, and returns when it
// answers; what it replicates comes then. The other must have written a binary log since it was new (settings log-bin, server-id). ctx bounds
// the start only; end it with Stop.
func StartMariaDBReplica(ctx context.Context, o Options, primary string) (*Server, error) {
	of, err := url.Parse(primary)
	if err != nil {
		return nil, errors.New("start a replica: the server's URL cannot be read")
	}
	own := map[string]string{"server-id": "2", "read-only": "ON"}
	maps.Copy(own, o.Settings)
	o.Settings = own
	s, err := StartMariaDB(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start a replica: %w", err)
	}
	for _, statement := range []string{
		fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '%s', MASTER_PORT = %s, MASTER_USER = '%s', MASTER_USE_GTID = slave_pos", of.Hostname(), of.Port(), of.User.Username()),
		"START SLAVE",
	} {
		if err := mariadbDo(ctx, s.Addr, statement); err != nil {
			s.Stop()
			return nil, fmt.Errorf("start a replica: %w", err)
		}
	}
	return s, nil
}

// StartReplica starts a streaming replica of the PostgreSQL server that a URL names, copied from it by pg_basebackup, and returns when it
// answers. Its URL is that of the server, at the replica. ctx bounds the start only; end it with Stop.
func StartReplica(ctx context.Context, o Options, primary string) (*Server, error) {
	bin, err := postgresBin(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start a replica: %w", err)
	}
	of, err := url.Parse(primary)
	if err != nil {
		return nil, errors.New("start a replica: the server's URL cannot be read")
	}
	as, err := serverUser("PostgreSQL", "postgres")
	if err != nil {
		return nil, fmt.Errorf("start a replica: %w", err)
	}
	for try := 1; ; try++ {
		s, err := startReplicaOnce(ctx, o, bin, of, as)
		if err == nil {
			return s, nil
		}
		if try == 3 || !strings.Contains(err.Error(), "Address already in use") {
			return nil, fmt.Errorf("start a replica: %w", err)
		}
	}
}

func startReplicaOnce(ctx context.Context, o Options, bin string, of *url.URL, as *syscall.Credential) (*Server, error) {
	dir, err := newWorkDir(o.Dir, "replica")
	if err != nil {
		return nil, err
	}
	pg := postgresFiles{dir: dir.path, bin: bin, as: as, settings: postgresSettings(o)}
	port, err := FreePort()
	if err == nil {
		err = pg.copyOf(ctx, of)
	}
	if err != nil {
		dir.close()
		return nil, err
	}
	at := *of
	at.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s := &Server{
		Name: "replica", Addr: at.Host, URL: at.String(), Log: pg.log(), dir: dir, ask: syscall.SIGINT,
		start: func(ctx context.Context) (*process, error) { return pg.start(ctx, port) },
	}
	return s, s.up(ctx)
}

// copyOf makes the data directory from a running server, as a standby of it.
func (pg postgresFiles) copyOf(ctx context.Context, of *url.URL) error {
	if err := os.MkdirAll(pg.data(), 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if pg.as != nil {
		if err := os.Chown(pg.data(), int(pg.as.Uid), int(pg.as.Gid)); err != nil {
			return fmt.Errorf("hand the data directory over: %w", err)
		}
	}
	err := run(ctx, pg.as, pg.dir, nil, filepath.Join(pg.bin, "pg_basebackup"), "-D", pg.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync",
		"-h", of.Hostname(), "-p", of.Port(), "-U", of.User.Username())
	if err != nil {
		return fmt.Errorf("copy the primary: %w", err)
	}
	return nil
}
