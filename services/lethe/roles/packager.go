package roles

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/portability"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/services/packager"
)

// Packager runs one instance until ctx ends. Its ledger stands in the coordinator's database, or beside its file where that is
// SQLite, which has one writer.
func (p *Process) Packager(ctx context.Context) error {
	p.Health.Expect(packagerPart)
	cfg, closeStore, err := p.responderConfig(ctx, dsr.Packager)
	if err != nil {
		return err
	}
	defer p.closing("export store", closeStore)
	db, dialect, err := openSQL(p.packagerLedger())
	if err != nil {
		return err
	}
	defer p.closing("packager's ledger", db.Close)
	var facts []portability.Facts
	if p.Map != nil {
		for _, s := range p.Map.Systems {
			facts = append(facts, factsOf(s))
		}
	}
	p.Health.Set(packagerPart, func(ctx context.Context) error {
		_, err := cfg.ExportStore.Exists(ctx, "packages/any") // that it can be asked is all that counts
		return errors.Join(err, ledger.Beside(db, dialect).Ping(ctx))
	})
	p.Log.InfoContext(ctx, "packager is running")
	pack := packager.New(cfg.ExportStore, p.Config.Controller.Name, facts)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return responder.Run(ctx, cfg, pack, ledger.Beside(db, dialect)) })
	g.Go(func() error {
		return pack.Retain(ctx, p.Config.Export.Retention, cfg.Logger.With("system", cfg.System))
	})
	return g.Wait()
}

// factsOf is what the map declares of a system, in the words of GDPR Art. 15(1).
func factsOf(s *datamap.System) portability.Facts {
	f := portability.Facts{System: s.Name, Title: s.Title}
	add := func(to *[]string, v string) {
		if v != "" && !slices.Contains(*to, v) {
			*to = append(*to, v)
		}
	}
	for _, d := range s.Declarations {
		add(&f.Purposes, inWords(d.DataUse))
		for _, c := range d.DataCategories {
			add(&f.Categories, inWords(c))
		}
	}
	f.Retention = retentionOf(s)
	for _, r := range s.Recipients.List {
		add(&f.Recipients, r.Name)
	}
	if s.Recipients.Declared && len(s.Recipients.List) == 0 {
		f.Recipients = []string{"nobody"}
	}
	return f
}

// inWords says a key of Fideslang as a person would, with the key beside it: the words are Lethe's, the key is the controller's.
func inWords(key string) string {
	words := datamap.Plain(key)
	if words == "" {
		return key
	}
	return words + " (" + key + ")"
}

// retentionOf says how long what is kept. Collections that are kept equally long stand together; for those that do not say it,
// the purposes do, each by its name.
func retentionOf(s *datamap.System) []string {
	var order []string
	of := map[string][]string{}
	add := func(period, what string) {
		if _, ok := of[period]; !ok {
			order = append(order, period)
		}
		of[period] = append(of[period], what)
	}
	silent := len(s.Datasets) == 0
	for _, d := range s.Datasets {
		for _, c := range d.Collections {
			if c.Retention != nil {
				add(c.Retention.Words(), c.Label)
			} else if !c.Skip {
				silent = true
			}
		}
	}
	if silent {
		for _, d := range s.Declarations {
			switch {
			case d.Retention != nil:
				add(d.Retention.Words(), "what is for "+d.Name)
			case d.RetentionPeriod != "":
				add(d.RetentionPeriod, "what is for "+d.Name)
			}
		}
	}
	out := make([]string, 0, len(order))
	for _, period := range order {
		out = append(out, period+": "+strings.Join(of[period], ", "))
	}
	return out
}

func (p *Process) closing(what string, c func() error) {
	if err := c(); err != nil {
		p.Log.Warn("did not close cleanly", "what", what, "error", err)
	}
}
