// Package devbroker is a Kafka broker inside this process, for `lethe demo` and `lethe serve --dev` alone.
//
// It is kfake, the broker that franz-go tests itself with, and kfake says of itself that it is for testing: it listens on
// loopback only, keeps what it holds in a directory and syncs every write, so that a killed process loses nothing that was
// acknowledged. Production runs on Apache Kafka; what is claimed of Kafka is tested on Kafka.
package devbroker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// ErrInUse says that another broker runs on the directory.
var ErrInUse = errors.New("another broker runs on this directory")

// Config says where the broker keeps its data and listens.
type Config struct {
	Dir  string // of its data, made where it is missing; required
	Port int    // on 127.0.0.1; 0 takes a free one
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	lock    *os.File
}

// Start starts a broker over the data in the directory. It creates no topic by itself. ctx bounds the start only; end the
// broker with Close. A directory serves one broker at a time: [ErrInUse].
func Start(ctx context.Context, c Config) (*Broker, error) {
	if c.Dir == "" {
		return nil, errors.New("start broker: no directory is given")
	}
	lock, err := acquire(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	var listen net.ListenConfig
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.Ports(c.Port), kfake.DataDir(c.Dir), kfake.SyncWrites(), kfake.GroupMinSessionTimeout(time.Second),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return listen.Listen(ctx, network, net.JoinHostPort("127.0.0.1", port))
		}),
	)
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("start broker: %w", err)
	}
	return &Broker{cluster, lock}, nil
}

// acquire makes the directory and takes its lock, which ends with the process that holds it.
func acquire(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "broker.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return lock, nil
}

// Addr is where it listens, host:port.
func (b *Broker) Addr() string { return b.cluster.ListenAddrs()[0] }

// Close stops it; what it was told is in its directory.
func (b *Broker) Close() error {
	b.cluster.Close()
	return b.lock.Close()
}
