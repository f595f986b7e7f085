package servers

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

//go:embed pom.xml
var pom []byte

// KafkaVersion is the version of the broker that StartKafka starts.
func KafkaVersion() string {
	_, after, _ := bytes.Cut(pom, []byte("<artifactId>kafka_2.13</artifactId>"))
	_, after, _ = bytes.Cut(after, []byte("<version>"))
	version, _, _ := bytes.Cut(after, []byte("</version>"))
	return string(version)
}

// kafkaJars returns the folder with the broker's jars, fetched by Maven once for each content of pom.xml. Several runs may
// ask at once: one fetches, the others wait for it; the folder appears by a rename, so that it is whole or not there.
func kafkaJars(ctx context.Context, o Options) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(pom)
	final := filepath.Join(cache, "kafka-jars-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	unlock, err := lockFile(final + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	mvn, err := need(ctx, o, "mvn", "maven", "default-jre-headless")
	if err != nil {
		return "", fmt.Errorf("fetch the jars of Apache Kafka: %w", err)
	}
	work, err := os.MkdirTemp(cache, "kafka-fetch-")
	if err != nil {
		return "", fmt.Errorf("fetch the jars of Apache Kafka: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), pom, 0o644); err != nil {
		return "", fmt.Errorf("fetch the jars of Apache Kafka: %w", err)
	}
	o.say("fetching the jars of Apache Kafka with Maven into %s (about 43 MB, once)", final)
	err = run(ctx, nil, work, nil, mvn, "-q", "-B", "dependency:copy-dependencies",
		"-DoutputDirectory="+filepath.Join(work, "jars"), "-DincludeScope=runtime")
	if err != nil {
		return "", fmt.Errorf("fetch the jars of Apache Kafka by Maven (is Maven Central, or a mirror in ~/.m2/settings.xml, reachable?): %w", err)
	}
	if err := os.Rename(filepath.Join(work, "jars"), final); err != nil {
		return "", fmt.Errorf("fetch the jars of Apache Kafka: %w", err)
	}
	return final, nil
}

// java returns a Java that can run the broker: $JAVA_HOME's, else the one on PATH, else Debian's.
func java(ctx context.Context, o Options) (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		path := filepath.Join(home, "bin", "java")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return need(ctx, o, "java", "default-jre-headless")
}

// need finds a program on PATH and, as root on a Debian, installs the packages that hold it.
func need(ctx context.Context, o Options, program string, packages ...string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	if err := install(ctx, o, packages...); err != nil {
		return "", fmt.Errorf("%s is not on PATH: %w", program, err)
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is not on PATH even after installing %v: %w", program, packages, err)
	}
	return path, nil
}

// install runs apt-get. Only one run at a time does, because dpkg's lock makes the second one fail.
func install(ctx context.Context, o Options, packages ...string) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("install %v yourself: there is no apt-get here", packages)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("install it first: sudo apt-get install -y %v", packages)
	}
	cache, err := CacheDir()
	if err != nil {
		return err
	}
	unlock, err := lockFile(filepath.Join(cache, "apt.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	o.say("installing %v with apt-get", packages)
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	if err := run(ctx, nil, "/", env, apt, "update", "-q"); err != nil {
		return fmt.Errorf("install %v: %w", packages, err)
	}
	args := append([]string{"install", "-y", "-q", "--no-install-recommends"}, packages...)
	if err := run(ctx, nil, "/", env, apt, args...); err != nil {
		return fmt.Errorf("install %v: %w", packages, err)
	}
	return nil
}

// lockFile waits for an exclusive lock; the kernel drops it when the holder dies.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
