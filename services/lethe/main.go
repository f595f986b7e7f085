// Command lethe erases and hands over a person's data across every system of a company, by events, and proves it.
//
// One binary holds every service and the operator's tools; each subcommand stands in a file of its own. How the services are
// wired is package roles' business, what they do stands in their own packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // a static image has no time zones of its own
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Environ())
	stop()
	os.Exit(code)
}

// Exit codes beside those of a request's result.
const (
	exitError = 1
	exitUsage = 2
)

// run is main with everything from outside as arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, environ []string) int {
	root := newRoot(&app{stdout: stdout, stderr: stderr, environ: environ, patience: patience})
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit *statusError
	if errors.As(err, &exit) {
		return exit.code
	}
	fmt.Fprintf(stderr, "lethe: %s\n", inWords(err))
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "Run `%s --help` for how it is used.\n", usage.command)
		return exitUsage
	}
	return exitError
}

// statusError ends the command with a code after it has said everything itself.
type statusError struct{ code int }

func (e *statusError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// usageError is a mistake in how the command was called.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }
