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
	span, lead              time.Duration
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
	set.DurationVar(&s.lead, "lead", 20*time.Second, "of events at the healthy accounts right before each half, which are not measured")
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
	b.report.set("load", fmt.Sprintf("%.0f events a second, %.0f %% of them of %d sick accounts, %s each half, %d rounds", s.rate, 100*s.share, s.sick, s.span, s.rounds))
	for _, trouble := range list {
		if err := s.trial(ctx, b, n, p, trouble); err != nil {
			return fmt.Errorf("%s: %w", trouble, err)
		}
	}
	return nil
}

// trial runs the rounds with one kind of trouble, with servers and simulators of their own. Otherwise the last trouble would meet
// simulators that remember the conversations of those before it, and less memory to remember its own.
func (s *fairness) trial(ctx context.Context, b *bench, n nature, p platform, trouble string) error {
	r, err := b.open(ctx, "fairness-"+trouble, n, p)
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
	met, err := s.meet(ctx, b, r, o)
	if err != nil {
		return err
	}
	more, err := s.with(ctx, b, r, o, trouble)
	if err != nil {
		return err
	}
	f, err := r.judge(ctx, o, slices.Concat(all, met, more))
	if err != nil {
		return err
	}
	b.report.figure(trouble+": webhooks that were not accepted at once", float64(r.refused.Load()), "")
	b.report.nothingWrong(trouble+": ", f, r.crashed())
	return nil
}

// meet lets each worker meet each account, or nearly: the first ticket that a worker makes in an account costs more.
func (s *fairness) meet(ctx context.Context, b *bench, r *rig, o *outcome) ([]sent, error) {
	each := 2 * s.workers
	b.sayf("%d more tickets in each account, so that each worker knows it", each)
	return r.sendAndSettle(ctx, o, load{rate: s.rate * (1 - s.share), count: each * s.accounts, choose: inTurn(0, s.accounts), generator: r.mixed})
}

// bout is what the rounds with one kind of trouble have shown so far.
type bout struct {
	trouble       string
	round         int
	all           []sent
	alone, beside []waits // of each round that counts
	drained       float64 // the longest drain, in units of the time that the quota allows for it
	disturbed     int     // rounds that do not count
	worst         float64 // percent of the processors that the host took in a half that counts
}

func (t *bout) name() string { return fmt.Sprintf("%s, round %d", t.trouble, t.round) }

// with runs the rounds with one kind of trouble. Every other one begins beside the sick accounts: what grows with the time, or
// comes in waves, as the renewal of what is known of 5,000 accounts, is not to meet the same half each time.
func (s *fairness) with(ctx context.Context, b *bench, r *rig, o *outcome, trouble string) ([]sent, error) {
	t := &bout{trouble: trouble}
	for t.round = 1; t.round-t.disturbed <= s.rounds; t.round++ {
		var without, healthy []sent
		counts := true
		halves := []func() error{
			func() (err error) { without, counts, err = s.without(ctx, b, r, o, t); return err },
			func() (err error) { healthy, counts, err = s.beside(ctx, b, r, o, t); return err },
		}
		if (t.round-t.disturbed)%2 == 0 {
			slices.Reverse(halves)
		}
		for _, half := range halves {
			if err := half(); err != nil {
				return t.all, err
			}
			if !counts {
				break
			}
		}
		if counts {
			t.alone, t.beside = append(t.alone, o.waits(without)), append(t.beside, o.waits(healthy))
		}
	}
	s.sum(b, t)
	return t.all, nil
}

// without lets conversations end at the healthy accounts alone. It tells whether the half counts.
func (s *fairness) without(ctx context.Context, b *bench, r *rig, o *outcome, t *bout) (without []sent, counts bool, err error) {
	half := t.name() + ", without"
	b.sayf("%s the sick accounts", half)
	without, stolen, err := s.half(ctx, b, r, t, half, load{rate: s.rate * (1 - s.share), choose: inTurn(s.sick, s.accounts)})
	t.all = append(t.all, without...)
	if err != nil {
		return without, false, err
	}
	b.report.figure(half+": no ticket in the end", float64(o.settle(ctx, without, time.Minute)), "")
	return without, s.counts(b, t, half, stolen), nil
}

// beside lets conversations end at all accounts while the sick ones are in trouble, heals them, and waits until they have
// drained. It gives what ended at the healthy ones, and tells whether the half counts.
func (s *fairness) beside(ctx context.Context, b *bench, r *rig, o *outcome, t *bout) (healthy []sent, counts bool, err error) {
	half := t.name() + ", beside"
	b.sayf("%s the sick accounts", half)
	with, healed, stolen, err := s.inTrouble(ctx, b, r, t, half)
	t.all = append(t.all, with...)
	if err != nil {
		return nil, false, err
	}
	healthy, ill := s.apart(with)
	left := o.settle(ctx, healthy, time.Minute)
	b.sayf("%s: %d conversations of the sick accounts wait", half, len(ill))
	left += o.settle(ctx, ill, doubt)
	took := max(o.last(ill).Sub(healed), 0)
	b.report.figure(half+": backlog of the sick accounts", float64(len(ill)), "")
	b.report.took(half+": it drained in", took)
	b.report.figure(half+": no ticket in the end", float64(left), "")
	quota := float64(s.perMinute*(100-r.reserve)*s.sick) / 100 / 60
	t.drained = max(t.drained, took.Seconds()/(float64(max(len(ill), 1))/quota))
	return healthy, s.counts(b, t, half, stolen), nil
}

// counts tells whether a half counts, of which the machine's host took so much.
func (s *fairness) counts(b *bench, t *bout, half string, stolen float64) bool {
	b.report.figure(half+": processors that the host took", stolen, "%")
	if stolen <= s.stolen || t.disturbed == s.again {
		t.worst = max(t.worst, stolen)
		return true
	}
	t.disturbed++
	b.sayf("%s: does not count, because the machine's host took %.2f %% of the processors", half, stolen)
	return false
}

// sum reports what the rounds have shown.
func (s *fairness) sum(b *bench, t *bout) {
	b.report.figure(t.trouble+": rounds that did not count, because the host took too much", float64(t.disturbed), "")
	b.report.atMost(t.trouble+": percent of the processors that the host took in a half that counts", t.worst, s.stolen)
	for _, share := range []float64{0.5, 0.99} {
		name := fmt.Sprintf("%s: p%.0f of the healthy accounts", t.trouble, 100*share)
		var ratios []float64
		for i := range t.beside {
			alone, beside := t.alone[i].at(share), t.beside[i].at(share)
			b.report.took(fmt.Sprintf("%s, without the sick ones (%d)", name, i+1), alone)
			b.report.took(fmt.Sprintf("%s, beside them (%d)", name, i+1), beside)
			ratios = append(ratios, ratio(beside, alone))
		}
		b.report.atMost(name+", times that without the sick ones, median of the rounds", median(ratios), 1.2)
	}
	b.report.atMost(t.trouble+": drain, times what the quota allows one by one", t.drained, 1.3)
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
