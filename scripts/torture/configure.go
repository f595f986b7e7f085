package main

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

//go:embed company.yml
var dataMap []byte

const (
	prefix     = "torture."
	partitions = 4
	settle     = "3s"
)

// configure writes what every process reads. Limits of silence are far beyond what any fault lasts: no request may end incomplete.
func configure(dir string, s *stage) error {
	text := fmt.Sprintf(`kafka: {topic_prefix: %q, partitions: %d, replication: 1, min_insync_replicas: 1, session_timeout: 2s}
controller: {name: "Noten und Partner GmbH, Berlin", acting_as: controller, establishment: berlin}
establishments:
  berlin: {time_zone: Europe/Berlin, calendar: DE-BE}
keys: {dir: "%[3]s/keys"}
data_map: {files: ["%[3]s/company.yml"]}
export: {url: "file://%[3]s/exports/store"}
limits: {silence: 6h, resolution: 6h, settle: %[4]s, min_wait: 1s, gate_recheck: 300ms, retry: 500ms}
systems:
  shop: {kind: sql, dsn: %[5]q, lock_timeout: 1s, batch: 60}
  desk: {kind: sql, dsn: %[6]q, lock_timeout: 1s, batch: 60}
  chats: {kind: objects, url: "file://%[3]s/files", ledger: beside, ledger_dsn: "sqlite://%[3]s/chats-ledger.db"}
log: {level: info, format: json}
`, prefix, partitions, filepath.ToSlash(dir), settle, s.dsn["shop"], s.dsn["desk"])
	for name, data := range map[string][]byte{"lethe.yml": []byte(text), "company.yml": dataMap} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
	}
	keys := filepath.Join(dir, "keys")
	if _, err := sealing.CreateDir(keys); err != nil {
		return err
	}
	_, err := completion.CreateKey(keys)
	return err
}

// outside opens the harness's own client of the pipeline, as an upstream system and an auditor have one. It comes to Kafka directly.
func outside(ctx context.Context, dir string, s *stage) (*roles.Process, error) {
	cfg, err := roles.LoadCoordinator(filepath.Join(dir, "lethe.yml"), []string{"LETHE_KAFKA_BROKERS=" + s.kafka.Addr, "LETHE_STORE_URL=" + s.store["coordinator"]})
	if err != nil {
		return nil, err
	}
	p, err := roles.Open(cfg, completion.Software{Version: "torture", Commit: "torture"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	_, err = p.Kafka.Apply(ctx, roles.Topics(cfg))
	return p, err
}

// environ is what a process of a role is started with.
func environ(dir string, s *stage, role string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "TZ=UTC", "LETHE_CONFIG=" + filepath.Join(dir, "lethe.yml"), "LETHE_KAFKA_BROKERS=" + s.brokers[role],
		"LETHE_TEST_LEASE=15s",
	}
	if url := s.store[role]; url != "" {
		env = append(env, "LETHE_STORE_URL="+url)
	}
	return env
}
