package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// inWords is an error as a person reads it: topics that are not as they should be one a line, each with what mends it.
func inWords(err error) string {
	var wrong *kafka.WrongTopicsError
	if !errors.As(err, &wrong) {
		return err.Error()
	}
	lines := []string{"topics are not as the configuration has them. Change the topic, or the setting, and apply again:"}
	var missing *kafka.MissingTopicsError
	if errors.As(err, &missing) {
		for _, topic := range missing.Topics {
			lines = append(lines, fmt.Sprintf("topic %s: is missing (lethe topics apply)", topic))
		}
	}
	for _, p := range wrong.Problems {
		lines = append(lines, fmt.Sprintf("topic %s: %s is %s, should be %s (%s)", p.Topic, p.Setting, p.Got, p.Want, mend(p)))
	}
	return strings.Join(lines, "\n  ")
}

// mend is the command of Kafka's own tools that changes the topic.
func mend(p kafka.TopicProblem) string {
	if p.Setting == "partitions" {
		return fmt.Sprintf("kafka-topics.sh --bootstrap-server HOST:PORT --alter --topic %s --partitions %s", p.Topic, strings.TrimPrefix(p.Want, "at least "))
	}
	value := p.Want
	if strings.Contains(value, ",") {
		value = "[" + value + "]"
	}
	return fmt.Sprintf("kafka-configs.sh --bootstrap-server HOST:PORT --alter --topic %s --add-config '%s=%s'", p.Topic, p.Setting, value)
}
