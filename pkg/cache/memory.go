package cache

import (
	"time"

	"github.com/maypok86/otter/v2"
)

// memory is the first tier: a bounded number of entries, each until it is no longer usable.
type memory[T any] struct {
	entries *otter.Cache[string, *entry[T]]
}

func newMemory[T any](maxEntries int, now func() time.Time) *memory[T] {
	return &memory[T]{entries: otter.Must(&otter.Options[string, *entry[T]]{
		MaximumSize: maxEntries,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, *entry[T]]) time.Duration {
			return e.Value.staleUntil.Sub(now())
		}),
		Clock: ticklessClock{now: now},
	})}
}

func (m *memory[T]) get(key string) *entry[T] {
	e, _ := m.entries.GetIfPresent(key)
	return e
}

func (m *memory[T]) set(key string, e *entry[T]) { m.entries.Set(key, e) }

func (m *memory[T]) delete(key string) { m.entries.Invalidate(key) }

func (m *memory[T]) len() int { return m.entries.EstimatedSize() }

// ticklessClock lets expired entries go when others are written, instead of by a goroutine that would have to be stopped.
type ticklessClock struct {
	now func() time.Time
}

func (c ticklessClock) NowNano() int64 { return c.now().UnixNano() }

func (ticklessClock) Tick(time.Duration) <-chan time.Time { return nil }
