package cache

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// Policy says how long a cache keeps what it was told. The zero value keeps nothing.
type Policy struct {
	// Fresh is how long a value is answered from memory before Redis or the source is asked again.
	Fresh time.Duration
	// Stale is how long, once it is no longer fresh, a value may still be answered when the source fails.
	Stale time.Duration
	// Negative is how long "not found" is remembered, in memory and in Redis.
	Negative time.Duration
	// Ahead is the age from which a value that is still fresh is asked for again while callers get the one there is, so that
	// none of them waits. It counts from when the source was asked, and is up to two fifths less, for each key by another
	// part, so that not all are asked for at the same time. Zero: it never is.
	Ahead time.Duration
	// Together names what the values of several keys share, which are asked for at the same age then. nil: nothing.
	Together func(key string) string
	// Alone lets one process at a time ask the source for a key, as long as Redis answers. The others go on with what they
	// have, or wait for what that one puts into Redis.
	Alone bool
	// Shared is how long a value lives in Redis, counted from when the source was asked for it. A copy in memory
	// that came from Redis does not stay fresh for longer. Zero leaves Redis out.
	Shared time.Duration
	// MaxEntries bounds the number of keys in memory. Zero means [DefaultMaxEntries].
	MaxEntries int
	// MaxBytes bounds the memory of the values, in bytes as their Size tells. It takes the place of MaxEntries. Zero: it is
	// not bounded so.
	MaxBytes uint64
}

// Sized is a value that tells how many bytes of memory it takes.
type Sized interface{ Size() int }

// DefaultMaxEntries bounds the memory of a cache whose policy sets no bound.
const DefaultMaxEntries = 10_000

// Load asks the source for the value of key. It answers false when the source has no such thing, and an error when
// that is not known. It must return soon after ctx ends, and may be called for different keys at the same time.
type Load[T any] func(ctx context.Context, key string) (value T, found bool, err error)

// Cache holds values of type T in two tiers. It is safe for concurrent use and needs no closing.
//
// Callers share the values it returns and must not modify them.
type Cache[T any] struct {
	name        string
	policy      Policy
	redis       *Redis
	load        Load[T]
	now         func() time.Time
	loadTimeout time.Duration
	retryAfter  time.Duration
	patience    time.Duration

	own       func(key string) (T, bool)
	memory    *memory[T]
	flights   singleflight.Group
	forgotten *forgotten
	counters  counters
}

// New makes a cache. The name tells caches apart in Redis and in error texts: caches with the same name share their
// values between processes, so change it when T changes its meaning. A nil redis leaves the second tier out.
func New[T any](name string, policy Policy, redis *Redis, load Load[T], opts ...Option) *Cache[T] {
	set := settings{now: time.Now, loadTimeout: 10 * time.Second, retryAfter: time.Second, patience: time.Second}
	for _, opt := range opts {
		opt(&set)
	}
	if policy.MaxEntries <= 0 {
		policy.MaxEntries = DefaultMaxEntries
	}
	if policy.Shared <= 0 {
		redis = nil
	}
	return &Cache[T]{
		name: name, policy: policy, redis: redis, load: load,
		now: set.now, loadTimeout: set.loadTimeout, retryAfter: set.retryAfter, patience: set.patience,
		own:    func(string) (none T, has bool) { return none, false },
		memory: newMemory[T](policy, set.now), forgotten: newForgotten(policy.Shared),
	}
}

// Own says what the process holds of a key anyway. Where Redis holds it, too, written in the same words, memory does not hold it
// twice. To be called before the first Get; own must be safe for concurrent use.
func (c *Cache[T]) Own(own func(key string) (T, bool)) { c.own = own }

