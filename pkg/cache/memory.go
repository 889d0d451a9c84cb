package cache

import (
	"math"
	"time"

	"github.com/maypok86/otter/v2"
)

// memory is the first tier: a bounded number of entries, each until it is no longer usable.
type memory[T any] struct {
	entries *otter.Cache[string, *entry[T]]
}

func newMemory[T any](policy Policy, now func() time.Time) *memory[T] {
	options := &otter.Options[string, *entry[T]]{
		MaximumSize: policy.MaxEntries,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, *entry[T]]) time.Duration {
			return e.Value.staleUntil.Sub(now())
		}),
		Clock: ticklessClock{now: now},
	}
	if policy.MaxBytes > 0 {
		options.MaximumSize, options.MaximumWeight = 0, policy.MaxBytes
		options.Weigher = func(key string, e *entry[T]) uint32 {
			const entryBytes = 200 // about, of the entry itself and its place
			size := entryBytes + len(key)
			if sized, ok := any(e.value).(Sized); ok {
				size += sized.Size()
			}
			return uint32(min(max(size, 1), math.MaxUint32))
		}
	}
	return &memory[T]{entries: otter.Must(options)}
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
