package kafka_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

func TestApply_creates_what_is_missing_and_changes_nothing_else(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		old := c.topic(t, client, 2, map[string]string{"retention.ms": "1000000"})
		specs := []kafka.TopicSpec{
			{Name: old, Partitions: 2, Configs: map[string]string{"retention.ms": "1000000"}},
			{Name: old + ".new", Partitions: 4, Replication: 1, Configs: map[string]string{
				"cleanup.policy": "compact,delete", "retention.ms": "1209600000", "max.message.bytes": "500000",
			}},
		}
		created, err := client.Apply(t.Context(), specs)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{old + ".new"}, created); diff != "" {
			t.Errorf("created (-want +got):\n%s", diff)
		}
		created, err = client.Apply(t.Context(), specs)
		if err != nil || len(created) > 0 {
			t.Errorf("the second time created %v with error %v, want nothing and none", created, err)
		}
		specs[0].Configs["retention.ms"] = "2000000"
		_, err = client.Apply(t.Context(), specs)
		var wrong *kafka.WrongTopicsError
		if !errors.As(err, &wrong) {
			t.Fatalf("error is %v, want a WrongTopicsError", err)
		}
		want := []kafka.TopicProblem{{Topic: old, Setting: "retention.ms", Want: "2000000", Got: "1000000"}}
		if diff := cmp.Diff(want, wrong.Problems); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	})
}

func TestApply_may_run_in_several_programs_at_once(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		name := c.topic(t, c.client(t), 1, nil) + ".together"
		var group sync.WaitGroup
		for range 4 {
			client := c.client(t)
			group.Go(func() {
				if _, err := client.Apply(t.Context(), []kafka.TopicSpec{{Name: name, Partitions: 3}, {Name: name + "2", Partitions: 3}}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	})
}

func TestCheck_names_every_missing_and_every_wrong_topic_at_once(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		a := c.topic(t, client, 3, map[string]string{"cleanup.policy": "delete,compact", "max.message.bytes": "900000"})
		b := c.topic(t, client, 1, map[string]string{"cleanup.policy": "delete"})
		err := client.Check(t.Context(), []kafka.TopicSpec{
			{Name: a, Partitions: 2, Configs: map[string]string{"cleanup.policy": "compact,delete", "max.message.bytes": "800000"}},
			{Name: b, Partitions: 6, Configs: map[string]string{"cleanup.policy": "compact", "max.message.bytes": "900000000"}},
			{Name: "gone-1"},
			{Name: "gone-2"},
		})
		var missing *kafka.MissingTopicsError
		var wrong *kafka.WrongTopicsError
		if !errors.As(err, &missing) || !errors.As(err, &wrong) {
			t.Fatalf("error is %v, want a MissingTopicsError and a WrongTopicsError", err)
		}
		if diff := cmp.Diff([]string{"gone-1", "gone-2"}, missing.Topics); diff != "" {
			t.Errorf("missing (-want +got):\n%s", diff)
		}
		want := []kafka.TopicProblem{
			{Topic: b, Setting: "partitions", Want: "at least 6", Got: "1"},
			{Topic: b, Setting: "cleanup.policy", Want: "compact", Got: "delete"},
			{Topic: b, Setting: "max.message.bytes", Want: "900000000", Got: "1048588"},
		}
		if diff := cmp.Diff(want, wrong.Problems); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		for _, name := range []string{"gone-1", "gone-2", b} {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("error %q does not name %s", err, name)
			}
		}
		if err := client.Check(t.Context(), []kafka.TopicSpec{{Name: a, Partitions: 3}}); err != nil {
			t.Errorf("a topic as it should be: %v", err)
		}
	})
}

func TestBrokers_that_do_not_answer_are_named_with_the_cause(t *testing.T) {
	client := cluster{addr: "127.0.0.1:1"}.client(t)
	_, applied := client.Apply(t.Context(), []kafka.TopicSpec{{Name: "t"}})
	checked := client.Check(t.Context(), []kafka.TopicSpec{{Name: "t"}})
	_, lag := client.Lag(t.Context(), "g", []string{"t"})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{"Apply": applied, "Check": checked, "Lag": lag, "Wait": client.Wait(ended)} {
		var unavailable *kafka.BrokerUnavailableError
		if !errors.As(err, &unavailable) {
			t.Errorf("%s: error is %v, want a BrokerUnavailableError", name, err)
			continue
		}
		if name != "Wait" && !strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), "password") {
			t.Errorf("%s: error is %q, want the address, and no guess about passwords", name, err)
		}
	}
}

func TestNew_refuses_addresses_that_are_none(t *testing.T) {
	for _, brokers := range [][]string{nil, {"localhost"}, {"a:9092", "b"}} {
		if _, err := kafka.New(kafka.Config{Brokers: brokers}); err == nil {
			t.Errorf("brokers %q: no error", brokers)
		}
	}
}

func TestRequests_do_not_stumble_over_connections_that_died_while_idle(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		var way network
		client := c.client(t, func(config *kafka.Config) { config.Dial = way.dial })
		specs := []kafka.TopicSpec{{Name: c.topic(t, client, 1, nil)}}
		for name, request := range map[string]func() error{
			"Check": func() error { return client.Check(t.Context(), specs) },
			"Apply": func() error {
				_, err := client.Apply(t.Context(), append(specs, kafka.TopicSpec{Name: specs[0].Name + ".more"}))
				return err
			},
			"Lag": func() error { _, err := client.Lag(t.Context(), "g", []string{specs[0].Name}); return err },
		} {
			if err := client.Check(t.Context(), specs); err != nil {
				t.Fatal(err)
			}
			way.cut()
			if err := request(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
