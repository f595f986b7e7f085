package servers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const kafkaStartLimit = 90 * time.Second

// log4j without a file of its own logs errors only; the line "Kafka Server started" is an info.
const log4j = `status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
`

// StartKafka starts a broker of Apache Kafka 4 (KRaft, broker and controller in one process) and returns when it serves.
// Topics are not created by themselves. ctx bounds the start only; end the server with Stop.
func StartKafka(ctx context.Context, o Options) (*Server, error) {
	jars, err := kafkaJars(ctx, o)
	if err != nil {
		return nil, err
	}
	jvm, err := java(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	// A free port can be taken by somebody else before the broker listens on it: then once more, with others.
	for try := 1; ; try++ {
		s, err := startKafkaOnce(ctx, o, jvm, jars)
		if err == nil {
			return s, nil
		}
		if try == 3 || !strings.Contains(err.Error(), "Address already in use") {
			return nil, fmt.Errorf("start kafka: %w", err)
		}
	}
}

func startKafkaOnce(ctx context.Context, o Options, jvm, jars string) (*Server, error) {
	dir, err := newWorkDir(o.Dir, "kafka")
	if err != nil {
		return nil, err
	}
	k := kafkaFiles{dir: dir.path, jvm: jvm, jars: jars, heap: o.Heap}
	if k.heap == "" {
		k.heap = "512m"
	}
	ways, err := listen(o.Ways)
	if err != nil {
		dir.close()
		return nil, err
	}
	addr, err := k.prepare(ctx, o, ways)
	if err != nil {
		dir.close()
		return nil, err
	}
	s := &Server{
		Name: "kafka", Addr: addr, URL: addr, Variable: "LETHE_TEST_KAFKA", Log: k.log(), Ways: ways,
		dir: dir, ask: syscall.SIGTERM,
		start: func(ctx context.Context) (*process, error) { return k.start(ctx, addr) },
	}
	return s, s.up(ctx)
}

// listen finds an address for each further listener.
func listen(advertised map[string]string) (map[string]string, error) {
	ways := map[string]string{}
	for name := range advertised {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		ways[name] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return ways, nil
}

type kafkaFiles struct{ dir, jvm, jars, heap string }

func (k kafkaFiles) properties() string { return filepath.Join(k.dir, "server.properties") }
func (k kafkaFiles) log() string        { return filepath.Join(k.dir, "kafka.log") }
func (k kafkaFiles) address() string    { return filepath.Join(k.dir, "address") }

// prepare writes the configuration and formats the storage, unless a kept directory has them already.
func (k kafkaFiles) prepare(ctx context.Context, o Options, ways map[string]string) (addr string, err error) {
	if known, err := os.ReadFile(k.address()); err == nil {
		if len(ways) > 0 {
			return "", errors.New("a kept directory has the listeners that it was made with, and takes no others")
		}
		return string(known), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the broker's address: %w", err)
	}
	port, err := FreePort()
	if err != nil {
		return "", err
	}
	controller, err := FreePort()
	if err != nil {
		return "", err
	}
	addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for _, sub := range []string{"data", "tmp"} {
		if err := os.MkdirAll(filepath.Join(k.dir, sub), 0o755); err != nil {
			return "", fmt.Errorf("prepare the broker's directory: %w", err)
		}
	}
	props := k.settings(addr, fmt.Sprintf("127.0.0.1:%d", controller))
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		props["listeners"] += "," + name + "://" + ways[name]
		props["advertised.listeners"] += "," + name + "://" + o.Ways[name]
		props["listener.security.protocol.map"] += "," + name + ":PLAINTEXT"
	}
	maps.Copy(props, o.Settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(props)) {
		fmt.Fprintf(&text, "%s=%s\n", name, props[name])
	}
	if err := os.WriteFile(k.properties(), []byte(text.String()), 0o644); err != nil {
		return "", fmt.Errorf("write the broker's configuration: %w", err)
	}
	if err := os.WriteFile(filepath.Join(k.dir, "log4j2.properties"), []byte(log4j), 0o644); err != nil {
		return "", fmt.Errorf("write the broker's configuration: %w", err)
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return "", fmt.Errorf("make a cluster id: %w", err)
	}
	id[0] &= 0x7f // a cluster id that began with '-' would read as an option
	args := append(k.jvmArgs("128m"), "kafka.tools.StorageTool", "format", "--standalone", "--ignore-formatted",
		"-t", base64.RawURLEncoding.EncodeToString(id), "-c", k.properties())
	if err := run(ctx, nil, k.dir, nil, k.jvm, args...); err != nil {
		return "", fmt.Errorf("format the broker's storage: %w", err)
	}
	// Last, because it says that all of the above is there.
	if err := os.WriteFile(k.address(), []byte(addr), 0o644); err != nil {
		return "", fmt.Errorf("note the broker's address: %w", err)
	}
	return addr, nil
}

// settings of one small broker that answers soon after a start, and soon after a kill.
func (k kafkaFiles) settings(addr, controller string) map[string]string {
	return map[string]string{
		"process.roles":                       "broker,controller",
		"node.id":                             "1",
		"controller.quorum.bootstrap.servers": controller,
		"controller.listener.names":           "CONTROLLER",
		"listeners":                           "PLAINTEXT://" + addr + ",CONTROLLER://" + controller,
		"advertised.listeners":                "PLAINTEXT://" + addr + ",CONTROLLER://" + controller,
		"listener.security.protocol.map":      "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name":          "PLAINTEXT",
		"log.dirs":                            filepath.Join(k.dir, "data"),
		"auto.create.topics.enable":           "false",

		// One broker holds every copy.
		"default.replication.factor":                       "1",
		"min.insync.replicas":                              "1",
		"offsets.topic.replication.factor":                 "1",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"offsets.topic.num.partitions":                     "4",
		"transaction.state.log.num.partitions":             "2",
		"share.coordinator.state.topic.num.partitions":     "2",

		// A broker that comes back after kill -9 is fenced until its old session ends: 3 s instead of 12.
		"broker.heartbeat.interval.ms": "500",
		"broker.session.timeout.ms":    "3000",
		// Tests lose and gain members all the time.
		"group.initial.rebalance.delay.ms": "0",
		"group.min.session.timeout.ms":     "1000",
		// Compaction and retention within a test's patience.
		"log.cleaner.backoff.ms":          "500",
		"log.retention.check.interval.ms": "1000",
		"log.initial.task.delay.ms":       "500",
		"num.network.threads":             "2",
		"num.io.threads":                  "4",
	}
}

func (k kafkaFiles) jvmArgs(heap string) []string {
	return []string{
		"-Xms" + heap, "-Xmx" + heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true",
		"-Djava.io.tmpdir=" + filepath.Join(k.dir, "tmp"), // the compression codecs unpack themselves there
		"-Dlog4j2.configurationFile=" + filepath.Join(k.dir, "log4j2.properties"),
		"-cp", filepath.Join(k.jars, "*"),
	}
}

func (k kafkaFiles) start(ctx context.Context, addr string) (*process, error) {
	var before int64
	if info, err := os.Stat(k.log()); err == nil {
		before = info.Size()
	}
	p, err := launch(spec{
		path: k.jvm, args: append(k.jvmArgs(k.heap), "kafka.Kafka", k.properties()),
		dir: k.dir, log: k.log(), onDeath: syscall.SIGKILL,
	})
	if err != nil {
		return nil, err
	}
	err = p.await(ctx, kafkaStartLimit, func() error {
		if !p.logged("Kafka Server started", before) {
			return errors.New("no line \"Kafka Server started\" in its log yet")
		}
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}
