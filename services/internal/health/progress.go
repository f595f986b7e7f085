package health

import (
	"context"
	"time"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// lags is what progress is measured by; a [kafka.Client] in a process.
type lags interface {
	Assigned() []kafka.Assignment
	Halted() []kafka.Halt
	Lag(ctx context.Context, group string, topics []string) ([]kafka.PartitionLag, error)
}

// Progress finds partitions that lie still. It asks the brokers, not the consumer: one that hangs would say nothing of itself.
type Progress struct {
	from  lags
	limit time.Duration
	still map[kafka.Assignment]*place
	last  time.Time // of the looks
}

// gap is how long nobody may have looked. A process that was suspended for an hour has not hung for an hour.
const gap = time.Minute

// place is where a partition was when it moved last.
type place struct {
	offset int64
	since  time.Time // when it moved, or something that is needed was away, or nothing waited
	told   bool
}

// Stalled is a partition that has lain still for longer than the limit.
type Stalled struct {
	kafka.Assignment
	Offset, Records int64
	For             time.Duration

	fresh bool // it was not among those of the last look
}

// NewProgress watches the partitions of a client's consumers.
func NewProgress(from lags, limit time.Duration) *Progress {
	return &Progress{from: from, limit: limit, still: map[kafka.Assignment]*place{}}
}

// look compares with the look before. While something that is needed is away no time counts.
func (p *Progress) look(ctx context.Context, now time.Time, away bool) []Stalled {
	away = away || now.Sub(p.last) > gap
	p.last = now
	groups := map[string]map[string]bool{}
	mine := map[kafka.Assignment]bool{}
	for _, a := range p.from.Assigned() {
		if groups[a.Group] == nil {
			groups[a.Group] = map[string]bool{}
		}
		groups[a.Group][a.Topic], mine[a] = true, true
	}
	for a, at := range p.still {
		if !mine[a] { // others have it now
			delete(p.still, a)
		} else if away {
			at.since = now
		}
	}
	var out []Stalled
	for group, topics := range groups {
		var names []string
		for t := range topics {
			names = append(names, t)
		}
		ls, err := p.from.Lag(ctx, group, names)
		if err != nil { // brokers that do not answer are away
			for a, at := range p.still {
				if a.Group == group {
					at.since = now
				}
			}
			continue
		}
		for _, l := range ls {
			a := kafka.Assignment{Group: group, Topic: l.Topic, Partition: l.Partition}
			if mine[a] {
				out = append(out, p.compare(a, l, now, away)...)
			}
		}
	}
	return out
}

func (p *Progress) compare(a kafka.Assignment, l kafka.PartitionLag, now time.Time, away bool) []Stalled {
	at := p.still[a]
	if at == nil || at.offset != l.Committed || l.Records == 0 || away {
		p.still[a] = &place{offset: l.Committed, since: now}
		return nil
	}
	d := now.Sub(at.since)
	if d <= p.limit {
		return nil
	}
	s := Stalled{Assignment: a, Offset: l.Committed, Records: l.Records, For: d, fresh: !at.told}
	at.told = true
	return []Stalled{s}
}
