package cache

import (
	"context"
	"errors"
	"hash/fnv"
	"math"
	"time"

	"github.com/redis/go-redis/v9"
)

// How long a process leaves the source alone.
const (
	otherPause = 2 * time.Second        // while another process asks
	failPause  = 30 * time.Second       // after the source failed, while the value is still fresh
	turnPause  = 250 * time.Millisecond // between two looks at whether another process has asked
)

// Dear is a value that takes much to get. It tells from which age it is worth to ask for it again, if that is above what
// the policy says.
type Dear interface{ Ahead() time.Duration }

// spread is how much earlier than the policy says a value is asked for anew, at most, as a part of that age.
const spread = 0.4

// ahead is the age from which the value of a key is asked for anew. It is another one for each key, and the same in all
// processes: what all were told in the minute after a start is not asked for within one minute again.
func (c *Cache[T]) ahead(key string) time.Duration {
	if c.policy.Together != nil {
		key = c.policy.Together(key)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	share := float64(h.Sum32()) / math.MaxUint32
	return c.policy.Ahead - time.Duration(spread*share*float64(c.policy.Ahead))
}

// renewAhead asks for a value anew, behind the callers' backs, once it is old enough. The entry rests meanwhile, so that
// one caller alone begins it.
func (c *Cache[T]) renewAhead(ctx context.Context, key string, e *entry[T], now time.Time) {
	if c.policy.Ahead <= 0 || !e.found || now.Sub(e.loadedAt) < c.ahead(key) {
		return
	}
	if dear, ok := any(e.value).(Dear); ok && now.Sub(e.loadedAt) < dear.Ahead() {
		return
	}
	until := e.restUntil.Load()
	if now.UnixNano() < until || !e.restUntil.CompareAndSwap(until, now.Add(c.loadTimeout).UnixNano()) {
		return
	}
	background := context.WithoutCancel(ctx)
	c.flights.DoChan(key, func() (any, error) { return c.renew(background, key, e) })
}

// renew gives the entry that takes the place of one that is still fresh, or that one again. Mostly another process has asked
// already, so that one look at Redis does.
func (c *Cache[T]) renew(ctx context.Context, key string, old *entry[T]) (*entry[T], error) {
	load := c.forgotten.begin(key)
	defer c.forgotten.end(load)
	answer := redisDown
	if c.redis != nil {
		var e *entry[T]
		e, answer = c.newerInRedis(ctx, key, old.loadedAt)
		if e == nil && c.policy.Alone {
			won, release := c.lease(ctx, key)
			defer release()
			if !won {
				old.rest(c.now().Add(otherPause))
				return old, nil
			}
			e, answer = c.newerInRedis(ctx, key, old.loadedAt) // who had the lease before may have asked just now
		}
		if e != nil {
			c.remember(key, e, load)
			return e, nil
		}
	}
	return c.ask(ctx, key, load, answer, failPause)
}

// awaitTurn gives what Redis holds from after that time, or nil when it is this process's turn to ask the source.
func (c *Cache[T]) awaitTurn(ctx context.Context, key string, after time.Time) (*entry[T], redisAnswer, func()) {
	ctx, cancel := context.WithTimeout(ctx, c.loadTimeout)
	defer cancel()
	for {
		if e, answer := c.newerInRedis(ctx, key, after); e != nil || answer == redisDown {
			return e, answer, func() {}
		}
		won, release := c.lease(ctx, key)
		if won {
			e, answer := c.newerInRedis(ctx, key, after) // who had the lease before may have asked just now
			return e, answer, release
		}
		turn := time.NewTimer(turnPause)
		select {
		case <-turn.C:
		case <-ctx.Done():
			turn.Stop()
			return nil, redisMiss, func() {}
		}
	}
}

// lease says whether this process may ask the source for a key. It may when Redis cannot tell. The lease ends by itself
// soon after the longest load.
func (c *Cache[T]) lease(ctx context.Context, key string) (won bool, release func()) {
	name, life := c.redisKey(key)+":asking", c.loadTimeout+time.Second
	err := c.redis.Do(ctx, func(ctx context.Context, client redis.UniversalClient) error {
		return client.SetArgs(ctx, name, "1", redis.SetArgs{Mode: "NX", TTL: life}).Err()
	})
	if errors.Is(err, redis.Nil) {
		return false, func() {}
	}
	if err != nil {
		return true, func() {}
	}
	return true, func() { c.redis.Delete(context.WithoutCancel(ctx), name) }
}
