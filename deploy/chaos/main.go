// Command chaos proves that nothing is lost and nothing doubled: it runs the product's real processes between simulated
// accounts, kills and cuts whatever can be killed or cut, and compares in the end, conversation by conversation, what
// was answered with 2xx with tickets and dead letters. Exit status 1 when anything is lost or doubled.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"passerelle/deploy/stand"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := readOptions(args, errOut)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			_, _ = fmt.Fprintln(errOut, err)
		}
		return 2
	}
	dir, err := os.MkdirTemp("", "passerelle-chaos-")
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "make a temporary folder:", err)
		return 1
	}
	if o.binaries == "" {
		o.binaries = filepath.Join(dir, "bin")
		if err := stand.Build(ctx, o.binaries); err != nil {
			_, _ = fmt.Fprintln(errOut, err)
			return 1
		}
	}
	r, err := prove(ctx, o, dir)
	if o.json {
		_ = json.NewEncoder(out).Encode(r) // who reads it is gone
	} else {
		r.print(out)
	}
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "chaos:", err)
	}
	if err == nil && !r.bad() && !o.keep {
		_ = os.RemoveAll(dir) // a temporary folder
		return 0
	}
	_, _ = fmt.Fprintln(errOut, "logs and stores are in", dir)
	if err != nil || r.bad() {
		return 1
	}
	return 0
}

// prove runs one scenario in the folder. The error says that the proof itself failed; the report is not complete then.
func prove(ctx context.Context, o options, dir string) (r report, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	s, err := openScene(ctx, o, dir)
	if err != nil {
		return report{Scenario: o.scenario, Seed: o.seed}, err
	}
	defer s.close()
	r = report{Scenario: o.scenario, Seed: o.seed, Faults: o.share}
	if err := s.world.begin(o); err != nil {
		return r, err
	}
	began := time.Now()
	killed := make(chan struct{})
	traffic, finished := s.world.produce(ctx, o, "http://"+s.front.address()+"/webhooks/iadvize", killed)
	kills, killErr := s.killAll(ctx, time.Duration(float64(o.conversations)/o.rate*float64(time.Second)))
	close(killed)
	trafficErr := finished()
	r.Kills, r.TrafficTime = kills, time.Since(began)
	s.world.end()
	answered := traffic.Accepted()
	r.Conversations, r.Answered = traffic.Counts().Conversations, len(answered)
	settling, cancelSettling := context.WithTimeout(ctx, o.settle)
	defer cancelSettling()
	began = time.Now()
	settleErr := s.settle(settling, answered)
	r.SettleTime = time.Since(began)
	s.stopProduct()
	for _, m := range s.members() {
		r.Crashed += m.Surplus.Load()
		r.DrainedLate += m.Slow.Load() + m.Failed.Load()
	}
	r.Uncertain, r.Warnings, r.LogLines = s.stories.uncertainty(), s.stories.messages, s.stories.levels
	judgeErr := s.judge(context.WithoutCancel(ctx), &r, answered)
	return r, errors.Join(killErr, trafficErr, settleErr, judgeErr)
}
