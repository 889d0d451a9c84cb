// Command bench measures what is promised about speed and fairness: it runs the product's real processes with a real
// nats-server and redis-server against simulated accounts, over HTTP, and compares figures of one run with each other.
// Exit status 1 when a criterion is missed.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"passerelle/deploy/stand"
	"passerelle/pkg/timerslack"
)

func main() {
	if err := timerslack.Widen(timerslack.Wide); err != nil { // for what it starts, too: nats-server is to have it as in docker-compose.yml
		fmt.Fprintln(os.Stderr, "bench: tickets take more processor time than they should:", err)
	}
	debug.SetGCPercent(usualGC)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// scenario is one benchmark.
type scenario interface {
	// flags are its sizes. Their defaults are those of the promise.
	flags(set *flag.FlagSet)
	// run measures, and fills the report.
	run(ctx context.Context, b *bench) error
}

// scenarios gives each by its name, with what it is about.
func scenarios() []named {
	return []named{
		{"fairness", "what accounts in trouble cost the others, and how fast their backlog drains", &fairness{}},
		{"quota", "how much of an account's calls are used, and whether ever more", &quota{}},
		{"calls", "calls a ticket, one by one and in bulk, and how fast a backlog drains", &calls{}},
		{"kill", "kill -9 of the worker that drains, again and again", &kill{}},
		{"storm", "many accounts are well again in the same second", &storm{}},
		{"rate", "how many events a second the machine bears, and what is spent on each", &rate{}},
	}
}

type named struct {
	name, about string
	scenario
}

// bench is what all scenarios share.
type bench struct {
	platform
	nature

	retryAfter int

	dir     string
	stores  string   // memory or disk
	folders []string // of the rigs whose stores are in memory; the others are in dir
	report  *report
	log     io.Writer // told how far it is
	limit   time.Duration
	keep    bool
	output  string
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var usage bytes.Buffer // where it belongs depends on whether it was asked for
	b, chosen, err := readArguments(args, &usage)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = usage.WriteTo(out)
		return 0
	case err != nil:
		_, _ = usage.WriteTo(errOut)
		_, _ = fmt.Fprintln(errOut, "bench:", err)
		return 2
	}
	b.log = errOut
	runtime.GOMAXPROCS(b.procs) // the simulators and the load are in this process
	if b.dir, err = os.MkdirTemp("", "passerelle-bench-"); err != nil {
		_, _ = fmt.Fprintln(errOut, "make a temporary folder:", err)
		return 1
	}
	err = b.measure(ctx, chosen)
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "bench:", err)
	}
	if b.output == "json" {
		_ = json.NewEncoder(out).Encode(b.report) // who reads it is gone
	} else {
		b.report.write(out)
	}
	b.tidy(err == nil && len(b.report.Wrong) == 0 && !b.keep)
	if err != nil || !b.report.Met {
		return 1
	}
	return 0
}

func (b *bench) measure(ctx context.Context, chosen named) error {
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	b.report = newReport(chosen.name)
	if b.binaries == "" {
		b.binaries = filepath.Join(b.dir, "bin")
		if err := stand.Build(ctx, b.binaries); err != nil {
			return err
		}
	}
	before := wholeMachine()
	err := chosen.run(ctx, b)
	b.report.finish(before, wholeMachine())
	b.report.Met = b.report.Met && err == nil
	return err
}

// readArguments reads "SCENARIO [flags]". The error is flag.ErrHelp when help is asked for; usage then has it.
func readArguments(args []string, usage io.Writer) (*bench, named, error) {
	name := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	for _, s := range scenarios() {
		if s.name != name {
			continue
		}
		b := &bench{}
		set := flag.NewFlagSet("bench "+name, flag.ContinueOnError)
		set.SetOutput(usage)
		b.flags(set, name)
		s.flags(set)
		if err := set.Parse(args); err != nil {
			return nil, s, fmt.Errorf("flags: %w", err)
		}
		return b, s, b.check(set)
	}
	_, _ = fmt.Fprintln(usage, "usage: bench SCENARIO [flags]; -help after a scenario lists them")
	for _, s := range scenarios() {
		_, _ = fmt.Fprintf(usage, "  %-10s %s\n", s.name, s.about)
	}
	switch {
	case name != "":
		return nil, named{}, fmt.Errorf("%q is no scenario", name)
	case len(args) == 0 || !slices.Contains([]string{"-h", "-help", "--h", "--help"}, args[0]):
		return nil, named{}, errors.New("a scenario comes first")
	}
	return nil, named{}, flag.ErrHelp
}

