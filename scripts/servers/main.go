// Command servers starts the real servers that tests need and says where they are:
//
//	go run ./scripts/servers kafka postgres mariadb        # prints export lines, stays until Ctrl-C or SIGTERM
//	go run ./scripts/servers kafka postgres -- go test ./… # runs a command with the variables set, ends with its exit code
//
// Flags stand before the names: --fsync (the databases wait for the disk, for benchmarks), --dir DIR (keep data and logs
// there), --heap SIZE (of Kafka, default 512m). See package servers for where the programs come from.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/scripts/servers/servers"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	names, command, o, err := parse(args)
	if err != nil {
		return 2, err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	go watchGoRun(ctx, cancel)

	started := time.Now()
	running, err := startAll(ctx, names, o)
	defer stopAll(running)
	if err != nil {
		return 1, err
	}
	fmt.Fprintf(os.Stderr, "servers: %s up after %.1f s\n", strings.Join(names, ", "), time.Since(started).Seconds())
	if len(command) > 0 {
		return runCommand(ctx, command, running)
	}
	for _, s := range running {
		fmt.Printf("export %s='%s'\n", s.Variable, s.URL)
	}
	<-ctx.Done()
	return 0, nil
}

func parse(args []string) (names, command []string, o servers.Options, err error) {
	if i := slices.Index(args, "--"); i >= 0 {
		args, command = args[:i], args[i+1:]
		if len(command) == 0 {
			return nil, nil, o, errors.New("nothing after --")
		}
	}
	flags := flag.NewFlagSet("servers", flag.ContinueOnError)
	flags.BoolVar(&o.Fsync, "fsync", false, "the databases wait for the disk on every commit")
	flags.StringVar(&o.Dir, "dir", "", "keep data and logs in this directory (default: a temporary one)")
	flags.StringVar(&o.Heap, "heap", "", "Java heap of Kafka (default 512m)")
	if err := flags.Parse(args); err != nil {
		return nil, nil, o, err
	}
	names = flags.Args()
	if len(names) == 0 {
		return nil, nil, o, errors.New("name what to start: kafka, postgres, mariadb")
	}
	for _, name := range names {
		if starts[name] == nil {
			return nil, nil, o, fmt.Errorf("unknown server %q: kafka, postgres or mariadb", name)
		}
	}
	return names, command, o, nil
}

var starts = map[string]func(context.Context, servers.Options) (*servers.Server, error){
	"kafka": servers.StartKafka, "postgres": servers.StartPostgres, "mariadb": servers.StartMariaDB,
}

// startAll starts the servers side by side and returns those that run, also when another one did not start.
func startAll(ctx context.Context, names []string, o servers.Options) ([]*servers.Server, error) {
	running := make([]*servers.Server, len(names))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() error {
			s, err := starts[name](groupCtx, o)
			if err == nil {
				running[i] = s
			}
			return err
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(running, func(s *servers.Server) bool { return s == nil }), err
}

func stopAll(running []*servers.Server) {
	var group errgroup.Group
	for _, s := range running {
		group.Go(func() error { s.Stop(); return nil })
	}
	_ = group.Wait()
}

// runCommand runs the command to its end and returns its exit code. A signal is passed on once and the command is then
// waited for; it gets ten seconds.
func runCommand(ctx context.Context, command []string, running []*servers.Server) (int, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = os.Environ()
	for _, s := range running {
		cmd.Env = append(cmd.Env, s.Variable+"="+s.URL)
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode(), nil
	default:
		return 1, fmt.Errorf("run %s: %w", command[0], err)
	}
}

// watchGoRun ends the program when it was started by `go run` and that has died: go does not pass SIGTERM on, and the
// servers would stay behind.
func watchGoRun(ctx context.Context, cancel context.CancelFunc) {
	parent := os.Getppid()
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", parent))
	if err != nil || strings.TrimSpace(string(comm)) != "go" {
		return
	}
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if os.Getppid() != parent {
				cancel()
				return
			}
		}
	}
}
