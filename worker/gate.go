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
	failures int
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
			gate.until = now.Add(probeTime)
		}
	}
	return nil, time.Time{}, false
}

// fail shuts the gate that the failure names. It gives until when, and whether it was open before.
func (g *gates) fail(f *ticket.Failure) (until time.Time, news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.all[f.Gate]
	if at == nil {
		at = &gate{}
		g.all[f.Gate], news = at, true
	}
	at.failures++
	at.last = f
	wait := f.After
	if wait == 0 {
		wait = min(firstShut<<min(at.failures-1, 12), longShut)
		wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter needs no secrecy
	}
	at.until = g.now().Add(wait)
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
