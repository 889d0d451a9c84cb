package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// options say how hard the product is tried.
type options struct {
	scenario      string
	conversations int
	rate          float64 // a second
	kills         int     // at least; each kind is used the same number of times, once at least
	seed          int64
	share         float64       // of Zendesk's and iAdvize's answers that are faulty
	shortest      time.Duration // that something is stopped, cut or down
	longest       time.Duration // the same
	hangs         bool          // answers that never come may be as many as the others; otherwise there are a few
	settle        time.Duration // how long everything may take to settle at the end
	limit         time.Duration // of all
	latency       time.Duration // of Zendesk
	retryDelays   []time.Duration
	replyTimeout  time.Duration
	keep          bool // the folder with logs and stores stays, whatever the result
	json          bool
	binaries      string // folder with passerelle and nats-server; empty: they are built
}

const (
	cluster  = "cluster"
	embedded = "embedded"
)

// full is the proof. iAdvize's own delays apply.
func full() options {
	return options{
		scenario: cluster, conversations: 20_000, rate: 45, kills: 50, seed: 1, share: 0.1, shortest: 2 * time.Second, longest: 9 * time.Second,
		hangs: true, settle: 10 * time.Minute, limit: time.Hour, latency: 20 * time.Millisecond,
		retryDelays: []time.Duration{10 * time.Second, 20 * time.Second}, replyTimeout: 30 * time.Second,
	}
}

// short is for every run of the tests: the same, smaller and in a hurry. Where the answer to a bulk job was lost, and its
// job cannot be recognised, its conversations settle after five minutes and more.
func short(scenario string) options {
	o := full()
	o.scenario, o.conversations, o.rate, o.kills, o.hangs = scenario, 300, 20, 1, false
	o.shortest, o.longest, o.settle, o.limit = 500*time.Millisecond, 1500*time.Millisecond, 8*time.Minute, 10*time.Minute
	o.retryDelays, o.replyTimeout = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, 10*time.Second
	return o
}

func readOptions(args []string, errOut io.Writer) (options, error) {
	o := full()
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.StringVar(&o.scenario, "scenario", o.scenario, "cluster or embedded")
	flags.IntVar(&o.conversations, "conversations", o.conversations, "conversations that end, at least")
	flags.Float64Var(&o.rate, "rate", o.rate, "conversations a second")
	flags.IntVar(&o.kills, "kills", o.kills, "kills of all kinds together, at least")
	flags.Int64Var(&o.seed, "seed", o.seed, "same seed, same conversations, faults and order of kills")
	flags.Float64Var(&o.share, "faults", o.share, "share of the answers of Zendesk and iAdvize that are faulty")
	flags.DurationVar(&o.shortest, "shortest", o.shortest, "that something is stopped, cut or down")
	flags.DurationVar(&o.longest, "longest", o.longest, "that something is stopped, cut or down")
	flags.DurationVar(&o.settle, "settle", o.settle, "how long everything may take to settle in the end")
	flags.DurationVar(&o.limit, "limit", o.limit, "of the whole run")
	flags.BoolVar(&o.keep, "keep", o.keep, "keep the folder with logs and stores even when nothing is wrong")
	flags.BoolVar(&o.json, "json", o.json, "print the report as JSON")
	flags.StringVar(&o.binaries, "binaries", o.binaries, "folder with passerelle and nats-server; empty: they are built")
	if err := flags.Parse(args); err != nil {
		return o, fmt.Errorf("flags: %w", err)
	}
	return o, o.check()
}

func (o options) check() error {
	switch {
	case o.scenario != cluster && o.scenario != embedded:
		return fmt.Errorf("-scenario: %q is none of cluster, embedded", o.scenario)
	case o.conversations < 1 || o.rate <= 0 || o.rate > 1000 || o.kills < 0:
		return errors.New("expected -conversations of 1 or more, -rate over 0 to 1000, -kills not negative")
	case o.share < 0 || o.share > 0.5 || o.shortest <= 0 || o.longest < o.shortest:
		return errors.New("expected -faults 0 to 0.5 and 0 < -shortest <= -longest")
	}
	return nil
}
