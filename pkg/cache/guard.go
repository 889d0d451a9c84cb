package cache

import (
	"sync"
	"time"
)

// guard decides whether a server that may be in trouble is called at all. After limit failures in a row it answers no
// for the length of pause, then lets one caller try while the others still go without. It is safe for concurrent use.
//
// In a row means one after the other: calls that were under way together and fail together are one failure. A moment in
// which the server, or this process, stands still ends all of them, and says no more than one would.
type guard struct {
	limit int
	pause time.Duration
	now   func() time.Time

	mu       sync.Mutex
	failures int
	counted  uint64    // failures ever; a call that began before the last of them says nothing new
	until    time.Time // no calls before this time, once limit is reached
	why      error     // the last failure

	tell   func(why error) // may be nil; told when healthy changes: nil, or why it is not
	toldMu sync.Mutex      // held while it is told, so that the last word is right
	told   bool            // guarded by toldMu; of being unhealthy
}

// allow says whether a call may be made, and which turn it is of, which [guard.failed] wants to know.
func (g *guard) allow() (turn uint64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failures < g.limit {
		return g.counted, true
	}
	now := g.now()
	if now.Before(g.until) {
		return 0, false
	}
	g.until = now.Add(g.pause) // for everybody but this caller
	return g.counted, true
}

func (g *guard) succeeded() {
	g.mu.Lock()
	changed := g.failures >= g.limit
	g.failures = 0
	g.mu.Unlock()
	if changed {
		g.news()
	}
}

func (g *guard) failed(turn uint64, why error) {
	g.mu.Lock()
	if turn != g.counted {
		g.mu.Unlock()
		return
	}
	g.counted++
	g.failures++
	g.why = why
	changed := g.failures == g.limit
	if g.failures >= g.limit {
		g.until = g.now().Add(g.pause)
	}
	g.mu.Unlock()
	if changed {
		g.news()
	}
}

// news tells how the server is, unless that was told already.
func (g *guard) news() {
	if g.tell == nil {
		return
	}
	g.toldMu.Lock()
	defer g.toldMu.Unlock()
	g.mu.Lock()
	ill, why := g.failures >= g.limit, g.why
	g.mu.Unlock()
	if ill == g.told {
		return
	}
	g.told = ill
	if !ill {
		why = nil
	}
	g.tell(why)
}

func (g *guard) healthy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failures < g.limit
}