// Get answers with the value of key and whether there is one.
//
// The error is non-nil only when the source failed, or ctx ended before it answered, and no stale value can stand in.
// It names the cache and never the key. While there is a stale value, a caller waits for a slow source no longer than
// [StalePatience], and the source is asked again no sooner than [RetryAfter] after it failed.
func (c *Cache[T]) Get(ctx context.Context, key string) (T, bool, error) {
	now := c.now()
	e := c.memory.get(key)
	if e.fresh(now) {
		c.hit(&c.counters.memoryHits, e)
		c.renewAhead(ctx, key, e, now)
		return e.value, e.found, nil
	}
	if e.usable(now) && e.resting(now) {
		return c.answerStale(e)
	}
	if err := ctx.Err(); err != nil {
		return c.failed(key, fmt.Errorf("wait for %s: %w", c.name, err))
	}

	// The load outlives the caller that happened to come first: others wait for it too.
	loading := c.flights.DoChan(key, func() (any, error) { return c.fill(context.WithoutCancel(ctx), key) })
	var patience <-chan time.Time
	if e.usable(now) {
		timer := time.NewTimer(c.patience)
		defer timer.Stop()
		patience = timer.C
	}
	select {
	case done := <-loading:
		if done.Err != nil {
			return c.failed(key, done.Err)
		}
		e = done.Val.(*entry[T]) //nolint:forcetypeassert // the flight gives nothing else
		return e.value, e.found, nil
	case <-patience:
		// The source hangs. Nobody else shall wait for this load: its end wakes the entry or replaces it.
		e.rest(c.now().Add(c.loadTimeout))
		return c.failed(key, fmt.Errorf("load %s: no answer within %s", c.name, c.patience))
	case <-ctx.Done():
		return c.failed(key, fmt.Errorf("wait for %s: %w", c.name, ctx.Err()))
	}
}

// Forget removes key from both tiers, here and now. A load under way when it is called is not kept. Memory in other
// processes keeps its copy for as long as it is fresh: each of them has to be told.
//
// When Redis cannot be reached, this cache ignores what Redis still holds for the key from before.
func (c *Cache[T]) Forget(ctx context.Context, key string) {
	c.forgotten.add(key, c.now())
	c.flights.Forget(key)
	c.memory.delete(key)
	if c.redis != nil {
		c.redis.Delete(context.WithoutCancel(ctx), c.redisKey(key)) // bounded by itself
	}
}

// Since tells whether memory holds a value of key for which the source was asked at that time or later.
func (c *Cache[T]) Since(key string, at time.Time) bool {
	e := c.memory.get(key)
	return e != nil && !e.loadedAt.Before(at)
}

// ForgetBefore is Forget for a value in memory for which the source was asked before that time. It tells whether there was
// one.
func (c *Cache[T]) ForgetBefore(ctx context.Context, key string, at time.Time) bool {
	e := c.memory.get(key)
	if e == nil || !e.loadedAt.Before(at) {
		return false
	}
	c.Forget(ctx, key)
	return true
}

// hit counts an entry that saved a call of the source.
func (c *Cache[T]) hit(tier *atomic.Uint64, e *entry[T]) {
	tier.Add(1)
	if !e.found {
		c.counters.negativeHits.Add(1)
	}
}

func (c *Cache[T]) answerStale(e *entry[T]) (T, bool, error) { //nolint:unparam // in the form of Get, whose answer it is
	c.counters.staleUses.Add(1)
	return e.value, true, nil
}

// failed answers with the stale value that is in memory at this moment, else with err. It looks again because the
// key may have been forgotten while the caller waited.
func (c *Cache[T]) failed(key string, err error) (T, bool, error) {
	if e := c.memory.get(key); e.usable(c.now()) {
		return c.answerStale(e)
	}
	var zero T
	return zero, false, err
}

func (c *Cache[T]) redisKey(key string) string { return "passerelle:" + c.name + ":" + key }

// Stats counts what a cache did since it was made.
type Stats struct {
	MemoryHits   uint64 // answers from memory that were fresh
	RedisHits    uint64 // values taken over from Redis
	Loads        uint64 // calls of the source
	LoadFailures uint64 // of these, the ones that failed
	StaleUses    uint64 // answers that were no longer fresh
	NegativeHits uint64 // of the hits in both tiers, the ones that say "not found"
	Entries      int    // keys in memory, roughly
}

type counters struct {
	memoryHits, redisHits, loads, loadFailures, staleUses, negativeHits atomic.Uint64
}

// Stats returns the counts so far.
func (c *Cache[T]) Stats() Stats {
	return Stats{
		MemoryHits:   c.counters.memoryHits.Load(),
		RedisHits:    c.counters.redisHits.Load(),
		Loads:        c.counters.loads.Load(),
		LoadFailures: c.counters.loadFailures.Load(),
		StaleUses:    c.counters.staleUses.Load(),
		NegativeHits: c.counters.negativeHits.Load(),
		Entries:      c.memory.len(),
	}
}
