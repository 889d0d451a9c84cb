package main

import (
	"context"
	"fmt"
	"time"

	"passerelle/deploy/stand"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/sim/traffic"
)

// backlog is what accounts hold that were out of order.
type backlog struct {
	rig  *rig
	all  []sent
	mend []func()
	down time.Time // since when they are
}

// hold puts the first accounts out of order, and lets conversations end until they hold that many
// all together. The workers must run.
func (r *rig) hold(ctx context.Context, b *bench, accounts, count int, g *traffic.Generator) (*backlog, error) {
	l := &backlog{rig: r, down: time.Now()}
	for _, a := range r.accounts[:accounts] {
		l.mend = append(l.mend, a.Fault(simzendesk.Fault{Kind: simzendesk.Unavailable, RetryAfter: b.retryAfter}))
	}
	b.sayf("holding %d conversations of %d accounts", count, accounts)
	var err error
	if l.all, err = r.send(ctx, load{count: count, choose: inTurn(0, accounts), generator: g}); err != nil {
		return l, err
	}
	for {
		queued, held, err := r.queue.Pending(ctx)
		if err != nil {
			return l, err
		}
		if queued == 0 {
			b.sayf("%d are held after %s", held, time.Since(l.down).Round(time.Second))
			return l, nil
		}
		if !stand.Rest(ctx, time.Second) {
			return l, fmt.Errorf("%w: %d events are still in the queue, of accounts that are out of order", errNotSettled, queued)
		}
	}
}

// heal makes all accounts well again in the same moment.
func (l *backlog) heal() time.Time {
	for _, mend := range l.mend {
		mend()
	}
	return time.Now()
}
