// Package cache keeps what was read from elsewhere, in the memory of the process and, shared between processes, in Redis.
//
// A [Cache] answers from memory, then from Redis, then from its source, and asks the source once at a time for a key.
// It remembers "not found" too, and goes on with an old value while the source fails.
//
// Nothing depends on Redis. It may be flushed, full, hung or gone at any time: [Redis] bounds every call, leaves the
// server alone for a while after a few failures, and keeps its errors to itself. A cache with a nil *Redis works in memory alone.
package cache
