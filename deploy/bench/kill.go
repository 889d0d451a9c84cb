package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"passerelle/deploy/stand"
)

// kill ends the worker that drains, in the middle of its work, again and again.
type kill struct {
	accounts, workers, perMinute, backlog, kills int
	spread, jobWait                              time.Duration
}

func (s *kill) flags(set *flag.FlagSet) {
	set.IntVar(&s.accounts, "accounts", 4, "Zendesk accounts with a backlog")
	set.IntVar(&s.workers, "workers", 2, "worker processes")
	set.IntVar(&s.perMinute, "per-minute", 400, "calls a minute that each account allows")
	set.IntVar(&s.backlog, "backlog", 60_000, "conversations that wait, of all accounts together")
	set.IntVar(&s.kills, "kills", 20, "kill -9 of the worker that drains")
	set.DurationVar(&s.jobWait, "job-wait", 45*time.Second, "how long a bulk job is waited for before a call for a single ticket will do")
	set.DurationVar(&s.spread, "spread", 8*time.Second, "a kill comes within this time after a call that makes tickets")
}

func (s *kill) run(ctx context.Context, b *bench) error {
	if s.accounts < 1 || s.backlog < 1 || s.kills < 0 || s.workers < 1 {
		return fmt.Errorf("expected -accounts, -workers and -backlog of 1 or more, -kills not negative")
	}
	n, p := b.nature, b.platform
	n.size, n.workers, n.perMinute, n.bulk = s.accounts, s.workers, s.perMinute, "auto"
	p.redis = true
	r, err := b.open(ctx, "kill", n, p)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.start(ctx); err != nil {
		return err
	}
	l, err := r.hold(ctx, b, s.accounts, s.backlog, r.archive)
	if err != nil {
		return err
	}
	o := r.outcome()
	following := make(chan called, 1)
	r.calls.follow(following)
	healed := l.heal()
	killed, jobs, err := s.killAll(ctx, b, r, o, following, len(l.all))
	r.calls.follow(nil)
	if err != nil {
		return err
	}
	left := o.settle(ctx, l.all, doubt)
	b.report.took("drained in", time.Since(healed))
	b.report.figure("without a ticket in the end", float64(left), "")
	b.report.figure("bulk jobs begun", float64(r.jobsBegun(healed)), "")
	b.report.atLeast("kills of the worker that drained", float64(killed), float64(s.kills))
	b.report.atLeast("of them in the middle of a bulk job", float64(jobs), float64(s.kills))
	f, err := r.judge(ctx, o, l.all)
	if err != nil {
		return err
	}
	b.report.nothingWrong("", f, r.crashed())
	return nil
}

// doubt is longer than any product waits with what a killed process may have made.
const doubt = 20 * time.Minute

// killAll kills who has just made tickets, until that was done often enough or nothing is left to drain.
func (s *kill) killAll(ctx context.Context, b *bench, r *rig, o *outcome, following <-chan called, count int) (killed, jobs int, err error) {
	rnd := rand.New(rand.NewPCG(uint64(r.seed), 11)) //nolint:gosec // no secret
	for killed < s.kills {
		c, ok := s.drainer(ctx, o, following, count)
		if !ok {
			return killed, jobs, ctx.Err()
		}
		if !stand.Rest(ctx, time.Duration(rnd.Int64N(int64(s.spread)+1))) {
			return killed, jobs, ctx.Err()
		}
		p := r.workers[c.worker]
		p.Kill(0)
		killed++
		if c.bulk {
			jobs++
		}
		b.sayf("kill %d: %s", killed, p.Name)
		starting, cancel := context.WithTimeout(ctx, readyTime)
		err := p.Ready(starting)
		cancel()
		if err != nil {
			return killed, jobs, err
		}
		select { // what it called before its end
		case <-following:
		default:
		}
	}
	return killed, jobs, nil
}

// jobsBegun counts the bulk jobs since.
func (r *rig) jobsBegun(since time.Time) int {
	n := 0
	for _, c := range r.calls.between(since, time.Now()) {
		if c.bulk && c.status < http.StatusBadRequest {
			n++
		}
	}
	return n
}

// drainer waits for a call that begins a bulk job, or makes a ticket when none comes. It reports false when all have one.
func (s *kill) drainer(ctx context.Context, o *outcome, following <-chan called, count int) (called, bool) {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for began := time.Now(); ; {
		select {
		case c := <-following:
			if c.ours() && (c.bulk || c.create && time.Since(began) > s.jobWait) {
				return c, true
			}
		case <-look.C:
			if o.look(); len(o.made) >= count {
				return called{}, false
			}
		case <-ctx.Done():
			return called{}, false
		}
	}
}
