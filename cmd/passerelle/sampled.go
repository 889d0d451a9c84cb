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
	scrapePatience   = 2 * time.Second // who reads metrics has set a time-out, of 10 s as a rule
	laneSampleTime   = 10 * time.Second
	laneSampleEvery  = 30 * time.Second // counting what is held takes the server a third of a second for 100,000 events
	storeSampleTime  = 5 * time.Second
	storeSampleEvery = 10 * time.Second
)

// sampled keeps what was read of the store lately, for those who read the metrics: however often they do, and whatever
// became of the store. It may be used concurrently.
type sampled[T any] struct {
	every time.Duration     // a sample may be so old
	read  func() (T, error) // comes to an end by itself

	mu      sync.Mutex
	at      time.Time     // guarded by mu; of the last sample
	last    T             // guarded by mu
	known   bool          // guarded by mu; it could be read
	reading chan struct{} // guarded by mu; closed when the reading under way has ended; nil: none is
}

// look gives what was read lately, or reads. It is false when nothing could be read in time; a reading that takes longer
// goes on for the next look.
func (s *sampled[T]) look() (T, bool) {
	s.mu.Lock()
	if !s.at.IsZero() && time.Since(s.at) < s.every {
		defer s.mu.Unlock()
		return s.last, s.known
	}
	if s.reading == nil {
		s.reading = make(chan struct{})
		go s.renew(s.reading)
	}
	reading := s.reading
	s.mu.Unlock()
	patience := time.NewTimer(scrapePatience)
	defer patience.Stop()
	select {
	case <-reading:
	case <-patience.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading == reading { // it is slow: what it found out last time says nothing of now
		return *new(T), false
	}
	return s.last, s.known
}

func (s *sampled[T]) renew(ended chan struct{}) {
	sample, err := s.read()
	s.mu.Lock()
	s.at, s.last, s.known, s.reading = time.Now(), sample, err == nil, nil
	s.mu.Unlock()
	close(ended)
}

// watchStore has the metrics tell of the store and the accounts until ctx ends.
func watchStore(ctx context.Context, m *observe.Metrics, q *queue.Queue, accounts func() []string) {
	stock := &sampled[observe.StoreSample]{every: storeSampleEvery, read: func() (observe.StoreSample, error) {
		ctx, cancel := context.WithTimeout(ctx, storeSampleTime)
		defer cancel()
		s, err := q.Stock(ctx)
		return observe.StoreSample(s), err
	}}
	lanes := &sampled[observe.LanesSample]{every: laneSampleEvery, read: func() (observe.LanesSample, error) {
		ctx, cancel := context.WithTimeout(ctx, laneSampleTime)
		defer cancel()
		o, err := q.Lanes(ctx, queue.LanesQuery{Accounts: accounts(), All: true, Brief: true, Within: lanesWithin})
		sample := observe.LanesSample{Workers: o.Workers}
		for _, l := range o.Lanes {
			sample.Accounts = append(sample.Accounts, observe.LaneSample{Account: l.Account, State: string(l.State), Held: l.Held, Escalated: l.Escalated, OldestAt: l.OldestAt})
		}
		return sample, err
	}}
	m.WatchStore(stock.look)
	m.WatchLanes(lanes.look)
}

// calls tells how the calls of the accounts in force stand, as this process knows it.
func (w works) calls() []observe.CallsSample {
	accounts := w.accounts()
	samples := make([]observe.CallsSample, 0, len(accounts))
	for _, name := range accounts {
		s := w.clients.budgets.Here(name)
		samples = append(samples, observe.CallsSample{
			Account: name, Limit: s.Limit, Reserve: s.Reserve, Left: s.Remaining, None: s.AtReserve || s.Remaining == 0 || !s.BlockedUntil.IsZero(),
		})
	}
	return samples
}

// accounts gives the names of the accounts in force.
func (w works) accounts() []string { return slices.Sorted(maps.Keys(w.directory.Config().Zendesk)) }
