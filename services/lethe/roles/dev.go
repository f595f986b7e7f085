package roles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/internal/devbroker"
)

// OpenDev is [Open] with an embedded broker, keys and topics of its own under dir: for the demo and for `serve --dev`. Port 0
// takes a free one. Records that such a process seals say so.
func OpenDev(ctx context.Context, cfg config.Config, version completion.Software, log *slog.Logger, dir string, port int) (*Process, error) {
	if cfg.Environment != config.Dev {
		return nil, errors.New("the embedded broker is for development alone")
	}
	if err := ensureKeys(cfg.Keys.Dir); err != nil {
		return nil, err
	}
	broker, err := devbroker.Start(ctx, devbroker.Config{Dir: filepath.Join(dir, "broker"), Port: port})
	if err != nil {
		return nil, fmt.Errorf("start embedded broker: %w", err)
	}
	cfg.Kafka.Brokers = []string{broker.Addr()}
	p, err := Open(cfg, version, log)
	if err != nil {
		return nil, errors.Join(err, broker.Close())
	}
	p.closers = append(p.closers, broker.Close)
	if _, err := p.Kafka.Apply(ctx, Topics(cfg)); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// ensureKeys makes the keys of a development directory on its first use.
func ensureKeys(dir string) error {
	if _, err := sealing.CreateDir(dir); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	_, err := completion.CreateKey(dir)
	return err
}
