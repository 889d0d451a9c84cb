package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"passerelle/pkg/sim/simzendesk"
)

// fairness compares the healthy accounts' times from event to ticket while some accounts are in trouble with those of the
// same run without the sick ones, in turn.
type fairness struct {
	accounts, sick, workers int
	perMinute               int
	rounds, again           int
	rate, share, stolen     float64
	span                    time.Duration
	troubles                string
	ingest, redis           bool
}

// troubled is how an account can be in trouble.
var troubled = map[string]simzendesk.Fault{
	"hung":    {Kind: simzendesk.Hang},
	"down":    {Kind: simzendesk.HTML502},
	"limited": {Kind: simzendesk.RateLimited}, // with Retry-After
}

func (s *fairness) flags(set *flag.FlagSet) {
	set.IntVar(&s.accounts, "accounts", 200, "Zendesk accounts")
	set.IntVar(&s.sick, "sick", 1, "of them in trouble")
	set.IntVar(&s.workers, "workers", 2, "worker processes")
	set.IntVar(&s.perMinute, "per-minute", 700, "calls a minute that each account allows")
	set.IntVar(&s.rounds, "rounds", 2, "how often with and without the sick ones")
	set.Float64Var(&s.stolen, "stolen", 0.5, "percent of the processors: a round does not count if the machine's host took more in one half; below 0: none counts")
	set.IntVar(&s.again, "again", 3, "how many rounds of each trouble do not count at most; those after them do")
	set.Float64Var(&s.rate, "rate", 500, "events a second, those of the sick ones included")
	set.Float64Var(&s.share, "share", 0.4, "of the events that are the sick ones'")
	set.DurationVar(&s.span, "span", time.Minute, "of each half of a round")
	set.StringVar(&s.troubles, "trouble", "hung,down,limited", "which, one after the other")
	set.BoolVar(&s.ingest, "ingest", true, "send webhooks; false: events go straight into the queue")
	set.BoolVar(&s.redis, "redis", true, "with a redis-server")
}

func (s *fairness) run(ctx context.Context, b *bench) error {
	list := strings.Split(s.troubles, ",")
	for _, trouble := range list {
		if _, ok := troubled[trouble]; !ok {
			return fmt.Errorf("-trouble: %q is none of hung, down, limited", trouble)
		}
	}
	if s.sick < 1 || s.sick >= s.accounts || s.share <= 0 || s.share >= 1 || s.rate <= 0 || s.rounds < 1 {
		return fmt.Errorf("expected 0 < -sick < -accounts, 0 < -share < 1, -rate over 0 and -rounds of 1 or more")
	}
	if s.again < 0 {
		return fmt.Errorf("expected -again of 0 or more")
	}
	n, p := b.nature, b.platform
	n.size, n.workers, n.perMinute, n.bulk = s.accounts, s.workers, s.perMinute, "auto"
	p.ingest, p.redis = s.ingest, s.redis
	r, err := b.open(ctx, "fairness", n, p)
	if err != nil {
		return err
	}
	defer r.close()
	b.report.set("load", fmt.Sprintf("%.0f events a second, %.0f %% of them of %d sick accounts, %s each half, %d rounds", s.rate, 100*s.share, s.sick, s.span, s.rounds))
	if err := r.start(ctx); err != nil {
		return err
	}
	o := r.outcome()
	all, err := r.warm(ctx, b, o, 1)
	if err != nil {
		return err
	}
	met, err := s.meet(ctx, b, r, o)
	if err != nil {
		return err
	}
	all = append(all, met...)
	for _, trouble := range list {
		more, err := s.with(ctx, b, r, o, trouble)
		if err != nil {
			return fmt.Errorf("%s: %w", trouble, err)
		}
		all = append(all, more...)
	}
	f, err := r.judge(ctx, o, all)
	if err != nil {
		return err
	}
	b.report.figure("webhooks that were not accepted at once", float64(r.refused.Load()), "")
	b.report.nothingWrong("", f, r.crashed())
	return nil
}

// meet lets each worker meet each account, or nearly: the first ticket that a worker makes in an account costs more.
func (s *fairness) meet(ctx context.Context, b *bench, r *rig, o *outcome) ([]sent, error) {
	each := 2 * s.workers
	b.sayf("%d more tickets in each account, so that each worker knows it", each)
	return r.sendAndSettle(ctx, o, load{rate: s.rate * (1 - s.share), count: each * s.accounts, choose: inTurn(0, s.accounts), generator: r.mixed})
}

