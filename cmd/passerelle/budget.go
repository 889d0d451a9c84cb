package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/zendesk"
)

// How long a call waits for leave. A live event that waits longer makes room for another one and is held, and somebody waits
// for an escalation. What was held already has nothing to lose.
const (
	livePatience   = 250 * time.Millisecond
	urgentPatience = 3 * time.Second
	heldPatience   = 10 * time.Second
)

// commandPatience is how long a call of a command waits for leave. A person waits: that is longer than it takes to get one
// call after the other of what is there, and too short to sit out a minute in which nothing is left.
const commandPatience = 10 * time.Second

// ranked gives an account's client for calls of that rank. Each call takes from the account's budget.
func (c *clients) ranked(name string, rank limit.Rank, patient bool) (*zendesk.Client, bool) {
	patience := livePatience
	switch {
	case patient:
		patience = heldPatience
	case rank == limit.Urgent:
		patience = urgentPatience
	}
	return c.sharing(name, rank, patience)
}

// learning is how long a call waits for leave that asks for what all the account's tickets need: its forms and agents.
const learning = 20 * time.Second

// learner gives an account's client for what all its tickets need.
func (c *clients) learner(name string) (*zendesk.Client, bool) {
	return c.sharing(name, limit.Live, learning)
}

// commanded gives an account's client for the calls of a command. They go as those for a conversation that has just ended.
func (c *clients) commanded(name string) (*zendesk.Client, bool) {
	return c.sharing(name, limit.Live, commandPatience)
}

func (c *clients) sharing(name string, rank limit.Rank, patience time.Duration) (*zendesk.Client, bool) {
	client, ok := c.zendeskClient(name)
	if !ok || c.budgets == nil {
		return client, ok
	}
	return client.On(budget{c, name, c.budgets.Of(name, rank, patience)}), true
}

// budget is a share of an account's calls that tells of those that are refused, and why there is none left.
type budget struct {
	clients *clients
	account string
	share   *limit.Share
}

// Take is part of zendesk.Budget.
func (b budget) Take(ctx context.Context, endpoint string) (func(status int, header http.Header), time.Duration, bool) {
	answered, wait, ok := b.share.Take(ctx, endpoint)
	if !ok {
		return nil, wait, false
	}
	return func(status int, header http.Header) {
		if status == http.StatusTooManyRequests {
			b.clients.refused(b.account)
		}
		answered(status, header)
	}, 0, true
}

// Why is part of zendesk.Explainer.
func (b budget) Why() (message, hint string) {
	s := b.clients.budgets.Here(b.account)
	if s.AtReserve {
		hint = "nothing: the account's jobs wait and go on by themselves in the next minute; a lower reserve_percent of the account leaves them more calls"
	}
	switch {
	case !s.BlockedUntil.IsZero():
		return limit.LeftAlone, ""
	case s.Remaining > 0:
		others := ""
		if s.Remaining > s.Reserve {
			others = ", and the others are for what is more urgent, or for later in the minute"
		}
		return fmt.Sprintf("%d of the account's %d calls a minute are left, and reserve_percent keeps %d for its people and other integrations%s",
			s.Remaining, s.Limit, s.Reserve, others), hint
	case s.Remaining == 0:
		return fmt.Sprintf("none of the account's %d calls a minute, which all who call it share, is left for now", s.Limit), ""
	default:
		return "", ""
	}
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
	b := queue.LaneBudget{Limit: s.Limit, Told: s.Learned, Reserve: s.Reserve, BlockedUntil: s.BlockedUntil}
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
