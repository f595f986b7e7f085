package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pipeline collects statements that are sent together and whose answers are read in order: one round trip. After one that failed
// the server skips the rest.
type pipeline struct {
	batch pgx.Batch
	reads []func(pgx.BatchResults) error
}

// exec queues a statement whose rows nobody reads.
func (p *pipeline) exec(what, sql string, args ...any) {
	p.tagged(what, func(pgconn.CommandTag) error { return nil }, sql, args...)
}

// tagged queues a statement and hands over its command tag.
func (p *pipeline) tagged(what string, read func(pgconn.CommandTag) error, sql string, args ...any) {
	p.batch.Queue(sql, args...)
	p.reads = append(p.reads, func(br pgx.BatchResults) error {
		tag, err := br.Exec()
		if err == nil {
			err = read(tag)
		}
		return classify(what, err)
	})
}

// query queues a statement and calls read for each of its rows, after scanning it into dest.
func (p *pipeline) query(what string, dest []any, read func() error, sql string, args ...any) {
	p.batch.Queue(sql, args...)
	p.reads = append(p.reads, func(br pgx.BatchResults) error {
		rows, _ := br.Query() // ForEachRow returns its error
		_, err := pgx.ForEachRow(rows, dest, read)
		return classify(what, err)
	})
}

// empty reports whether nothing is queued.
func (p *pipeline) empty() bool { return len(p.reads) == 0 }

type batchSender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// send sends what is queued, reads all answers and empties the queue. It returns the first error.
func (p *pipeline) send(ctx context.Context, conn batchSender) error {
	sent := *p
	*p = pipeline{}
	br := conn.SendBatch(ctx, &sent.batch)
	var first error
	for _, read := range sent.reads {
		if first = read(br); first != nil {
			break
		}
	}
	if err := br.Close(); first == nil {
		first = classify("send statements", err)
	}
	return first
}
