package cache

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

var errSource = errors.New("source is down")

type agent struct {
	ID int64 `json:"id"`
}

// source is what the caches under test load from.
type source struct {
	mu     sync.Mutex
	values map[string]agent
	err    error
	calls  map[string]int
	block  chan struct{} // when set, loads wait until it is closed or their context ends
}

func newSource(values map[string]agent) *source {
	return &source{values: values, calls: map[string]int{}}
}

func (s *source) load(ctx context.Context, key string) (agent, bool, error) {
	s.mu.Lock()
	s.calls[key]++
	block := s.block
	value, found := s.values[key]
	err := s.err
	s.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return agent{}, false, ctx.Err()
		}
	}
	return value, found, err
}

func (s *source) set(change func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *source) fail(err error) { s.set(func(s *source) { s.err = err }) }

func (s *source) put(key string, id int64) { s.set(func(s *source) { s.values[key] = agent{id} }) }

func (s *source) asked(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[key]
}

// steppedClock stands still until it is moved.
type steppedClock struct {
	mu sync.Mutex
	at time.Time
}

func newSteppedClock() *steppedClock { return &steppedClock{at: time.Now()} }

func (c *steppedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *steppedClock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func wantValue(t *testing.T, c *Cache[agent], key string, id int64) {
	t.Helper()
	got, found, err := c.Get(t.Context(), key)
	if err != nil || !found || got.ID != id {
		t.Fatalf("Get(%q) = %v, %v, %v, want %d", key, got, found, err, id)
	}
}

func wantMissing(t *testing.T, c *Cache[agent], key string) {
	t.Helper()
	got, found, err := c.Get(t.Context(), key)
	if err != nil || found || got != (agent{}) {
		t.Fatalf("Get(%q) = %v, %v, %v, want not found", key, got, found, err)
	}
}

func wantError(t *testing.T, c *Cache[agent], key string, target error) {
	t.Helper()
	got, found, err := c.Get(t.Context(), key)
	if !errors.Is(err, target) || found || got != (agent{}) {
		t.Fatalf("Get(%q) = %v, %v, %v, want the error %v", key, got, found, err, target)
	}
}

func wantAsked(t *testing.T, s *source, key string, n int) {
	t.Helper()
	if got := s.asked(key); got != n {
		t.Fatalf("the source was asked %d times for %q, want %d", got, key, n)
	}
}
