package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// rate lets more and more events happen, and tells what becomes of the times and what each ticket costs.
type rate struct {
	accounts, workers int
	rates             string
	span              time.Duration
	ingest, redis     bool
}

func (s *rate) flags(set *flag.FlagSet) {
	set.IntVar(&s.accounts, "accounts", 200, "Zendesk accounts")
	set.IntVar(&s.workers, "workers", 2, "worker processes")
	set.StringVar(&s.rates, "rates", "50,100,150,200,300,400,500", "events a second, one after the other")
	set.DurationVar(&s.span, "span", 15*time.Second, "of each rate")
	set.BoolVar(&s.ingest, "ingest", true, "send webhooks; false: events go straight into the queue")
	set.BoolVar(&s.redis, "redis", true, "with a redis-server")
}

func (s *rate) run(ctx context.Context, b *bench) error {
	n, p := b.nature, b.platform
	n.size, n.workers, p.ingest, p.redis = s.accounts, s.workers, s.ingest, s.redis
	r, err := b.open(ctx, "rate", n, p)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.start(ctx); err != nil {
		return err
	}
	o := r.outcome()
	all, err := r.warm(ctx, b, o, 1)
	if err != nil {
		return err
	}
	sustained := 0.0
	for text := range strings.SplitSeq(s.rates, ",") {
		events, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || events <= 0 {
			return fmt.Errorf("-rates: expected numbers over 0, not %q", text)
		}
		b.sayf("%.0f events a second for %s", events, s.span)
		var from effort
		var began time.Time
		begin := func() { from, began = r.effort(ctx), time.Now() }
		list, err := r.send(ctx, load{rate: events, span: s.span, choose: inTurn(0, n.size), generator: r.mixed, begin: begin})
		if err != nil {
			return err
		}
		stored := time.Since(began)
		if left := o.settle(ctx, list, time.Minute); left > 0 {
			return fmt.Errorf("%w: %d of %d", errNotSettled, left, len(list))
		}
		settled := time.Since(began)
		w := o.waits(list)
		name := fmt.Sprintf("%.0f a second: ", events)
		b.report.took(name+"p50", w.at(0.5))
		b.report.took(name+"p99", w.at(0.99))
		b.report.figure(name+"stored, a second", float64(len(list))/stored.Seconds(), "")
		b.report.figure(name+"tickets, a second", float64(len(list))/settled.Seconds(), "")
		b.report.spent(name, from, r.effort(ctx), len(list))
		if w.at(0.99) < time.Second {
			sustained = max(sustained, events)
		}
		all = append(all, list...)
		if w.at(0.5) > 5*time.Second {
			break // more of it tells nothing more
		}
	}
	b.report.figure("the highest rate with a p99 under a second", sustained, "1/s")
	f, err := r.judge(ctx, o, all)
	if err != nil {
		return err
	}
	b.report.figure("webhooks that were not accepted at once", float64(r.refused.Load()), "")
	b.report.nothingWrong("", f, r.crashed())
	return nil
}

// warmRate is slow enough for any machine: each first ticket of an account takes several calls.
const warmRate = 40

// warm makes that many tickets in each account, so that tokens, forms and agents are known.
func (r *rig) warm(ctx context.Context, b *bench, o *outcome, each int) ([]sent, error) {
	b.sayf("warming up: %d tickets in each of %d accounts", each, r.size)
	return r.sendAndSettle(ctx, o, load{rate: warmRate, count: each * r.size, choose: inTurn(0, r.size), generator: r.archive})
}

// sendAndSettle lets conversations end, of which each must have its ticket before anything is measured.
func (r *rig) sendAndSettle(ctx context.Context, o *outcome, l load) ([]sent, error) {
	all, err := r.send(ctx, l)
	if err != nil {
		return nil, err
	}
	if left := o.settle(ctx, all, time.Minute); left > 0 {
		return all, errors.Join(errNotSettled, fmt.Errorf("%d of %d conversations have no ticket after the warm-up", left, len(all)))
	}
	return all, nil
}
