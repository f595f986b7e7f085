package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/postgres"
)

func newID() lifecycle.ID { return lifecycle.ID{RequestID: dsr.RequestID(uuid.NewString())} }

func TestInstancesThatStartTogetherMakeOneSchema(t *testing.T) {
	schema := newSchema(t)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			s, err := postgres.Open(t.Context(), postgres.Config{URL: serverURL(t), Schema: schema})
			if err != nil {
				return err
			}
			return s.Close()
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	side := openSide(t, schema)
	if n := side.number("SELECT count(*) FROM goose_db_version WHERE version_id = 1"); n != 1 {
		t.Errorf("the migration was applied %d times", n)
	}
	if n := side.number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'record'::regclass"); n != 3 {
		t.Errorf("%d partitions of records, want this month's and two ahead", n)
	}
}

func TestAnOlderBuildStartsBesideANewerOne(t *testing.T) {
	_, side := openNamed(t, postgres.Config{})
	side.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)")
	openConfig(t, postgres.Config{Schema: schemaOf(side)})
}

func TestASchemaIsLeftAloneByItsNeighbour(t *testing.T) {
	a, b := open(t), open(t)
	for _, s := range []store.Store{a, b} {
		out, err := s.Outbox(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		if held, err := out.Acquire(t.Context(), []int{0}); len(held) != 1 || err != nil {
			t.Errorf("holds %v, %v", held, err)
		}
	}
}

func TestARecordWithoutItsPartitionMakesIt(t *testing.T) {
	s, side := openNamed(t, postgres.Config{})
	id := newID()
	admit(t, s, id)
	side.exec(`DO $$ DECLARE p regclass; BEGIN FOR p IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'record'::regclass LOOP EXECUTE 'DROP TABLE ' || p; END LOOP; END $$`)
	err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
		open, err := tx.Requests(ctx, []lifecycle.ID{id})
		if err != nil {
			return err
		}
		r := open[id]
		r.State, r.Closed, r.Dirty = dsr.Sealed, true, true
		rec := store.Record{ID: id, RecordID: "r", Result: dsr.Complete, SealedAt: tx.Now(), Envelope: []byte("{}"), SHA256: []byte{1}}
		return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{r}, Records: []store.Record{rec}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := side.number("SELECT count(*) FROM record"); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestUpkeep(t *testing.T) {
	s, side := openNamed(t, postgres.Config{RejectionRetention: 24 * time.Hour, ParkedRetention: time.Hour})
	for n, parked := range []*time.Time{ago(time.Minute), ago(2 * time.Hour)} {
		side.exec(`INSERT INTO outbox_parked (sha256, parked_at, code, topic, shard, body) VALUES (convert_to($1::text, 'UTF8'), $2, '', '', 0, '')`, fmt.Sprint(n), parked)
	}
	id := newID()
	admit(t, s, id)
	side.exec("INSERT INTO subject SELECT '', convert_to(n::text, 'UTF8') FROM generate_series(1, 12000) n")
	side.exec("INSERT INTO subject VALUES ('', convert_to($1, 'UTF8'))", string(id.RequestID))
	for n, corrected := range []*time.Time{nil, ago(time.Hour), ago(25 * time.Hour)} {
		side.exec(`INSERT INTO rejection (topic, partition, "offset", tenant, kind, reason, message, environment, corrected_at) VALUES ('t', 0, $1, '', '', '', '', '', $2)`, n, corrected)
	}
	side.exec("DROP TABLE " + "record_" + time.Now().UTC().AddDate(0, 0, 1-time.Now().UTC().Day()).AddDate(0, 2, 0).Format("2006_01"))
	side.exec("BEGIN")
	side.exec("SELECT FROM subject WHERE ref = '1' FOR UPDATE") // somebody is about to admit a request of this person
	if err := s.Upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	side.exec("COMMIT")
	for what, want := range map[string]int64{
		"SELECT count(*) FROM subject":                                                 2,
		"SELECT count(*) FROM subject WHERE ref = '1'":                                 1,
		"SELECT count(*) FROM rejection":                                               2,
		"SELECT count(*) FROM outbox_parked":                                           1,
		"SELECT count(*) FROM pg_inherits WHERE inhparent = 'record'::regclass":        3,
		"SELECT count(*) FROM rejection WHERE corrected_at < now() - interval '1 day'": 0,
	} {
		if n := side.number(what); n != want {
			t.Errorf("%s: %d, want %d", what, n, want)
		}
	}
}

func ago(d time.Duration) *time.Time {
	at := time.Now().Add(-d)
	return &at
}
