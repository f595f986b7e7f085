// Package topics says which topics Lethe needs and how they are to be set: the contract's table, in code.
package topics

import (
	"strconv"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// Settings are what a company decides about its topics.
type Settings struct {
	Prefix            string
	Partitions        int
	Replication       int
	MinInsyncReplicas int
	MaxMessageBytes   int
	InternalRetention time.Duration // of everything between services; shorter than a dispatch may be worked
	RequestRetention  time.Duration // of the intake and its rejections
	StatusRetention   time.Duration // of the last status of a request
}

// Specs lists every topic. Completion records are kept for ever: they are the proof.
func Specs(s Settings) []kafka.TopicSpec {
	deleted := func(name string, keep time.Duration) kafka.TopicSpec {
		return s.spec(name, map[string]string{"cleanup.policy": "delete", "retention.ms": millis(keep)})
	}
	out := []kafka.TopicSpec{
		deleted(dsr.TopicRequests, s.RequestRetention),
		deleted(dsr.TopicRejected, s.RequestRetention),
	}
	for _, name := range []string{
		dsr.TopicResolution, dsr.TopicErasure, dsr.TopicPortability, dsr.TopicAccess, dsr.TopicVerification, dsr.TopicPackaging,
		dsr.TopicAcknowledgement, dsr.TopicDeadLetters,
	} {
		out = append(out, deleted(name, s.InternalRetention))
	}
	return append(out,
		s.spec(dsr.TopicStatus, map[string]string{"cleanup.policy": "compact,delete", "retention.ms": millis(s.StatusRetention)}),
		s.spec(dsr.TopicCompletions, map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}),
	)
}

func (s Settings) spec(name string, configs map[string]string) kafka.TopicSpec {
	configs["min.insync.replicas"] = strconv.Itoa(s.MinInsyncReplicas)
	configs["max.message.bytes"] = strconv.Itoa(s.MaxMessageBytes)
	return kafka.TopicSpec{Name: s.Prefix + name, Partitions: s.Partitions, Replication: s.Replication, Configs: configs}
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
