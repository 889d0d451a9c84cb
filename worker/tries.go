package worker

import (
	"sync"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// tries remember the last failed try of each event that was given back to the queue, for people who look: the event itself
// lies there as it came. Nothing is written for it; after a restart the next try says it again. The zero value is empty.
type tries struct {
	mu     sync.Mutex
	all    map[string]queue.Try // guarded by mu; by the event's key
	pruned time.Time            // guarded by mu
}

const (
	mostTries  = 20_000
	triesStale = time.Minute // after the time of the next try: another process has it
)

// failed notes a try. Where too many are known, those that went to another process are forgotten; else a further one is
// left out, which costs nobody but who looks.
func (t *tries) failed(e ticket.Event, o ticket.Outcome, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[string]queue.Try{}
	}
	key := e.Key()
	if _, known := t.all[key]; !known && len(t.all) >= mostTries {
		t.prune(now)
		if len(t.all) >= mostTries {
			return
		}
	}
	t.all[key] = queue.Try{
		Key: key, Attempts: e.Attempts, At: now, NextTryAt: now.Add(o.After),
		Reason: o.Failure.ReasonNow(), Failure: o.Failure.Error(), Hint: o.Failure.Hint,
	}
}

// prune looks through all of them, and so not often.
func (t *tries) prune(now time.Time) {
	if now.Sub(t.pruned) < triesStale {
		return
	}
	t.pruned = now
	for key, try := range t.all {
		if now.Sub(try.NextTryAt) > triesStale {
			delete(t.all, key)
		}
	}
}

// settled forgets an event that left the queue.
func (t *tries) settled(e ticket.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, e.Key())
}

// last gives those of these events that are known.
func (t *tries) last(keys []string) []queue.Try {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := []queue.Try{}
	for _, key := range keys {
		if try, is := t.all[key]; is {
			known = append(known, try)
		}
	}
	return known
}
