package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// people of the company. A few hundred are enough to see batches at work.
const people = 240

// Run plays the demo and writes what a newcomer sees to w. dir keeps everything; an empty one plays in a directory that is
// removed afterwards. It returns nil only if everything came out as the scenes say.
func Run(ctx context.Context, w io.Writer, dir string, version completion.Software) (err error) {
	left := dir != ""
	dir, remove, err := prepare(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	began := time.Now()
	company, err := found(ctx, filepath.Join(dir, "company"), people)
	if err != nil {
		return fmt.Errorf("make the company: %w", err)
	}
	cfg, err := configure(dir, company)
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(dir, "lethe.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logFile.Close()) }()
	p, err := roles.OpenDev(ctx, cfg, version, slog.New(slog.NewTextHandler(logFile, nil)), dir, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return play(ctx, w, dir, left, company, p, began)
}

// play starts the services, plays the scenes and checks the outcome.
func play(ctx context.Context, w io.Writer, dir string, left bool, company *Company, p *roles.Process, began time.Time) error {
	s, err := newStage(p)
	if err != nil {
		return err
	}
	watching, stopWatching := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return s.watch(watching) })
	s.start(ctx, "coordinator", p.Coordinator)
	s.start(ctx, "packager", p.Packager)
	for name := range p.Config.Systems {
		s.start(ctx, name, responder(p, name))
	}
	show := &screen{w: w, began: began}
	show.title(company, p)
	pl := newPlay(company, s, show)
	err = pl.scenes(ctx)
	if err == nil {
		err = pl.curtain(ctx, dir, left)
	}
	stopWatching()
	return errors.Join(err, s.stopAll(), g.Wait())
}

func responder(p *roles.Process, name string) func(context.Context) error {
	return func(ctx context.Context) error { return p.Responder(ctx, name) }
}

// prepare makes the directory and refuses one that holds something: the demo would mix with it.
func prepare(dir string) (string, func() error, error) {
	if dir == "" {
		tmp, err := os.MkdirTemp("", "lethe-demo-")
		if err != nil {
			return "", nil, err
		}
		return tmp, func() error { return os.RemoveAll(tmp) }, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(dir, 0o700)
	case err == nil && len(entries) > 0:
		err = fmt.Errorf("directory %s is not empty: the demo begins from nothing, so give it a new one", dir)
	}
	return dir, func() error { return nil }, err
}

// configure writes the configuration that the demo runs with, so that `lethe serve --dev` can go on with it, and loads it.
func configure(dir string, c *Company) (config.Config, error) {
	if err := os.WriteFile(filepath.Join(dir, "datamap.yml"), dataMapYAML, 0o600); err != nil {
		return config.Config{}, err
	}
	url := filepath.ToSlash(dir)
	text := fmt.Sprintf(`# What the demo ran with. Go on with it: lethe serve --dev --dir %[1]s --config %[1]s/lethe.yml
controller: {name: Halden Books GmbH, acting_as: controller, establishment: Berlin}
establishments:
  Berlin: {time_zone: Europe/Berlin, calendar: DE-BE}
data_map: {files: [datamap.yml]}
systems:
  shop: {kind: sql, dsn: "sqlite://%[1]s/company/shop.db"}
  conversations: {kind: objects, url: "file://%[1]s/company/support", ledger: beside, ledger_dsn: "sqlite://%[1]s/conversations-ledger.db"}
  embeddings: {kind: objects, url: "file://%[1]s/company/vectors", ledger: beside, ledger_dsn: "sqlite://%[1]s/embeddings-ledger.db"}
# Days in a real company, seconds here.
limits: {silence: 1m, resolution: 1m, settle: 600ms, min_wait: 1s, gate_recheck: 200ms}
`, url)
	path := filepath.Join(dir, "lethe.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return config.Config{}, err
	}
	return config.Load(path, nil, config.For(config.Serve), config.ForDev(dir))
}
