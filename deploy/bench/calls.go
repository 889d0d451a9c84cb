package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"passerelle/deploy/stand"
	"passerelle/pkg/ticket"
)

// calls counts the calls to Zendesk for each ticket, and compares a drain in bulk with one ticket after the other under
// the same limit.
type calls struct {
	accounts, workers, perMinute, backlog int
	rate                                  float64
	steady, single                        time.Duration
	every                                 time.Duration
}

func (s *calls) flags(set *flag.FlagSet) {
	set.IntVar(&s.accounts, "accounts", 50, "Zendesk accounts of the steady state")
	set.IntVar(&s.workers, "workers", 2, "worker processes")
	set.IntVar(&s.perMinute, "per-minute", 400, "calls a minute that each account allows")
	set.Float64Var(&s.rate, "rate", 60, "events a second in the steady state")
	set.DurationVar(&s.steady, "steady", time.Minute, "how long the steady state is measured, with archive tickets and with a mixture")
	set.DurationVar(&s.single, "single", 2*time.Minute, "how long it is measured one by one; from a minute on, in whole minutes of the clock")
	set.IntVar(&s.backlog, "backlog", 50_000, "archive tickets to drain in bulk")
	set.DurationVar(&s.every, "every", 2*time.Second, "an escalated conversation during the drain")
}

func (s *calls) run(ctx context.Context, b *bench) error {
	if s.accounts < 1 || s.rate <= 0 || s.backlog < 1 || s.every <= 0 {
		return fmt.Errorf("expected -accounts and -backlog of 1 or more, -rate and -every over 0")
	}
	if err := s.inSteadyState(ctx, b); err != nil {
		return fmt.Errorf("steady state: %w", err)
	}
	perSecond, err := s.oneByOne(ctx, b)
	if err != nil {
		return fmt.Errorf("one by one: %w", err)
	}
	if err := s.inBulk(ctx, b, perSecond); err != nil {
		return fmt.Errorf("in bulk: %w", err)
	}
	return nil
}

func (s *calls) nature(b *bench, size int, bulk string) (nature, platform) {
	n, p := b.nature, b.platform
	n.size, n.workers, n.perMinute, n.bulk = size, s.workers, s.perMinute, bulk
	p.redis = true
	return n, p
}

func (s *calls) inSteadyState(ctx context.Context, b *bench) error {
	n, p := s.nature(b, s.accounts, "auto")
	r, err := b.open(ctx, "steady", n, p)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.start(ctx); err != nil {
		return err
	}
	o := r.outcome()
	all, err := r.warm(ctx, b, o, 6) // more than an account has agents
	if err != nil {
		return err
	}
	for _, kind := range []string{"archive tickets", "one in five escalated"} {
		g := r.archive
		if kind != "archive tickets" {
			g = r.mixed
		}
		b.sayf("steady state, %s: %.0f a second for %s", kind, s.rate, s.steady)
		began, before := time.Now(), r.requests()
		list, err := r.send(ctx, load{rate: s.rate, span: s.steady, choose: inTurn(0, s.accounts), generator: g})
		if err != nil {
			return err
		}
		o.settle(ctx, list, time.Minute)
		made := len(r.calls.between(began, time.Now()))
		each := float64(made) / float64(len(list))
		b.report.figure("calls a ticket in steady state, "+kind, each, "")
		if g == r.archive {
			b.report.atMost("calls a ticket in steady state, "+kind, each, 1.02)
		}
		after := r.requests()
		for _, kind := range slices.Sorted(maps.Keys(after)) {
			if n := after[kind] - before[kind]; n > 0 {
				b.report.figure("of them a ticket: "+kind, float64(n)/float64(len(list)), "")
			}
		}
		all = append(all, list...)
	}
	f, err := r.judge(ctx, o, all)
	if err != nil {
		return err
	}
	b.report.nothingWrong("steady state: ", f, r.crashed())
	return nil
}

// requests counts what all accounts were asked, by method and path.
func (w *world) requests() map[string]int {
	all := map[string]int{}
	for _, a := range w.accounts {
		for kind, n := range a.Requests() {
			all[kind] += n
		}
	}
	return all
}

