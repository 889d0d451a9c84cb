package cache

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// MaxValue bounds a value in Redis, in bytes. Larger ones are neither written nor read.
const MaxValue = 1 << 20

// ErrSkipped is what [Redis.Do] returns when it left the server alone because of earlier failures.
var ErrSkipped = errors.New("redis is skipped after repeated failures")

// Redis is a guarded connection to one Redis or Valkey server, a sentinel-watched pair or a cluster. It is safe for
// concurrent use.
//
// Every call takes 50 ms at most, whatever the server does. After 3 failures in a row the server is left alone for 2 s,
// during which calls cost nothing; then one call tries it again. Calls that fail together count as one.
//
// Of a cluster in which one server hangs and the others answer, none is left alone: calls to the one wait their 50 ms until
// the cluster has replaced it, and what the others hold stays shared.
type Redis struct {
	client  redis.UniversalClient
	timeout time.Duration
	guard   guard

	calls, failures, refusals, skipped, oversized atomic.Uint64
}

// RedisOption changes a setting of [OpenRedis].
type RedisOption func(*Redis)

// RedisTimeout bounds one call. The default is 50 ms.
func RedisTimeout(d time.Duration) RedisOption { return func(r *Redis) { r.timeout = d } }

// RedisPause sets after how many failures, one after the other, the server is left alone, and for how long. The default
// is 3 and 2 s.
func RedisPause(failures int, pause time.Duration) RedisOption {
	return func(r *Redis) { r.guard.limit, r.guard.pause = failures, pause }
}

// RedisState is told why the server is left alone after repeated failures, and nil when it answers again, which is noticed
// with the next call. The error names no address, user, password or value. The function must not block and not call the
// connection; it is never called concurrently. A server that was never in trouble is not told of.
func RedisState(tell func(why error)) RedisOption { return func(r *Redis) { r.guard.tell = tell } }

// RedisClock replaces [time.Now] where the pause is reckoned. The function must be safe for concurrent use.
func RedisClock(now func() time.Time) RedisOption { return func(r *Redis) { r.guard.now = now } }

// OpenRedis prepares a connection to the server that rawURL names:
//
//	redis://user:password@host:6379/0                    one server, database 0
//	redis+sentinel://user:password@h1:26379,h2/main/0    the sentinels of the service called "main", database 0
//	redis+cluster://user:password@h1:6379,h2             a cluster; it has no other databases
//
// rediss, rediss+sentinel and rediss+cluster are the same over TLS, with the system's certificate authorities. User,
// password, ports and database may be left out; redis://:password@host has a password alone. User and password are
// those of the data servers; sentinels that want their own get ?sentinel_username=…&sentinel_password=…. Characters
// with a meaning in URLs are percent-encoded in user and password. IPv6 addresses stand in brackets.
//
// OpenRedis does not reach for the server: it fails on a malformed URL alone, and its errors hold no part of the URL.
// It switches off the log that the client library writes to standard error, for the whole process.
func OpenRedis(rawURL string, opts ...RedisOption) (*Redis, error) {
	options, err := parseRedisURL(rawURL)
	if err != nil {
		return nil, fmt.Errorf("read the Redis URL: %w", err)
	}
	r := &Redis{timeout: 50 * time.Millisecond, guard: guard{limit: 3, pause: 2 * time.Second, now: time.Now}}
	for _, opt := range opts {
		opt(r)
	}
	logging.Disable()

	options.ContextTimeoutEnabled = true // otherwise a hung server ignores the bound of a call
	options.ReadTimeout = 4 * r.timeout  // for what the client does on its own, such as asking a sentinel
	options.WriteTimeout = 4 * r.timeout
	options.PoolTimeout = r.timeout
	options.DialTimeout = 500 * time.Millisecond // dialling goes on in the background when a caller gives up
	options.MaxRetries = -1
	options.DialerRetries = 1
	options.PipelinePoolSize = -1
	options.DisableIdentity = true
	// Valkey does not know CLIENT MAINT_NOTIFICATIONS.
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	r.client = redis.NewUniversalClient(options)
	return r, nil
}

// Close gives the connections back. Calls that follow find nothing.
func (r *Redis) Close() error { return r.client.Close() }

