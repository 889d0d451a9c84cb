package main

import (
	"context"
	"slices"
	"time"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/zendesk"
)

// patience is how long a call of each rank waits for leave. A live event that waits longer makes room for another one
// and is held; what was held already has nothing to lose, and somebody waits for an escalation: a try that is broken off for
// want of its second call makes the first again.
var patience = map[limit.Rank]time.Duration{
	limit.Backlog: 10 * time.Second, limit.Live: 250 * time.Millisecond, limit.Urgent: 10 * time.Second,
}

// learning is how long a call waits for leave that asks for what all the account's tickets need: its forms and agents.
const learning = 20 * time.Second

// ranked gives an account's client for calls of that rank. Each call takes from the account's budget.
func (c *clients) ranked(name string, rank limit.Rank) (*zendesk.Client, bool) {
	return c.waiting(name, rank, patience[rank])
}

// learner gives an account's client for what all its tickets need.
func (c *clients) learner(name string) (*zendesk.Client, bool) {
	return c.waiting(name, limit.Live, learning)
}

func (c *clients) waiting(name string, rank limit.Rank, patience time.Duration) (*zendesk.Client, bool) {
	client, ok := c.zendeskClient(name)
	if !ok || c.budgets == nil {
		return client, ok
	}
	return client.On(c.budgets.Of(name, rank, patience)), true
}

// quota gives what the configuration says of an account.
func (c *clients) quota(name string) (limit.Quota, bool) {
	settings, ok := c.config().Zendesk[name]
	if !ok || settings.ReservePercent == nil {
		return limit.Quota{}, false
	}
	return limit.Quota{PerMinute: settings.RequestsPerMinute, ReservePercent: *settings.ReservePercent}, true
}

// budget gives how an account's calls stand, for people.
func (c *clients) budget(name string) (queue.LaneBudget, bool) {
	if _, ok := c.quota(name); !ok {
		return queue.LaneBudget{}, false
	}
	s := c.budgets.State(name)
	b := queue.LaneBudget{Limit: s.Limit, Reserve: s.Reserve, BlockedUntil: s.BlockedUntil}
	if s.Remaining >= 0 {
		b.Remaining = &s.Remaining
	}
	return b, true
}

const (
	countEvery  = 5 * time.Second
	countWithin = 500 * time.Millisecond
)

// countWorkers keeps in mind how many processes make calls to the accounts, for the time when Redis cannot tell.
func (s *service) countWorkers(ctx context.Context) {
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	for {
		if all, err := s.queue.Standings(ctx, countWithin); err == nil {
			n := 0
			for _, other := range all {
				if slices.Contains(other.Roles, "worker") {
					n++
				}
			}
			s.works.workers.Store(int64(n))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