// oneByOne gives how many tickets a second a backlog makes without bulk jobs.
func (s *calls) oneByOne(ctx context.Context, b *bench) (perSecond float64, err error) {
	n, p := s.nature(b, 1, "off")
	r, err := b.open(ctx, "single", n, p)
	if err != nil {
		return 0, err
	}
	defer r.close()
	if err := r.start(ctx); err != nil {
		return 0, err
	}
	l, err := r.hold(ctx, b, 1, int(float64(s.perMinute)*(s.single.Minutes()+1)*1.2)+50, r.archive)
	if err != nil {
		return 0, err
	}
	healed, o := l.heal(), r.outcome()
	// From the first ticket on, so that the wait for the first try does not count against it.
	for len(o.made) == 0 {
		if o.look(); !stand.Rest(ctx, 100*time.Millisecond) {
			return 0, ctx.Err()
		}
	}
	b.report.took("one by one: first ticket after the account was well again", time.Since(healed))
	// Whole minutes of the clock, in which the account counts: of a part, its calls may fall in the beginning.
	if s.single >= time.Minute {
		stand.Rest(ctx, time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
	}
	o.look()
	began, before := time.Now(), len(o.made)
	stand.Rest(ctx, s.single)
	o.look()
	made := len(o.made) - before
	perSecond = float64(made) / time.Since(began).Seconds()
	b.report.figure("one by one: tickets a minute", 60*perSecond, "")
	b.report.figure("one by one: calls a ticket", float64(len(r.calls.between(began, time.Now())))/float64(max(made, 1)), "")
	return perSecond, ctx.Err()
}

func (s *calls) inBulk(ctx context.Context, b *bench, oneByOne float64) error {
	n, p := s.nature(b, 1, "auto")
	r, err := b.open(ctx, "bulk", n, p)
	if err != nil {
		return err
	}
	defer r.close()
	known := 0.0
	if r.knows(ctx, `"bulk"`) {
		known = 1
	}
	b.report.atLeast("the product knows the setting bulk", known, 1)
	if err := r.start(ctx); err != nil {
		return err
	}
	l, err := r.hold(ctx, b, 1, s.backlog, r.archive)
	if err != nil {
		return err
	}
	o, healed := r.outcome(), l.heal()
	escalating, stop := context.WithCancel(ctx)
	defer stop()
	result := make(chan []sent, 1)
	go func() {
		list, err := r.escalateEvery(escalating, s.every)
		if err != nil {
			b.sayf("an escalated conversation was not stored: %v", err)
		}
		result <- list
	}()
	b.sayf("draining")
	left := o.settle(ctx, l.all, 2*time.Minute)
	stop()
	escalated := <-result
	took := o.last(l.all).Sub(healed)
	left += o.settle(ctx, escalated, 2*time.Minute)
	during := r.calls.between(healed, healed.Add(took+time.Millisecond))
	refused := 0
	for _, c := range during {
		if c.status == http.StatusTooManyRequests {
			refused++
		}
	}
	drained := len(during) - o.callsFor(during, escalated) // what the escalated ones cost is not the drain's
	w := o.waits(escalated)
	b.report.took("in bulk: backlog drained in", took)
	b.report.figure("in bulk: without a ticket in the end", float64(left), "")
	b.report.figure("in bulk: jobs begun", float64(r.jobsBegun(healed)), "")
	b.report.figure("in bulk: answers 429", float64(refused), "")
	b.report.figure("in bulk: escalated conversations meanwhile", float64(len(escalated)), "")
	b.report.atMost("in bulk: calls a ticket", float64(drained)/float64(len(l.all)), 0.03)
	b.report.atLeast("in bulk: times as fast as one by one", float64(len(l.all))/took.Seconds()/max(oneByOne, 0.001), 20)
	b.report.atMost("escalated during the drain: p99, seconds", w.at(0.99).Seconds(), 5)
	f, err := r.judge(ctx, o, append(l.all, escalated...))
	if err != nil {
		return err
	}
	b.report.nothingWrong("in bulk: ", f, r.crashed())
	return nil
}

// callsFor counts the calls that were about those conversations alone.
func (o *outcome) callsFor(all []called, about []sent) int {
	keys, ids := map[string]bool{}, map[int64]bool{}
	for _, s := range about {
		keys[ticket.ExternalID(s.id)] = true
		if m, ok := o.ticket(s); ok {
			ids[m.ID] = true
		}
	}
	n := 0
	for _, c := range all {
		if c.key != "" && keys[c.key] || c.ticket != 0 && ids[c.ticket] {
			n++
		}
	}
	return n
}

// escalateEvery lets escalated conversations of the first account end until ctx ends.
func (r *rig) escalateEvery(ctx context.Context, every time.Duration) (all []sent, err error) {
	for stand.Rest(ctx, every) {
		list, err := r.send(context.WithoutCancel(ctx), load{count: 1, choose: inTurn(0, 1), generator: r.escalate})
		if err != nil {
			return all, err
		}
		all = append(all, list...)
	}
	return all, nil
}
