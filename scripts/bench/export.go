package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	responders "github.com/lethe-dsr/lethe/services/responders/sql"
)

// exportCase exports what a customer is entitled to from PostgreSQL into a directory: of one subject with very many messages, and of many
// subjects with 50 rows each. The floor writes the same rows as JSON by COPY into a file, with its SHA-256, one COPY and one file
// for each subject, all in one directory.
// Parts of an export are not compressed (the packager does that for the whole), and so the floor's are not.
func exportCase(ctx context.Context, l *lab) ([]figure, error) {
	large, err := exportOne(ctx, l)
	if err != nil {
		return nil, fmt.Errorf("one large subject: %w", err)
	}
	small, err := exportMany(ctx, l)
	return []figure{large, small}, err
}

// exportDDL has customers and messages alone.
const exportDDL = `
CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, name text, phone text, address text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), total numeric(10,2) NOT NULL, shipping_address text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE order_items (id bigint PRIMARY KEY, order_id bigint NOT NULL REFERENCES orders (id), sku text NOT NULL, qty int NOT NULL, price numeric(10,2) NOT NULL);
CREATE TABLE support_messages (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), body text);
CREATE TABLE payment_cards (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), pan_last4 char(4), holder text);
CREATE INDEX ON customers (lower(email));
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON order_items (order_id);
CREATE INDEX ON support_messages (customer_id);
CREATE INDEX ON payment_cards (customer_id);
`

// exportShop makes customers with so many messages of about so many bytes each.
func (l *lab) exportShop(ctx context.Context, customers, messages, size int) (*shop, *blob.Bucket, error) {
	s, schema, err := l.openShop(ctx, responders.Postgres)
	if err != nil {
		return nil, nil, err
	}
	fill := exportDDL + fmt.Sprintf(`INSERT INTO customers SELECT i, 'c' || i || '@shop.example', 'Customer ' || i, '+49' || i, 'Street ' || i FROM generate_series(1, %d) i;
INSERT INTO support_messages SELECT i, 1 + (i - 1) / %d, repeat('a word or two ', %d) || i FROM generate_series(1, %d) i;
VACUUM ANALYZE`, customers, messages, size/14, customers*messages)
	if err := s.fill(ctx, fill); err != nil {
		return nil, nil, err
	}
	if err := s.plan(ctx, l, schema); err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(l.dir, l.next("exports"))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, nil, err
	}
	b, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	return s, b, err
}

func exportOne(ctx context.Context, l *lab) (f figure, err error) {
	const size = 1_000
	rows := l.size(5<<30, 50<<20) / size
	s, b, err := l.exportShop(ctx, 1, rows, size)
	if err != nil {
		return figure{}, err
	}
	defer func() { err = errors.Join(err, b.Close(), s.db.Close()) }()
	bare, written, err := s.copyOut(ctx, l, 1)
	if err != nil {
		return figure{}, err
	}
	began := time.Now()
	_, err = s.export(ctx, b, "c1@shop.example")
	rate := func(d time.Duration) float64 { return float64(written) / (1 << 20) / d.Seconds() }
	return figure{
		What: fmt.Sprintf("1 subject, %.0f MiB, %d rows", float64(written)/(1<<20), rows), Value: rate(time.Since(began)), Unit: "MiB/s", More: true, Bound: boundExportLarge,
	}.beside(rate(bare)), err
}

func exportMany(ctx context.Context, l *lab) (f figure, err error) {
	subjects := l.size(10_000, 500)
	s, b, err := l.exportShop(ctx, subjects, 50, 100)
	if err != nil {
		return figure{}, err
	}
	defer func() { err = errors.Join(err, b.Close(), s.db.Close()) }()
	bare, _, err := s.copyOut(ctx, l, subjects)
	if err != nil {
		return figure{}, err
	}
	began := time.Now()
	for i := range subjects {
		n, err := s.export(ctx, b, fmt.Sprintf("c%d@shop.example", i+1))
		if err == nil && n != 51 {
			err = fmt.Errorf("%d rows were exported", n)
		}
		if err != nil {
			return figure{}, err
		}
	}
	n := float64(subjects)
	return figure{What: fmt.Sprintf("%d subjects, 51 rows each, one after the other", subjects), Value: n / time.Since(began).Seconds(), Unit: "subjects/s", More: true, Bound: boundExportSmall}.beside(n / bare.Seconds()), nil
}

// export returns how many rows one customer got.
func (s *shop) export(ctx context.Context, b *blob.Bucket, email string) (rows int64, err error) {
	d := asks(dsr.Access, email)
	sink := responder.NewSink(b, d)
	if _, err := s.system.Export(ctx, d, sink); err != nil {
		return 0, err
	}
	for _, p := range sink.Parts() {
		rows += p.Records
	}
	return rows, nil
}

// copyOut is the floor: one COPY for each subject, of the same rows as JSON.
func (s *shop) copyOut(ctx context.Context, l *lab, subjects int) (took time.Duration, written int64, err error) {
	dir := filepath.Join(l.dir, l.next("copy"))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	err = conn.Raw(func(c any) error {
		pg := c.(*stdlib.Conn).Conn()
		began := time.Now()
		for i := range subjects {
			n, err := copyOne(ctx, pg, i+1, filepath.Join(dir, strconv.Itoa(i)))
			if err != nil {
				return err
			}
			written += n
		}
		took = time.Since(began)
		return nil
	})
	return took, written, err
}

func copyOne(ctx context.Context, pg *pgx.Conn, id int, path string) (int64, error) {
	f, err := os.Create(filepath.Clean(path))
	if err != nil {
		return 0, err
	}
	sum, w := sha256.New(), bufio.NewWriterSize(f, 64<<10)
	tag := &counter{w: io.MultiWriter(w, sum)}
	_, err = pg.PgConn().CopyTo(ctx, tag, fmt.Sprintf(`COPY (SELECT row_to_json(t) FROM (SELECT email, name, phone, address, created_at FROM customers WHERE id = %d) AS t
		UNION ALL SELECT row_to_json(t) FROM (SELECT id, body FROM support_messages WHERE customer_id = %d) AS t) TO STDOUT`, id, id))
	return tag.n, errors.Join(err, w.Flush(), f.Close())
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
