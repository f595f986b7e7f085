package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Options of a server. The zero value is a server for tests in a temporary directory.
type Options struct {
	// Dir keeps the server's files in Dir/kafka, Dir/postgres or Dir/mariadb after Stop; empty: a temporary directory, removed by Stop.
	Dir string
	// Fsync makes PostgreSQL and MariaDB wait for the disk on every commit, as in production. Off by default, because tests that are not
	// about durability run several times faster; a benchmark or a kill test turns it on. Kafka has no such switch: with
	// acks=all it answers once the record is in the page cache, which survives a kill of the process.
	Fsync bool
	// Heap is the size of Kafka's Java heap, as in -Xmx; empty: 512m. 192m dies of OutOfMemoryError under load.
	Heap string
	// Settings are added to server.properties or to the command line of PostgreSQL or MariaDB, and win over what is set here.
	Settings map[string]string
	// Ways are further listeners of Kafka, by name, for clients that do not come to it directly: each says what address the broker
	// tells such a client to connect to, that of a proxy. What the proxy connects to is in Server.Ways.
	Ways map[string]string
	// Progress is told what takes long (a download, an installation); nil: os.Stderr.
	Progress func(line string)
}

func (o Options) say(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
		return
	}
	fmt.Fprintf(os.Stderr, "servers: "+format+"\n", args...)
}

// Server is a running server. Its methods may be called from several goroutines.
type Server struct {
	// Name is kafka, postgres, mariadb or pgbouncer.
	Name string
	// Addr is host:port.
	Addr string
	// URL is what a client is given: host:port for Kafka, for a database a postgres:// or mysql:// URL of a superuser.
	URL string
	// Variable is the environment variable in which the tests look for URL.
	Variable string
	// Log is the path of the server's log.
	Log string
	// Ways are the addresses of Kafka's further listeners (see Options).
	Ways map[string]string

	dir   *workDir
	ask   syscall.Signal // asks for an orderly end
	start func(ctx context.Context) (*process, error)

	mu   sync.Mutex
	proc *process // nil after Kill or Stop
}

// PID is the process id, 0 while the server is down.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return 0
	}
	return s.proc.cmd.Process.Pid
}

// Kill ends the server with SIGKILL. Its data stays for Restart.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.proc.kill()
		s.proc = nil
	}
}

// Restart starts the server again under its address, on its data. A server that is still up is asked to end first.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
	proc, err := s.start(ctx)
	if err != nil {
		return fmt.Errorf("restart %s: %w", s.Name, err)
	}
	s.proc = proc
	return nil
}

// Stop ends the server, by SIGTERM and after ten seconds by SIGKILL, and removes its temporary directory. It may be
// called twice.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
	s.dir.close()
}

func (s *Server) halt() {
	if s.proc != nil {
		s.proc.stop(s.ask, 10*time.Second)
		s.proc = nil
	}
}

// up starts the server for the first time.
func (s *Server) up(ctx context.Context) error {
	proc, err := s.start(ctx)
	if err != nil {
		s.dir.close()
		return err
	}
	s.proc = proc
	return nil
}

// CacheDir is where what was downloaded is kept: $LETHE_CACHE, or "lethe" in the user's cache directory.
func CacheDir() (string, error) {
	dir := os.Getenv("LETHE_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a cache directory (set LETHE_CACHE): %w", err)
		}
		dir = filepath.Join(base, "lethe")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find a cache directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	return dir, nil
}

// FreePort finds a port on 127.0.0.1 that nobody listens on, below the range from which Linux takes the ports of outgoing
// connections: a server that is restarted must find its port free again.
func FreePort() (int, error) {
	for range 100 {
		port := 15000 + rand.IntN(17000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		return port, nil
	}
	return 0, errors.New("find a free port between 15000 and 32000 on 127.0.0.1: none in 100 tries")
}
