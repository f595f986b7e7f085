package sql

import (
	"context"
	"database/sql"
)

// reader runs a query and gives each row to scan.
type reader interface {
	read(ctx context.Context, scan func(scanner) error, query string, args ...any) error
}

// runner also runs statements; exec returns how many rows one changed.
type runner interface {
	reader
	exec(ctx context.Context, query string, args ...any) (int64, error)
}

type scanner interface{ Scan(dest ...any) error }

// live runs statements in a database or a transaction.
type live struct{ handle }

type handle interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (l live) read(ctx context.Context, scan func(scanner) error, query string, args ...any) error {
	rows, err := l.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() // rows.Err below says what there is to say
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (l live) exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := l.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
