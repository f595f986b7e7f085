package servers_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

	"github.com/lethe-dsr/lethe/scripts/servers/servers"
)

func TestKafka(t *testing.T) {
	ctx := t.Context()
	s, err := servers.StartKafka(ctx, servers.Options{Progress: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	client := &kafka.Client{Addr: kafka.TCP(s.Addr)}
	answer, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: "kept", NumPartitions: 1, ReplicationFactor: 1}},
	})
	if err := errors.Join(err, answer.Errors["kept"]); err != nil {
		t.Fatal(err)
	}
	w := &kafka.Writer{Addr: kafka.TCP(s.Addr), Topic: "kept", RequiredAcks: kafka.RequireAll, BatchSize: 1}
	if err := w.WriteMessages(ctx, kafka.Message{Value: []byte("before the kill")}); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()

	t.Run("a_killed_broker_comes_back_with_its_messages", func(t *testing.T) {
		killAndRestart(t, s)
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{s.Addr}, Topic: "kept", Partition: 0})
		defer func() { _ = r.Close() }()
		got, err := r.ReadMessage(ctx)
		if err != nil || string(got.Value) != "before the kill" {
			t.Errorf("read %q, %v; want the message written before the kill", got.Value, err)
		}
	})
	t.Run("stop_leaves_nothing_behind", func(t *testing.T) { stopsCleanly(t, s) })
}

func TestPostgres(t *testing.T) {
	ctx := t.Context()
	s, err := servers.StartPostgres(ctx, servers.Options{
		Fsync: true, Settings: map[string]string{"work_mem": "5MB"}, Progress: func(line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	query(t, s, "create table kept as select 'before the kill' as note")

	t.Run("a_killed_server_comes_back_with_its_rows", func(t *testing.T) {
		killAndRestart(t, s)
		if got := query(t, s, "select note from kept"); got != "before the kill" {
			t.Errorf("read %q, want the row written before the kill", got)
		}
	})
	t.Run("options_are_heard", func(t *testing.T) {
		for setting, want := range map[string]string{"fsync": "on", "work_mem": "5MB", "max_connections": "300"} {
			if got := query(t, s, "show "+setting); got != want {
				t.Errorf("%s is %q, want %q", setting, got, want)
			}
		}
	})
	t.Run("stop_leaves_nothing_behind", func(t *testing.T) { stopsCleanly(t, s) })
}

func TestMariaDB(t *testing.T) {
	s, err := servers.StartMariaDB(t.Context(), servers.Options{
		Fsync: true, Settings: map[string]string{"sort-buffer-size": "1048576"}, Progress: func(line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	queryMariaDB(t, s, "CREATE DATABASE shop")
	queryMariaDB(t, s, "CREATE TABLE shop.kept AS SELECT 'before the kill' AS note")

	t.Run("a_killed_server_comes_back_with_its_rows", func(t *testing.T) {
		killAndRestart(t, s)
		if got := queryMariaDB(t, s, "SELECT note FROM shop.kept"); got != "before the kill" {
			t.Errorf("read %q, want the row written before the kill", got)
		}
	})
	t.Run("temporary_tables_are_its_own", func(t *testing.T) {
		if got, want := queryMariaDB(t, s, "SELECT @@tmpdir"), filepath.Join(filepath.Dir(s.Log), "tmp"); got != want {
			t.Errorf("temporary tables are in %s, want %s", got, want)
		}
	})
	t.Run("options_are_heard", func(t *testing.T) {
		for setting, want := range map[string]string{"innodb_flush_log_at_trx_commit": "1", "sort_buffer_size": "1048576", "max_connections": "300"} {
			if got := queryMariaDB(t, s, "SELECT @@"+setting); got != want {
				t.Errorf("%s is %q, want %q", setting, got, want)
			}
		}
	})
	t.Run("stop_leaves_nothing_behind", func(t *testing.T) { stopsCleanly(t, s) })
}

// queryMariaDB runs one statement and returns the first column of its first row, if any.
func queryMariaDB(t *testing.T, s *servers.Server, statement string) (value string) {
	t.Helper()
	db, err := sql.Open("mysql", "root@tcp("+s.Addr+")/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return value
}

func killAndRestart(t *testing.T, s *servers.Server) {
	t.Helper()
	s.Kill()
	if pid := s.PID(); pid != 0 {
		t.Errorf("pid is %d after the kill, want 0", pid)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func stopsCleanly(t *testing.T, s *servers.Server) {
	t.Helper()
	pid := s.PID()
	s.Stop()
	s.Stop() // twice is once
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d still answers a signal: %v", pid, err)
	}
	if _, err := os.Stat(filepath.Dir(s.Log)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory %s: %v, want it gone", filepath.Dir(s.Log), err)
	}
}

// query runs one statement and returns the first column of its first row, if any.
func query(t *testing.T, s *servers.Server, statement string) (value string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return value
}
