package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"passerelle/deploy/stand"
)

// quota lets one account have more work than its limit allows, beside another integration that uses it too.
type quota struct {
	workers, perMinute, windows int
	window                      time.Duration // of the simulated account: a clock minute; shorter in tests, where none is complete
	others                      float64
	ways                        string
}

func (s *quota) flags(set *flag.FlagSet) {
	set.IntVar(&s.workers, "workers", 4, "worker processes")
	set.IntVar(&s.perMinute, "per-minute", 700, "calls a minute that the account allows")
	set.IntVar(&s.windows, "windows", 5, "whole minutes to measure")
	set.DurationVar(&s.window, "window", time.Minute, "what is counted together; the account's own windows are clock minutes")
	set.Float64Var(&s.others, "others", 0.3, "the largest share of the limit that the other integration takes")
	set.StringVar(&s.ways, "redis", "with,without", "with or without Redis, or both one after the other")
}

func (s *quota) run(ctx context.Context, b *bench) error {
	if s.windows < 1 || s.others < 0 || s.others > 0.7 || s.window <= 0 || s.workers < 1 {
		return fmt.Errorf("expected -windows and -workers of 1 or more, -others 0 to 0.7, -window over 0")
	}
	for way := range strings.SplitSeq(s.ways, ",") {
		if way != "with" && way != "without" {
			return fmt.Errorf("-redis: %q is none of with, without", way)
		}
		if err := s.measure(ctx, b, way); err != nil {
			return fmt.Errorf("%s Redis: %w", way, err)
		}
	}
	return nil
}

func (s *quota) measure(ctx context.Context, b *bench, way string) error {
	n, p := b.nature, b.platform
	n.size, n.workers, n.perMinute, n.bulk = 1, s.workers, s.perMinute, "off"
	p.redis = way == "with"
	r, err := b.open(ctx, way, n, p)
	if err != nil {
		return err
	}
	defer r.close()
	b.report.set("workers", fmt.Sprintf("%d; %s Redis", n.workers, s.ways))
	backlog := int(float64(s.perMinute)*s.window.Minutes()*float64(s.windows+2)) + 100
	b.sayf("%s Redis: %d conversations wait", way, backlog)
	if _, err := r.send(ctx, load{count: backlog, choose: inTurn(0, 1), generator: r.archive}); err != nil {
		return err
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	var other sync.WaitGroup
	taking, stop := context.WithCancel(ctx)
	defer other.Wait()
	defer stop()
	other.Go(func() { s.take(taking, r) })
	began := time.Now().Add(s.window / 4).Truncate(s.window).Add(s.window) // the next whole window, after a start
	ended := began.Add(time.Duration(s.windows) * s.window)
	b.sayf("%s Redis: measuring from %s to %s", way, began.Format("15:04:05"), ended.Format("15:04:05"))
	if !stand.Rest(ctx, time.Until(ended.Add(n.latency+100*time.Millisecond))) {
		return ctx.Err()
	}
	stop()
	s.judge(b, r, way, began, ended)
	o := r.outcome()
	o.look()
	doubled := 0
	for _, list := range o.made {
		doubled += len(list) - 1
	}
	b.report.atMost(way+" Redis: doubled", float64(doubled), 0)
	return nil
}

// judge counts window by window.
func (s *quota) judge(b *bench, r *rig, way string, began, ended time.Time) {
	limit := float64(s.perMinute) * s.window.Minutes()
	reserve := limit * float64(r.reserve) / 100
	lowest, refused, ours, mine, worst := math.Inf(1), 0.0, 0.0, 0.0, math.Inf(1)
	for from := began; from.Before(ended); from = from.Add(s.window) {
		var we, they float64
		for _, c := range r.calls.between(from, from.Add(s.window)) {
			switch {
			case !c.ours() && c.status != http.StatusTooManyRequests:
				they++
			case c.ours() && c.status == http.StatusTooManyRequests:
				refused++
			case c.ours():
				we++
				if c.remaining >= 0 {
					lowest = min(lowest, float64(c.remaining))
				}
			}
		}
		share := limit - reserve - they
		ours, mine, worst = ours+we, mine+share, min(worst, we/share)
		b.report.figure(fmt.Sprintf("%s Redis, %s: our calls of %.0f that are ours", way, from.Format("15:04:05"), share), we, "")
	}
	least := 0.97
	if way == "without" {
		least = 0.85
	}
	if math.IsInf(lowest, 1) {
		lowest = 0
	}
	b.report.figure(way+" Redis: share of what is ours that was used, in the worst window", worst, "")
	b.report.atLeast(way+" Redis: share of what is ours that was used", ours/mine, least)
	b.report.atMost(way+" Redis: share of answers 429", refused/max(ours+refused, 1), 0.001)
	b.report.atLeast(way+" Redis: lowest X-Rate-Limit-Remaining after one of our calls", lowest, math.Floor(reserve))
}

// period is how long the other integration takes from nothing to its most and back.
const period = 100 * time.Second

// take is the other integration: calls at random times, with a share of the limit that goes up and down.
func (s *quota) take(ctx context.Context, r *rig) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	rnd := rand.New(rand.NewPCG(uint64(r.seed), 7)) //nolint:gosec // no secret
	var calls sync.WaitGroup
	defer calls.Wait()
	for began := time.Now(); ; {
		share := s.others / 2 * (1 - math.Cos(2*math.Pi*time.Since(began).Seconds()/period.Seconds()))
		perSecond := max(share*float64(s.perMinute)/60, 0.01)
		gap := time.Duration(rnd.ExpFloat64() / perSecond * float64(time.Second))
		if gap > time.Second { // the share may have changed by then
			if !stand.Rest(ctx, time.Second) {
				return
			}
			continue
		}
		if !stand.Rest(ctx, gap) {
			return
		}
		calls.Go(func() { r.callAsOther(ctx, client) })
	}
}

func (r *rig) callAsOther(ctx context.Context, client *http.Client) {
	account := r.accounts[0].Name()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.others+"/"+account+"/api/v2/tickets?external_id=none", nil)
	if err != nil {
		return
	}
	request.SetBasicAuth("admin@"+account+".example/token", othersToken)
	if response, err := client.Do(request); err == nil { // what does not arrive takes nothing
		_ = response.Body.Close()
	}
}
