package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"passerelle/pkg/sim/simzendesk"
)

// inTrouble lets conversations end at all accounts while the sick ones are in trouble, and heals them. Their trouble begins with
// the load and not while it is prepared, which takes half a minute: workers find out about it in that time, too, when they renew
// what they know of an account, and leave one alone for the longer the longer it was in trouble.
func (s *fairness) inTrouble(ctx context.Context, b *bench, r *rig, t *bout, half string) (all []sent, healed time.Time, stolen float64, err error) {
	f := troubled[t.trouble]
	if f.Kind == simzendesk.RateLimited {
		f.RetryAfter = b.retryAfter
	}
	var mend []func()
	all, stolen, err = s.half(ctx, b, r, t, half, load{rate: s.rate, choose: s.choice(t.round), begin: func() {
		for _, a := range r.accounts[:s.sick] {
			mend = append(mend, a.Fault(f))
		}
	}})
	for _, well := range mend {
		well()
	}
	return all, time.Now(), stolen, err
}

// half is one half of a round; begin is what begins with its load, if anything. It gives how much of the processors the machine's
// host took meanwhile, in percent.
func (s *fairness) half(ctx context.Context, b *bench, r *rig, t *bout, name string, l load) (all []sent, stolen float64, err error) {
	var from effort
	var collected uint32
	var failed error
	begin := l.begin
	l.span, l.generator, l.begin = s.span, r.mixed, func() {
		failed = s.leadIn(ctx, r, t)
		if begin != nil {
			begin()
		}
		from, collected = r.effort(ctx), collections()
	}
	all, err = r.send(ctx, l)
	to := r.effort(ctx)
	b.report.spent(name+": ", from, to, len(all))
	b.report.figure(name+": collections of the simulators' memory", float64(collections()-collected), "")
	return all, 100 * to.machine.takenSince(from.machine), errors.Join(failed, err)
}

// leadIn lets conversations end at the healthy accounts before a half is measured. Nothing happens while its load is prepared, for up to
// half a minute with 5,000 accounts: what workers would have asked anew in that time, for one account after the other, comes
// with the first conversations. In eight seconds after such a pause half of the tickets took up to 330 ms instead of 36.
func (s *fairness) leadIn(ctx context.Context, r *rig, t *bout) error {
	if s.lead <= 0 {
		return nil
	}
	led, err := r.send(ctx, load{rate: s.rate * (1 - s.share), span: s.lead, choose: inTurn(s.sick, s.accounts), generator: r.mixed})
	if err != nil {
		return fmt.Errorf("lead in: %w", err)
	}
	t.all = append(t.all, led...)
	return nil
}
