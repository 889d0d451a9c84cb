package cache

import (
	"sync"
	"time"
)

// guard decides whether a server that may be in trouble is called at all. After limit failures in a row it answers no
// for the length of pause, then lets one caller try while the others still go without. It is safe for concurrent use.
type guard struct {
	limit int
	pause time.Duration
	now   func() time.Time

	mu       sync.Mutex
	failures int
	until    time.Time // no calls before this time, once limit is reached
}

func (g *guard) allow() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failures < g.limit {
		return true
	}
	now := g.now()
	if now.Before(g.until) {
		return false
	}
	g.until = now.Add(g.pause) // for everybody but this caller
	return true
}

func (g *guard) succeeded() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures = 0
}

func (g *guard) failed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures++
	if g.failures >= g.limit {
		g.until = g.now().Add(g.pause)
	}
}

func (g *guard) healthy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failures < g.limit
}
