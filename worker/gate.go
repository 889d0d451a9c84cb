package worker

import (
	"math/rand/v2"
	"sync"
	"time"

	"passerelle/pkg/ticket"
)

// gates remember which accounts and connections are in trouble, so that the others' work does not wait for their
// time-outs. A gate that was shut lets one event through when its time is over; what becomes of that one decides.
type gates struct {
	mu  sync.Mutex
	now func() time.Time
	all map[string]*gate // guarded by mu
}

type gate struct {
	until    time.Time
	failures int  // in a row; those that come together count as one
	probing  bool // one event was let through and decides
	last     *ticket.Failure
}

const (
	firstShut = 2 * time.Second
	longShut  = 15 * time.Minute
	probeTime = 30 * time.Second // for the one event that is let through
)

func newGates(now func() time.Time) *gates {
	return &gates{now: now, all: map[string]*gate{}}
}

// shut tells whether an event must wait for one of the gates, and until when.
func (g *gates) shut(names ...string) (*ticket.Failure, time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	for _, name := range names {
		if gate := g.all[name]; gate != nil && now.Before(gate.until) {
			return gate.last, gate.until, true
		}
	}
	for _, name := range names {
		if gate := g.all[name]; gate != nil {
			gate.until, gate.probing = now.Add(probeTime), true
		}
	}
	return nil, time.Time{}, false
}

// fail shuts the gate that the failure names. It gives until when, and whether it was open before. What was in work when
// it was shut fails too, and that is no news: were each to double the wait, one bad second would shut it for minutes.
func (g *gates) fail(f *ticket.Failure) (until time.Time, news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.all[f.Gate]
	if at == nil {
		at = &gate{}
		g.all[f.Gate], news = at, true
	}
	at.last = f
	now := g.now()
	if now.Before(at.until) && !at.probing {
		if asked := now.Add(f.After); asked.After(at.until) {
			at.until = asked
		}
		return at.until, news
	}
	at.failures++
	at.probing = false
	wait := f.After
	if wait == 0 {
		wait = min(firstShut<<min(at.failures-1, 12), longShut)
		wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter needs no secrecy
	}
	at.until = now.Add(wait)
	return at.until, news
}

// pass opens the gates after a success and gives those that were shut.
func (g *gates) pass(names ...string) (opened []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, name := range names {
		if g.all[name] != nil {
			delete(g.all, name)
			opened = append(opened, name)
		}
	}
	return opened
}