// Healthy says whether calls are let through: false after repeated failures, true again after the first success.
func (r *Redis) Healthy() bool { return r.guard.healthy() }

// Get returns the value of key. It answers false when there is none, and when Redis cannot tell.
func (r *Redis) Get(ctx context.Context, key string) ([]byte, bool) {
	value, answer := r.read(ctx, key)
	return value, answer == redisHit
}

// redisAnswer tells a server that has no usable value from one that did not answer.
type redisAnswer int

const (
	redisDown redisAnswer = iota
	redisMiss
	redisHit
)

func (r *Redis) read(ctx context.Context, key string) ([]byte, redisAnswer) {
	var value []byte
	err := r.Do(ctx, func(ctx context.Context, client redis.UniversalClient) (err error) {
		// GETRANGE rather than GET: it bounds what a foreign value of any size costs. It answers "" when there is none.
		value, err = client.GetRange(ctx, key, 0, MaxValue).Bytes()
		return err
	})
	switch {
	case err != nil && !isRefusal(err):
		return nil, redisDown
	case err != nil || len(value) == 0:
		return nil, redisMiss
	case len(value) > MaxValue:
		r.oversized.Add(1)
		return nil, redisMiss
	}
	return value, redisHit
}

// Set writes a value that lives for ttl, if Redis takes it. Empty values, values over [MaxValue] and lifetimes under
// 1 ms are not written.
func (r *Redis) Set(ctx context.Context, key string, value []byte, ttl time.Duration) {
	if len(value) == 0 || ttl < time.Millisecond {
		return
	}
	if len(value) > MaxValue {
		r.oversized.Add(1)
		return
	}
	_ = r.Do(ctx, func(ctx context.Context, client redis.UniversalClient) error {
		return client.Set(ctx, key, value, ttl).Err()
	})
}

// Delete removes keys, if Redis can be reached.
func (r *Redis) Delete(ctx context.Context, keys ...string) {
	if len(keys) == 0 {
		return
	}
	_ = r.Do(ctx, func(ctx context.Context, client redis.UniversalClient) error {
		// One command a key: in a cluster a command with several keys is refused unless they share a slot.
		_, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for _, key := range keys {
				pipe.Del(ctx, key)
			}
			return nil
		})
		return err
	})
}

// Do runs any other command under the same guard. The context that call gets ends after 50 ms, or with ctx. The error
// is [ErrSkipped], or what call returned; the caller decides what it does without Redis.
func (r *Redis) Do(ctx context.Context, call func(ctx context.Context, client redis.UniversalClient) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn, ok := r.guard.allow()
	if !ok {
		r.skipped.Add(1)
		return ErrSkipped
	}
	r.calls.Add(1)
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	err := call(bounded, r.client)
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		r.guard.succeeded()
	case isRefusal(err):
		r.refusals.Add(1)
		r.guard.succeeded()
	case ended(ctx):
		// The caller went away: that says nothing about the server.
	default:
		r.failures.Add(1)
		r.guard.failed(turn, cause(err, r.timeout))
	}
	return err
}

// ended also looks at the deadline itself: a read that it ended may return before the context says so.
func ended(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) <= 0
}

// isRefusal says whether the server is well and only refuses this command: the key is of another type, or it takes no
// writes for now. Every other error reply (no access, still loading, no cluster) means that the server is of no use.
// https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
func isRefusal(err error) bool {
	for _, prefix := range []string{"WRONGTYPE", "OOM", "MISCONF", "NOREPLICAS"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// RedisStats counts what a connection did since it was opened.
type RedisStats struct {
	Healthy   bool
	Calls     uint64 // commands sent
	Failures  uint64 // of these, without a usable answer
	Refusals  uint64 // of these, refused by a server that is well: wrong type, out of memory
	Skipped   uint64 // commands not sent, because of earlier failures
	Oversized uint64 // values over MaxValue, not written or not read
}

// Stats returns the counts so far.
func (r *Redis) Stats() RedisStats {
	return RedisStats{
		Healthy:   r.Healthy(),
		Calls:     r.calls.Load(),
		Failures:  r.failures.Load(),
		Refusals:  r.refusals.Load(),
		Skipped:   r.skipped.Load(),
		Oversized: r.oversized.Load(),
	}
}
