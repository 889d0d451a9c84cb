package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"passerelle/deploy/stand"
)

// storm makes many accounts well again in the same second, each with a backlog.
type storm struct {
	accounts, workers, perMinute, each, before int
	burst                                      float64
}

func (s *storm) flags(set *flag.FlagSet) {
	set.IntVar(&s.accounts, "accounts", 1000, "Zendesk accounts that are down")
	set.IntVar(&s.workers, "workers", 2, "worker processes")
	set.IntVar(&s.perMinute, "per-minute", 400, "calls a minute that each account allows")
	set.IntVar(&s.each, "each", 20, "conversations that wait in each account")
	set.IntVar(&s.before, "before", 10, "tickets in each account before it is down, so that a worker's memory is compared with what it is at work")
	set.Float64Var(&s.burst, "burst", 3, "how many times the even pace an account may be called in one second")
}

func (s *storm) run(ctx context.Context, b *bench) error {
	if s.accounts < 1 || s.each < 1 || s.workers < 1 || s.before < 1 {
		return fmt.Errorf("expected -accounts, -each, -workers and -before of 1 or more")
	}
	n, p := b.nature, b.platform
	n.size, n.workers, n.perMinute, n.bulk = s.accounts, s.workers, s.perMinute, "auto"
	p.redis = true
	r, err := b.open(ctx, "storm", n, p)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.start(ctx); err != nil {
		return err
	}
	o := r.outcome()
	warm, err := r.warm(ctx, b, o, 1)
	if err != nil {
		return err
	}
	var watching sync.WaitGroup
	m := newMemory(r)
	watched, stop := context.WithCancel(ctx)
	defer watching.Wait()
	defer stop()
	watching.Go(func() { m.watch(watched) })
	b.sayf("at work: %d more tickets in each account", s.before-1)
	worked, err := r.sendAndSettle(ctx, o, load{rate: workRate, count: (s.before - 1) * s.accounts, choose: inTurn(0, s.accounts), generator: r.archive})
	if err != nil {
		return err
	}
	warm = append(warm, worked...)
	l, err := r.hold(ctx, b, s.accounts, s.accounts*s.each, r.archive)
	if err != nil {
		return err
	}
	healed := l.heal()
	left := o.settle(ctx, l.all, 3*time.Minute)
	ended := time.Now()
	stop()
	watching.Wait()
	b.report.took("drained in", ended.Sub(healed))
	b.report.figure("without a ticket in the end", float64(left), "")
	s.judge(b, r, healed, ended)
	m.report(b.report, healed)
	f, err := r.judge(ctx, o, append(warm, l.all...))
	if err != nil {
		return err
	}
	b.report.nothingWrong("", f, r.crashed())
	return nil
}

// workRate is what any machine bears, in tickets a second.
const workRate = 200

// judge counts the calls of each account, in each second and each clock minute.
func (s *storm) judge(b *bench, r *rig, healed, ended time.Time) {
	type slot struct {
		account string
		at      int64
	}
	seconds, minutes, all := map[slot]int{}, map[slot]int{}, map[int64]int{}
	refused := 0
	for _, c := range r.calls.between(healed, ended) {
		seconds[slot{c.account, c.at.Unix()}]++
		minutes[slot{c.account, c.at.Unix() / 60}]++
		all[c.at.Unix()]++
		if c.status == http.StatusTooManyRequests {
			refused++
		}
	}
	budget := float64(s.perMinute) * float64(100-r.reserve) / 100
	b.report.figure("most calls in one second, all accounts together", float64(most(all)), "")
	b.report.atMost("most calls of one account in one second", float64(most(seconds)), math.Ceil(s.burst*budget/60))
	b.report.atMost("most calls of one account in one clock minute", float64(most(minutes)), budget)
	b.report.atMost("answers 429", float64(refused), 0)
}

func most[K comparable](counts map[K]int) int {
	n := 0
	for _, c := range counts {
		n = max(n, c)
	}
	return n
}

// memory watches what the workers have in memory.
type memory struct {
	rig    *rig
	began  time.Time
	series []sample
}

type sample struct {
	at  time.Time
	mib float64 // of all workers together
}

func newMemory(r *rig) *memory { return &memory{rig: r, began: time.Now()} }

func (m *memory) watch(ctx context.Context) {
	for {
		now := sample{at: time.Now()}
		for _, p := range m.rig.workers {
			now.mib += residentMiB(p.PID())
		}
		m.series = append(m.series, now)
		if !stand.Rest(ctx, time.Second) {
			return
		}
	}
}

// flat is how much a worker's memory may grow, in MiB: by what is in work, and not by what waits.
const flat = 64

// report is for after watch has ended.
func (m *memory) report(r *report, healed time.Time) {
	before, after := 0.0, 0.0
	for _, s := range m.series {
		if s.at.Before(healed) {
			before = max(before, s.mib)
		} else {
			after = max(after, s.mib)
		}
	}
	step := max(len(m.series)/20, 1)
	for i := 0; i < len(m.series); i += step {
		s := m.series[i]
		r.figure(fmt.Sprintf("memory of the workers, %.0f s after the accounts were well again", s.at.Sub(healed).Seconds()), s.mib, "MiB")
	}
	if before > 0 { // where the system tells
		r.figure("the workers' most memory after the accounts were well again, times that before", after/before, "")
		r.atMost("MiB by which a worker's memory grew", (after-before)/float64(len(m.rig.workers)), flat)
	}
}
