package sql

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Exports may read from a replica ([Config.Replica]). A replica that lags would hand over less than there is, so it must have replayed what
// the primary had written when the export began; one that has not within [Config.ReplicaWait], is away or is not a replica of this database leaves
// the export to the primary. Looks prove that something is gone, and stay on the primary whatever the replica says.

// replication is how an engine says how far a replica has come.
type replication struct {
	// position asks the primary for what it has written so far; empty: it keeps no record of it that a replica could follow.
	position string
	// follows asks the replica whether it takes its writes from another server alone, and whether it has replayed a position.
	follows string
}

// exporting begins the transaction that an export reads in.
func (s *System) exporting(ctx context.Context) (tx *sql.Tx, done func(), err error) {
	if s.cfg.Replica != nil {
		tx, done, err := s.replica(ctx)
		if err == nil {
			return tx, done, nil
		}
		if ctx.Err() != nil {
			return nil, nil, failed("begin an export", ctx.Err())
		}
		s.cfg.Logger.WarnContext(ctx, "an export reads from the primary and not from the replica", "system", s.cfg.System, "error", err)
	}
	if tx, err = s.d.snapshot(ctx, s.cfg.DB); err != nil {
		return nil, nil, failed("begin an export", err)
	}
	return tx, func() { _ = tx.Rollback() }, nil // it only read
}

// replica begins the transaction on the replica once it has caught up.
func (s *System) replica(ctx context.Context) (*sql.Tx, func(), error) {
	position, err := s.position(ctx)
	if err != nil {
		return nil, nil, err
	}
	want, err := s.print(ctx, live{s.cfg.DB})
	if err != nil {
		return nil, nil, err
	}
	limited, cancel := context.WithTimeout(ctx, s.cfg.ReplicaWait)
	defer cancel()
	conn, err := s.cfg.Replica.Conn(limited)
	if err != nil {
		return nil, nil, failed("connect to the replica", err)
	}
	tx, err := s.caughtUp(ctx, limited, conn, position, want)
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return tx, func() { _, _ = tx.Rollback(), conn.Close() }, nil
}

// position is how far the primary has written.
func (s *System) position(ctx context.Context) (position string, err error) {
	err = live{s.cfg.DB}.read(ctx, func(row scanner) error { return row.Scan(&position) }, s.d.replication().position)
	if err == nil && position == "" {
		return "", errNoLog
	}
	return position, failed("ask the primary for its position", err)
}

// follows asks a replica how far it is.
func (s *System) follows(ctx context.Context, q live, position string) (replica, there bool, err error) {
	err = q.read(ctx, func(row scanner) error { return row.Scan(&replica, &there) }, s.d.replication().follows, position)
	return replica, there, err
}

const replicaPause = 50 * time.Millisecond

// caughtUp waits and begins in one session, so that the snapshot is younger than what was seen of it.
func (s *System) caughtUp(ctx, limited context.Context, conn *sql.Conn, position, want string) (*sql.Tx, error) {
	q := live{conn}
	for {
		replica, there, err := s.follows(limited, q, position)
		switch {
		case err != nil && limited.Err() != nil:
			return nil, errLags
		case err != nil:
			return nil, failed("ask the replica for its position", err)
		case !replica:
			return nil, errNoReplica
		}
		if there {
			break
		}
		select {
		case <-limited.Done():
			return nil, errLags
		case <-time.After(replicaPause):
		}
	}
	if print, err := s.print(limited, q); err != nil {
		return nil, err
	} else if print != want {
		return nil, errNoReplica
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	return tx, failed("begin on the replica", err)
}

var (
	errLags      = errors.New("the replica has not replayed what the primary had written")
	errNoReplica = errors.New("the replica is none of this database")
	errNoLog     = errors.New("the primary writes no binary log with GTIDs, by which a replica could be seen to have caught up")
)

// configureReplica refuses what no export could ever use.
func (s *System) configureReplica() error {
	c := &s.cfg
	switch {
	case c.Replica == nil && c.ReplicaWait == 0 || s.d == nil:
		return nil
	case s.d.replication() == replication{}:
		return errors.New("a replica for exports can be one of PostgreSQL or MariaDB")
	case c.ReplicaWait < 0:
		return errors.New("a limit is negative")
	}
	if c.ReplicaWait == 0 {
		c.ReplicaWait = 10 * time.Second
	}
	return nil
}

// attachReplica refuses a database that is no replica, and a primary that no replica can be compared with. A replica that is away may come
// back.
func (s *System) attachReplica(ctx context.Context) error {
	if s.cfg.Replica == nil {
		return nil
	}
	position, err := s.position(ctx)
	if errors.Is(err, errNoLog) {
		return responder.Permanent(ownErrorf("configure the responder of a database: %v", err))
	} else if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReplicaWait)
	defer cancel()
	replica, _, err := s.follows(ctx, live{s.cfg.Replica}, position)
	switch {
	case err != nil:
		s.cfg.Logger.WarnContext(ctx, "the replica does not answer: exports read from the primary until it does", "system", s.cfg.System, "error", failed("ask the replica", err))
	case !replica:
		return responder.Permanent(ownErrorf("configure the responder of a database: the replica for exports is none: it takes writes itself"))
	}
	return nil
}
