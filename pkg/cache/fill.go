package cache

import (
	"context"
	"fmt"
	"time"
)

// fill gets the entry of key from Redis or the source and stores it. Singleflight runs one at a time for a key.
func (c *Cache[T]) fill(ctx context.Context, key string) (*entry[T], error) {
	load := c.forgotten.begin(key)
	defer c.forgotten.end(load)

	// Another caller may have filled it between this one's look and its turn.
	known := c.memory.get(key)
	if known.fresh(c.now()) {
		c.hit(&c.counters.memoryHits, known)
		return known, nil
	}
	answer := redisDown
	if c.redis != nil {
		var e *entry[T]
		release := func() {}
		if c.policy.Alone {
			e, answer, release = c.awaitTurn(ctx, key, known.asOld())
		} else {
			e, answer = c.newerInRedis(ctx, key, known.asOld())
		}
		defer release()
		if e != nil {
			c.remember(key, e, load)
			return e, nil
		}
	}
	return c.ask(ctx, key, load, answer, c.retryAfter)
}

// ask asks the source and keeps its answer in both tiers. What is in memory rests for a while when the source fails.
func (c *Cache[T]) ask(ctx context.Context, key string, load *loading, answer redisAnswer, rest time.Duration) (*entry[T], error) {
	e, err := c.fromSource(ctx, key)
	if err != nil {
		if old := c.memory.get(key); old != nil {
			old.rest(c.now().Add(rest))
		}
		return nil, err
	}
	c.remember(key, e, load)
	// A server that did not answer a moment ago would only cost the caller the same wait again.
	if answer != redisDown {
		c.share(ctx, key, e, load)
	}
	return e, nil
}

// newerInRedis gives what Redis holds if the source was asked for it after that time.
func (c *Cache[T]) newerInRedis(ctx context.Context, key string, after time.Time) (*entry[T], redisAnswer) {
	raw, answer := c.redis.read(ctx, c.redisKey(key))
	if answer != redisHit {
		return nil, answer
	}
	e, ok := decodeShared(raw, after, c.policy, c.now(), func() (T, bool) { return c.own(key) })
	if !ok || c.forgotten.covers(key, e.loadedAt) {
		return nil, redisMiss
	}
	c.hit(&c.counters.redisHits, e)
	return e, redisHit
}

func (c *Cache[T]) fromSource(ctx context.Context, key string) (*entry[T], error) {
	ctx, cancel := context.WithTimeout(ctx, c.loadTimeout)
	defer cancel()
	c.counters.loads.Add(1)
	asked := c.now()
	value, found, err := c.load(ctx, key)
	if err != nil {
		c.counters.loadFailures.Add(1)
		return nil, fmt.Errorf("load %s: %w", c.name, err)
	}
	e := &entry[T]{found: found, loadedAt: asked}
	if found {
		e.value = value
	}
	now := c.now()
	e.live(c.policy, now, now.Add(max(c.policy.Fresh, c.policy.Negative)))
	return e, nil
}

// remember puts e into memory unless its key was forgotten since the load began. What the policy gives no lifetime to
// still takes the place of what was there.
func (c *Cache[T]) remember(key string, e *entry[T], load *loading) {
	c.forgotten.unlessForgotten(load, func() {
		if c.now().Before(e.staleUntil) {
			c.memory.set(key, e)
		} else {
			c.memory.delete(key)
		}
	})
}

// share puts e into Redis. Values that cannot be written as JSON stay in memory alone.
func (c *Cache[T]) share(ctx context.Context, key string, e *entry[T], load *loading) {
	life := c.policy.sharedLife(e.found) - c.now().Sub(e.loadedAt)
	raw, err := encodeShared(e)
	if err != nil || life <= 0 {
		c.redis.Delete(ctx, c.redisKey(key))
		return
	}
	c.redis.Set(ctx, c.redisKey(key), raw, life)
	// Forget may have deleted the key before the write reached Redis.
	if c.forgotten.since(load) {
		c.redis.Delete(ctx, c.redisKey(key))
	}
}
