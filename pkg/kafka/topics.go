package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// TopicSpec is what a topic should be.
type TopicSpec struct {
	Name string
	// Partitions it has at least; 0 stands for 1.
	Partitions int
	// Replication factor it is made with; 0: the cluster's default. Not checked later: operators move replicas.
	Replication int
	// Configs are topic configurations by their Kafka names, such as cleanup.policy or retention.ms.
	Configs map[string]string
}

// WrongTopicsError says in what topics differ from what they should be.
type WrongTopicsError struct{ Problems []TopicProblem }

// TopicProblem is one difference: Setting is "partitions" or the name of a configuration.
type TopicProblem struct{ Topic, Setting, Want, Got string }

func (e *WrongTopicsError) Error() string {
	texts := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		texts = append(texts, fmt.Sprintf("topic %s: %s is %s, should be %s", p.Topic, p.Setting, p.Got, p.Want))
	}
	return strings.Join(texts, "; ")
}

// Apply creates the topics that do not exist and returns their names. It changes nothing about those that do; where one is
// not as it should be, the error says so, as that of [Client.Check]. New ones can be used when it returns. Two programs may apply the same topics at once.
func (c *Client) Apply(ctx context.Context, topics []TopicSpec) (created []string, err error) {
	known, err := c.lookup(ctx, names(topics)...)
	if err != nil {
		return nil, fmt.Errorf("create topics: %w", c.explain(err))
	}
	var request []kafkago.TopicConfig
	for _, spec := range topics {
		if _, exists := known[spec.Name]; exists {
			continue
		}
		config := kafkago.TopicConfig{Topic: spec.Name, NumPartitions: max(spec.Partitions, 1), ReplicationFactor: spec.Replication}
		if spec.Replication <= 0 {
			config.ReplicationFactor = -1 // the cluster's default (KIP-464)
		}
		for _, name := range slices.Sorted(maps.Keys(spec.Configs)) {
			config.ConfigEntries = append(config.ConfigEntries, kafkago.ConfigEntry{ConfigName: name, ConfigValue: spec.Configs[name]})
		}
		request = append(request, config)
	}
	if len(request) > 0 {
		var answer *kafkago.CreateTopicsResponse
		err := c.ask(ctx, func() (err error) {
			answer, err = c.api.CreateTopics(ctx, &kafkago.CreateTopicsRequest{Topics: request})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("create topics: %w", c.explain(err))
		}
		var errs []error
		for _, config := range request {
			switch err := answer.Errors[config.Topic]; {
			case err == nil:
				created = append(created, config.Topic)
			case !errors.Is(err, kafkago.TopicAlreadyExists):
				errs = append(errs, fmt.Errorf("create topic %s: %w", config.Topic, err))
			}
		}
		if len(errs) > 0 {
			return created, errors.Join(errs...)
		}
	}
	if err := c.led(ctx, created); err != nil {
		return created, err
	}
	return created, c.Check(ctx, topics)
}

// ledWithin is how long new topics may be without leaders.
const ledWithin = 30 * time.Second

// led waits until every partition of new topics has a leader that answers: whoever starts next would be told that it is not the leader.
func (c *Client) led(ctx context.Context, topics []string) error {
	ctx, cancel := context.WithTimeout(ctx, ledWithin)
	defer cancel()
	pause := newPause(5*time.Millisecond, 200*time.Millisecond)
	for _, topic := range topics {
		for {
			_, err := c.Extents(ctx, topic)
			if err == nil {
				break
			}
			if judge(err) == permanent && !stale(err) || pause.wait(ctx) != nil {
				return fmt.Errorf("wait for the leaders of a new topic: %w", err)
			}
		}
	}
	return nil
}

// Check compares the topics with what they should be: the error is a [MissingTopicsError], a [WrongTopicsError] or both
// joined, and names all of them. A topic may have more partitions, and take larger messages, than asked for; every other
// configuration asked for must be as it is. It asks once: where no broker answers, the error is a [BrokerUnavailableError].
func (c *Client) Check(ctx context.Context, topics []TopicSpec) error {
	known, err := c.partitions(ctx, names(topics))
	var missing *MissingTopicsError
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("check topics: %w", err)
	}
	present := topics
	if missing != nil {
		present = slices.DeleteFunc(slices.Clone(topics), func(t TopicSpec) bool { return slices.Contains(missing.Topics, t.Name) })
		if len(present) == 0 {
			return fmt.Errorf("check topics: %w", err)
		}
		var again error
		if known, again = c.lookup(ctx, names(present)...); again != nil {
			return fmt.Errorf("check topics: %w", c.explain(again))
		}
	}
	configs, configErr := c.configs(ctx, names(present))
	if configErr != nil {
		return fmt.Errorf("check topics: %w", c.explain(configErr))
	}
	var problems []TopicProblem
	for _, spec := range present {
		problems = append(problems, compare(spec, known[spec.Name], configs[spec.Name])...)
	}
	if len(problems) > 0 {
		err = errors.Join(err, &WrongTopicsError{Problems: problems})
	}
	if err != nil {
		return fmt.Errorf("check topics: %w", err)
	}
	return nil
}

func compare(spec TopicSpec, partitions int, configs map[string]string) (problems []TopicProblem) {
	if partitions < spec.Partitions {
		problems = append(problems, TopicProblem{
			Topic: spec.Name, Setting: "partitions", Want: "at least " + strconv.Itoa(spec.Partitions), Got: strconv.Itoa(partitions),
		})
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Configs)) {
		want, got := spec.Configs[name], configs[name]
		if !satisfied(name, want, got) {
			problem := TopicProblem{Topic: spec.Name, Setting: name, Want: want, Got: got}
			if got == "" {
				problem.Got = "not set"
			}
			problems = append(problems, problem)
		}
	}
	return problems
}

func satisfied(name, want, got string) bool {
	wantNumber, isNumber := number(want)
	gotNumber, alsoNumber := number(got)
	switch {
	case name == "max.message.bytes" && isNumber && alsoNumber:
		return gotNumber >= wantNumber
	case isNumber && alsoNumber:
		return gotNumber == wantNumber
	}
	return slices.Equal(list(want), list(got))
}

// list reads a configuration that is a set, such as "compact,delete", whose order says nothing.
func list(value string) []string {
	parts := strings.Split(value, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	slices.Sort(parts)
	return parts
}

func number(value string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	return n, err == nil
}

func names(topics []TopicSpec) []string {
	list := make([]string, 0, len(topics))
	for _, topic := range topics {
		list = append(list, topic.Name)
	}
	return list
}

// configs returns the configurations of topics, by topic and name: all, or only the ones named.
func (c *Client) configs(ctx context.Context, topics []string, only ...string) (map[string]map[string]string, error) {
	request := &kafkago.DescribeConfigsRequest{}
	for _, topic := range topics {
		request.Resources = append(request.Resources, kafkago.DescribeConfigRequestResource{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: topic, ConfigNames: only,
		})
	}
	var answer *kafkago.DescribeConfigsResponse
	err := c.ask(ctx, func() (err error) {
		answer, err = c.api.DescribeConfigs(ctx, request)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the configuration of topics: %w", err)
	}
	configs := make(map[string]map[string]string, len(topics))
	for _, resource := range answer.Resources {
		if resource.Error != nil {
			return nil, fmt.Errorf("ask for the configuration of topic %s: %w", resource.ResourceName, resource.Error)
		}
		entries := make(map[string]string, len(resource.ConfigEntries))
		for _, entry := range resource.ConfigEntries {
			entries[entry.ConfigName] = entry.ConfigValue
		}
		configs[resource.ResourceName] = entries
	}
	return configs, nil
}
