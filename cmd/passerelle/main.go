// Command passerelle turns the conversations held on iAdvize into tickets in Zendesk.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // a container image or a small machine may have no time zones, and sites name theirs

	"github.com/alecthomas/kong"

	"passerelle/pkg/site"
)

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

// usageError is wrong usage or configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

type commands struct {
	Output string `short:"o" enum:"text,json" default:"text" help:"How to print: text or json."`

	Demo        demoCommand        `cmd:"" help:"Run everything in one process, with simulated accounts and traffic."`
	Serve       serveCommand       `cmd:"" help:"Run the real thing."`
	Sites       sitesCommand       `cmd:"" help:"Look at the configuration."`
	Health      healthCommand      `cmd:"" help:"Ask a running process whether it is ready: the probe of a container."`
	Deadletters deadlettersCommand `cmd:"" help:"See to conversations that could not become tickets."`
	Lanes       lanesCommand       `cmd:"" help:"How the Zendesk accounts fare, and what waits for them."`
	Trace       traceCommand       `cmd:"" help:"What became of one conversation, from webhook to ticket."`
	Erase       eraseCommand       `cmd:"" help:"Remove a visitor's data that the product still holds."`
	Streams     streamsCommand     `cmd:"" help:"Compare the streams on the NATS server with what the product needs."`
	Backfill    backfillCommand    `cmd:"" help:"Queue the conversations that ended in an interval and have no ticket yet."`
	Simulate    simulateCommand    `cmd:"" help:"Run a simulator alone."`
	Version     versionCommand     `cmd:"" help:"Print version, commit, Go and module versions."`
}

// streams are the process's own, or a test's.
type streams struct {
	in       io.Reader
	out, err io.Writer
	json     bool
}

func main() {
	os.Exit(run(os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

func run(args []string, std streams) int {
	ctx, stop := interruptible()
	defer stop()
	var c commands
	exit := -1
	parser, err := kong.New(&c, kong.Name("passerelle"), kong.Writers(std.out, std.err), kong.Exit(func(code int) { exit = code }),
		kong.Description("iAdvize conversations become Zendesk tickets: each one exactly once. Settings are PASSERELLE_* variables, which README.md lists, and a configuration file, passerelle.yaml."), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		_, _ = fmt.Fprintln(std.err, "passerelle:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // help was asked for, and printed
		return exit
	}
	if err != nil {
		_, _ = fmt.Fprintf(std.err, "passerelle: %v\nTry: passerelle --help\n", err)
		return exitUsage
	}
	std.json = c.Output == "json"
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(std); err != nil {
		_, _ = fmt.Fprintln(std.err, "passerelle:", err)
		return exitStatus(err)
	}
	return 0
}

func exitStatus(err error) int {
	var usage usageError
	var problem site.Problem
	if errors.As(err, &usage) || errors.As(err, &problem) {
		return exitUsage
	}
	return exitFailed
}

// interruptible gives a context that ends with the first SIGINT or SIGTERM. The second one ends the process at once.
func interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(exitFailed)
		case <-done:
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel() }
}
