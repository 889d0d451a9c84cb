package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"passerelle/pkg/observe"
	"passerelle/pkg/queue"
)

const (
	laneSampleTime  = 5 * time.Second
	laneSampleEvery = 30 * time.Second // counting what is held takes the server a third of a second for 100,000 events
)

// laneWatch gives the metrics how the accounts fare. It may be used concurrently.
type laneWatch struct {
	queue    *queue.Queue
	accounts func() []string

	mu      sync.Mutex
	at      time.Time            // guarded by mu; of the last look
	samples []observe.LaneSample // guarded by mu
}

// look gives what was seen lately, or looks. What cannot be seen is left out.
func (l *laneWatch) look() []observe.LaneSample {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) < laneSampleEvery {
		return l.samples
	}
	ctx, cancel := context.WithTimeout(context.Background(), laneSampleTime)
	defer cancel()
	o, err := l.queue.Lanes(ctx, queue.LanesQuery{Accounts: l.accounts(), Brief: true, Within: lanesWithin})
	l.at, l.samples = time.Now(), nil
	if err != nil {
		return nil
	}
	for _, lane := range o.Lanes {
		l.samples = append(l.samples, observe.LaneSample{Account: lane.Account, State: string(lane.State), Held: lane.Held, Escalated: lane.Escalated})
	}
	return l.samples
}

// accounts gives the names of the accounts in force.
func (w works) accounts() []string { return slices.Sorted(maps.Keys(w.directory.Config().Zendesk)) }