func (b *bench) flags(set *flag.FlagSet, scenario string) {
	procs := max(1, runtime.NumCPU()/2)
	if scenario == "calls" { // one worker alone drains, and nats-server writes
		procs = runtime.NumCPU()
	}
	set.StringVar(&b.output, "o", "text", "text or json")
	set.StringVar(&b.binaries, "binaries", "", "folder with passerelle and nats-server; empty: they are built")
	set.BoolVar(&b.keep, "keep", false, "keep the folder with logs and stores")
	set.DurationVar(&b.limit, "limit", 2*time.Hour, "of the whole run")
	set.StringVar(&b.sync, "sync", "always", "sync_interval of nats-server; empty: the server's default")
	set.StringVar(&b.stores, "stores", usualStores(scenario), "memory or disk: where nats-server keeps its stores; memory is /dev/shm, disk is where TMPDIR is")
	set.DurationVar(&b.latency, "latency", 20*time.Millisecond, "of each answer of Zendesk, half of it for iAdvize")
	set.DurationVar(&b.jobDelay, "job-delay", 15*time.Second, "how long a bulk job takes at Zendesk")
	set.Int64Var(&b.seed, "seed", 1, "same seed, same conversations")
	set.IntVar(&b.procs, "procs", procs, "processors that each process of Passerelle, and the simulators, may use at once; with more programs at work than processors, one that takes all disturbs the others")
	set.IntVar(&b.slots, "slots", 0, "PASSERELLE_WORKER_SLOTS; 0: the product's default")
	set.IntVar(&b.retryAfter, "retry-after", 5, "seconds that an account asks to wait while it is limited or held out of order")
	set.IntVar(&b.reserve, "reserve", 20, "reserve_percent of each account")
}

func (b *bench) check(set *flag.FlagSet) error {
	switch {
	case b.output != "text" && b.output != "json":
		return errors.New("-o: expected text or json")
	case b.stores != inMemory && b.stores != onDisk:
		return errors.New("-stores: expected memory or disk")
	case b.stores == inMemory && memoryRoom() < memoryNeeded:
		return fmt.Errorf("-stores memory: %s is missing or has less than %d GiB; take -stores disk", memoryFolder, memoryNeeded>>30)
	case set.NArg() > 0:
		return fmt.Errorf("%q is not expected: flags come after the scenario", set.Arg(0))
	case b.limit <= 0 || b.latency < 0 || b.jobDelay < 0 || b.reserve < 0 || b.reserve > 95 || b.retryAfter < 1 || b.procs < 1:
		return errors.New("expected -limit over 0, -latency and -job-delay not negative, -reserve 0 to 95, -retry-after and -procs of 1 or more")
	}
	return nil
}

// open starts a rig in a folder of its own.
func (b *bench) open(ctx context.Context, name string, n nature, p platform) (*rig, error) {
	dir, err := b.makeFolder(name)
	if err != nil {
		return nil, err
	}
	sync := p.sync
	if sync == "" {
		sync = "the server's default, two minutes"
	}
	b.report.set("nats-server sync_interval", sync)
	b.report.set("stores", b.stores)
	b.report.set("Zendesk", fmt.Sprintf("%d accounts, %d calls a minute each (0: no limit), reserve %d %%, answers after %s; a bulk job takes %s", n.size, n.perMinute, n.reserve, n.latency, n.jobDelay))
	b.report.set("workers", fmt.Sprintf("%d, with Redis: %t; processors that each process of Passerelle, and the simulators, may use at once: %d", n.workers, p.redis, p.procs))
	way := "straight into the queue"
	if p.ingest {
		way = "webhooks through one ingest process"
	}
	b.report.set("events", way)
	return openRig(ctx, n, p, dir)
}

func (b *bench) sayf(format string, v ...any) {
	_, _ = fmt.Fprintf(b.log, time.Now().Format("15:04:05 ")+format+"\n", v...)
}