// with runs the rounds with one kind of trouble.
func (s *fairness) with(ctx context.Context, b *bench, r *rig, o *outcome, trouble string) (all []sent, err error) {
	var alone, beside []waits // of each round that counts
	drained := 0.0            // the longest drain, in units of the time that the quota allows for it
	disturbed, worst := 0, 0.0
	counts := func(half string, stolen float64) bool {
		b.report.figure(half+": processors that the host took", stolen, "%")
		if stolen <= s.stolen || disturbed == s.again {
			worst = max(worst, stolen)
			return true
		}
		disturbed++
		b.sayf("%s: does not count, because the machine's host took %.2f %% of the processors", half, stolen)
		return false
	}
	for round := 1; round-disturbed <= s.rounds; round++ {
		name := fmt.Sprintf("%s, round %d", trouble, round)
		b.sayf("%s: without the sick accounts", name)
		without, stolen, err := s.half(ctx, b, r, name+", without", load{rate: s.rate * (1 - s.share), choose: inTurn(s.sick, s.accounts)})
		all = append(all, without...)
		if err != nil {
			return all, err
		}
		left := o.settle(ctx, without, time.Minute)
		if !counts(name+", without", stolen) {
			continue
		}
		with, healed, stolen, err := s.beside(ctx, b, r, trouble, round)
		all = append(all, with...)
		if err != nil {
			return all, err
		}
		healthy, ill := s.apart(with)
		left += o.settle(ctx, healthy, time.Minute)
		b.sayf("%s: %d conversations of the sick accounts wait", name, len(ill))
		left += o.settle(ctx, ill, doubt)
		took := max(o.last(ill).Sub(healed), 0)
		b.report.figure(name+": backlog of the sick accounts", float64(len(ill)), "")
		b.report.took(name+": it drained in", took)
		b.report.figure(name+": without a ticket in the end", float64(left), "")
		quota := float64(s.perMinute*(100-r.reserve)*s.sick) / 100 / 60
		drained = max(drained, took.Seconds()/(float64(max(len(ill), 1))/quota))
		if !counts(name+", beside", stolen) {
			continue
		}
		alone, beside = append(alone, o.waits(without)), append(beside, o.waits(healthy))
	}
	b.report.figure(trouble+": rounds that did not count, because the host took too much", float64(disturbed), "")
	b.report.atMost(trouble+": percent of the processors that the host took in a half that counts", worst, s.stolen)
	for _, share := range []float64{0.5, 0.99} {
		name := fmt.Sprintf("%s: p%.0f of the healthy accounts", trouble, 100*share)
		var ratios []float64
		for i := range beside {
			b.report.took(fmt.Sprintf("%s, without the sick ones (%d)", name, i+1), alone[i].at(share))
			b.report.took(fmt.Sprintf("%s, beside them (%d)", name, i+1), beside[i].at(share))
			ratios = append(ratios, ratio(beside[i].at(share), alone[i].at(share)))
		}
		b.report.atMost(name+", times that without the sick ones, median of the rounds", median(ratios), 1.2)
	}
	b.report.atMost(trouble+": drain, times what the quota allows one by one", drained, 1.3)
	return all, nil
}

// beside lets conversations end at all accounts while the sick ones are in trouble, and heals them.
func (s *fairness) beside(ctx context.Context, b *bench, r *rig, trouble string, round int) (all []sent, healed time.Time, stolen float64, err error) {
	name := fmt.Sprintf("%s, round %d", trouble, round)
	b.sayf("%s: beside the sick accounts", name)
	f := troubled[trouble]
	if f.Kind == simzendesk.RateLimited {
		f.RetryAfter = b.retryAfter
	}
	for _, a := range r.accounts[:s.sick] {
		defer a.Fault(f)()
	}
	all, stolen, err = s.half(ctx, b, r, name+", beside", load{rate: s.rate, choose: s.choice(round)})
	return all, time.Now(), stolen, err
}

// half is one half of a round. It gives how much of the processors the machine's host took meanwhile, in percent.
func (s *fairness) half(ctx context.Context, b *bench, r *rig, name string, l load) (all []sent, stolen float64, err error) {
	var from effort
	l.span, l.generator, l.begin = s.span, r.mixed, func() { from = r.effort(ctx) }
	all, err = r.send(ctx, l)
	to := r.effort(ctx)
	b.report.spent(name+": ", from, to, len(all))
	return all, 100 * to.stolenSince(from), err
}

// choice gives the sick accounts their share, in an order that is the same each time.
func (s *fairness) choice(round int) func(int) int {
	return func(i int) int {
		r := rand.New(rand.NewPCG(uint64(round), uint64(i))) //nolint:gosec // no secret
		if r.Float64() < s.share {
			return r.IntN(s.sick)
		}
		return s.sick + i%(s.accounts-s.sick)
	}
}

func (s *fairness) apart(all []sent) (healthy, ill []sent) {
	for _, c := range all {
		if c.account < s.sick {
			ill = append(ill, c)
		} else {
			healthy = append(healthy, c)
		}
	}
	return healthy, ill
}

func ratio(a, b time.Duration) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// median gives the middle one, or what lies in the middle of two; 0 of nothing.
func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}
