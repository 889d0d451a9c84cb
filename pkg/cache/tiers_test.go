package cache

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"passerelle/pkg/cache/redistest"
)

var twoTiers = Policy{
	Fresh: time.Minute, Stale: time.Hour, Negative: 30 * time.Second, Shared: 15 * time.Minute, MaxEntries: 100,
}

const redisKey = "passerelle:agents:a" // where the value of "a" is

func newTiers(t *testing.T, r *Redis, src *source, clock *steppedClock) *Cache[agent] {
	t.Helper()
	return New("agents", twoTiers, r, src.load, Clock(clock.now))
}

func TestSharedThroughRedis(t *testing.T) {
	url, _ := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}})
	here := newTiers(t, patiently(t, url), src, clock)
	there := newTiers(t, patiently(t, url), src, clock)
	wantValue(t, here, "a", 1)
	wantMissing(t, here, "b")
	wantValue(t, there, "a", 1)
	wantMissing(t, there, "b")
	wantAsked(t, src, "a", 1)
	wantAsked(t, src, "b", 1)
	if got, want := there.Stats(), (Stats{RedisHits: 2, NegativeHits: 1, Entries: 2}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

func TestMemoryDoesNotExtendSharedLife(t *testing.T) {
	url, p := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}})
	here := newTiers(t, patiently(t, url), src, clock)
	wantValue(t, here, "a", 1)
	direct(t, p, []any{"PERSIST", redisKey}) // the value's own date has to do

	clock.step(twoTiers.Shared - 10*time.Second)
	there := newTiers(t, patiently(t, url), src, clock)
	wantValue(t, there, "a", 1)
	src.put("a", 2)
	clock.step(10*time.Second - time.Nanosecond)
	wantValue(t, there, "a", 1)
	wantAsked(t, src, "a", 1)
	clock.step(time.Nanosecond)
	wantValue(t, there, "a", 2)
	wantAsked(t, src, "a", 2)
}

// While Redis was away, the source was asked for what Redis still has from before.
func TestOlderValueInRedisDoesNotReplaceANewerOne(t *testing.T) {
	url, p := redistest.Start(t)
	for name, alone := range map[string]bool{"each asks": false, "one asks for all": true} {
		t.Run(name, func(t *testing.T) {
			clock := newSteppedClock()
			src := newSource(map[string]agent{"a": {1}})
			policy := twoTiers
			policy.Alone = alone
			c := New("agents", policy, patiently(t, url), src.load, Clock(clock.now))
			direct(t, p, []any{"DEL", redisKey})
			wantValue(t, c, "a", 1)
			direct(t, p, []any{"RENAME", redisKey, "before"})
			src.put("a", 2)
			clock.step(twoTiers.Fresh)
			wantValue(t, c, "a", 2)
			direct(t, p, []any{"RENAME", "before", redisKey})
			src.put("a", 3)
			clock.step(twoTiers.Fresh)
			wantValue(t, c, "a", 3)
			wantAsked(t, src, "a", 3)
			clock.step(twoTiers.Fresh)
			wantValue(t, c, "a", 3) // as old as what is in memory, and young enough for Redis
			wantAsked(t, src, "a", 3)
		})
	}
}

func TestNegativeLifeInRedis(t *testing.T) {
	url, p := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{})
	wantMissing(t, newTiers(t, patiently(t, url), src, clock), "a")
	client := redis.NewClient(&redis.Options{Addr: p.Addr()})
	defer client.Close()
	if ttl := client.PTTL(t.Context(), redisKey).Val(); ttl <= 0 || ttl > twoTiers.Negative {
		t.Errorf(`"not found" lives %s in Redis, want up to %s`, ttl, twoTiers.Negative)
	}
	direct(t, p, []any{"PERSIST", redisKey})
	src.put("a", 1)
	clock.step(twoTiers.Negative)
	wantValue(t, newTiers(t, patiently(t, url), src, clock), "a", 1)
}

func TestNotFoundLeavesNothingInRedis(t *testing.T) {
	url, _ := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}})
	policy := twoTiers
	policy.Negative = 0
	policy.Shared = time.Minute + time.Second
	r := patiently(t, url)
	c := New("agents", policy, r, src.load, Clock(clock.now))
	wantValue(t, c, "a", 1)
	src.set(func(s *source) { delete(s.values, "a") })
	clock.step(2 * time.Minute)
	wantMissing(t, c, "a")
	if _, ok := r.Get(t.Context(), redisKey); ok {
		t.Error("Redis still holds what is gone")
	}
}

func TestUnusableValuesInRedis(t *testing.T) {
	future := time.Now().Add(time.Hour).UnixNano()
	tests := []struct{ name, value string }{
		{"not JSON", "\x00\x01"},
		{"another form", `[1,2]`},
		{"nothing", `{}`},
		{"null", `null`},
		{"another type", fmt.Sprintf(`{"at":%d,"found":true,"value":"text"}`, future)},
		{"no value", fmt.Sprintf(`{"at":%d,"found":true}`, future)},
		{"too old", `{"at":1,"found":true,"value":{"id":9}}`},
		{"too large", strings.Repeat("x", MaxValue+1)},
	}
	url, p := redistest.Start(t)
	r := patiently(t, url)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := newSource(map[string]agent{"a": {1}})
			direct(t, p, []any{"SET", redisKey, tt.value})
			wantValue(t, newTiers(t, r, src, newSteppedClock()), "a", 1)
			wantAsked(t, src, "a", 1)
			// It was replaced by what can be used.
			wantValue(t, newTiers(t, r, src, newSteppedClock()), "a", 1)
			wantAsked(t, src, "a", 1)
		})
	}
	t.Run("wrong type", func(t *testing.T) {
		src := newSource(map[string]agent{"a": {1}})
		direct(t, p, []any{"DEL", redisKey}, []any{"LPUSH", redisKey, "x"})
		wantValue(t, newTiers(t, r, src, newSteppedClock()), "a", 1)
		wantValue(t, newTiers(t, r, src, newSteppedClock()), "a", 1)
		wantAsked(t, src, "a", 1)
	})
}

func TestValueFromAClockAhead(t *testing.T) {
	url, p := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {2}})
	policy := twoTiers
	policy.Fresh = 2 * twoTiers.Shared // the life in Redis is the bound
	c := New("agents", policy, patiently(t, url), src.load, Clock(clock.now))
	ahead := clock.now().Add(time.Hour).UnixNano()
	direct(t, p, []any{"SET", redisKey, fmt.Sprintf(`{"at":%d,"found":true,"value":{"id":1}}`, ahead)})
	wantValue(t, c, "a", 1)
	direct(t, p, []any{"DEL", redisKey})
	clock.step(twoTiers.Shared - time.Nanosecond)
	wantValue(t, c, "a", 1)
	clock.step(time.Nanosecond)
	wantValue(t, c, "a", 2)
}

func TestRedisFlushed(t *testing.T) {
	url, p := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}})
	r := patiently(t, url)
	c := newTiers(t, r, src, clock)
	wantValue(t, c, "a", 1)
	direct(t, p, []any{"FLUSHALL"})
	wantValue(t, c, "a", 1)
	clock.step(twoTiers.Fresh)
	wantValue(t, c, "a", 1)
	wantAsked(t, src, "a", 2)
	if _, ok := r.Get(t.Context(), redisKey); !ok {
		t.Error("not written again")
	}
}

func TestCacheWhileRedisFails(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, p *redistest.Process)
	}{
		{"hung", func(t *testing.T, p *redistest.Process) { p.Pause() }},
		{"killed", func(t *testing.T, p *redistest.Process) { p.Kill() }},
		{"full", func(t *testing.T, p *redistest.Process) {
			direct(t, p, []any{"CONFIG", "SET", "maxmemory", "1"}, []any{"CONFIG", "SET", "maxmemory-policy", "noeviction"})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, p := redistest.Start(t)
			clock := newSteppedClock()
			src := newSource(map[string]agent{})
			r := open(t, url, RedisClock(clock.now))
			c := newTiers(t, r, src, clock)
			wantMissing(t, c, "warm")
			tt.spoil(t, p)
			for n := range 50 {
				key := fmt.Sprint(n)
				src.put(key, int64(n))
				if d := took(func() { wantValue(t, c, key, int64(n)) }); d > callBound {
					t.Errorf("value %d took %s", n, d)
				}
				if d := took(func() { wantValue(t, c, key, int64(n)) }); d > callBound {
					t.Errorf("value %d from memory took %s", n, d)
				}
				wantAsked(t, src, key, 1)
			}
			if d := took(func() { c.Forget(t.Context(), "0") }); d > callBound {
				t.Errorf("Forget took %s", d)
			}
			wantValue(t, c, "0", 0)
			wantAsked(t, src, "0", 2)
		})
	}
}

func TestHungRedisIsAskedOncePerGet(t *testing.T) {
	url, p := redistest.Start(t)
	src := newSource(map[string]agent{"a": {1}})
	r := open(t, url)
	c := newTiers(t, r, src, newSteppedClock())
	p.Pause()
	wantValue(t, c, "a", 1)
	if s := r.Stats(); s.Calls != 1 || s.Failures != 1 {
		t.Errorf("Stats() = %+v, want 1 call: what could not be read is not written either", s)
	}
}

func TestCacheWhenRedisComesBack(t *testing.T) {
	url, p := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}, "b": {1}})
	r := open(t, url, RedisClock(clock.now), RedisPause(1, 2*time.Second))
	c := newTiers(t, r, src, clock)
	wantValue(t, c, "a", 1)
	p.Pause()
	wantValue(t, c, "b", 1)
	clock.step(time.Second)
	c.Forget(t.Context(), "a") // does not reach Redis
	src.put("a", 2)
	wantValue(t, c, "a", 2)
	p.Continue()

	clock.step(twoTiers.Fresh)
	eventually(t, "Redis back", func() bool {
		clock.step(2 * time.Second)
		_, ok := r.Get(t.Context(), redisKey)
		return ok
	})
	// Redis holds the first value, which is not too old; but it was forgotten.
	wantValue(t, c, "a", 2)
	wantAsked(t, src, "a", 3)
	wantValue(t, newTiers(t, r, src, clock), "a", 2)
	wantAsked(t, src, "a", 3)
}

func TestForgetBothTiers(t *testing.T) {
	url, _ := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}})
	r := patiently(t, url)
	c := newTiers(t, r, src, clock)
	wantValue(t, c, "a", 1)
	src.put("a", 2)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	c.Forget(gone, "a") // who asked for it need not wait for it
	if _, ok := r.Get(t.Context(), redisKey); ok {
		t.Error("Redis still holds it")
	}
	wantValue(t, c, "a", 2)
	wantValue(t, newTiers(t, r, src, clock), "a", 2)
	wantAsked(t, src, "a", 2)
}

func TestForgetWhileWritingToRedis(t *testing.T) {
	url, _ := redistest.Start(t)
	clock := newSteppedClock()
	r := patiently(t, url)
	var c *Cache[agent]
	c = New("agents", twoTiers, r, func(_ context.Context, key string) (agent, bool, error) {
		c.Forget(t.Context(), key)
		return agent{1}, true, nil
	}, Clock(clock.now))
	wantValue(t, c, "a", 1)
	if _, ok := r.Get(t.Context(), redisKey); ok {
		t.Error("a value that was forgotten during its load is in Redis")
	}
	if got := c.Stats().Entries; got != 0 {
		t.Errorf("%d entries in memory, want 0", got)
	}
}

func TestStaleBeyondRedis(t *testing.T) {
	url, p := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}})
	c := newTiers(t, open(t, url, RedisClock(clock.now)), src, clock)
	wantValue(t, c, "a", 1)
	p.Kill()
	src.fail(errSource)
	clock.step(twoTiers.Shared)
	wantValue(t, c, "a", 1)
	clock.step(twoTiers.Stale)
	wantError(t, c, "a", errSource)
}

func TestOneLoadAtATimeOverRedis(t *testing.T) {
	url, _ := redistest.Start(t)
	const keys, callers = 20, 30
	src := newSource(map[string]agent{})
	for n := range keys {
		src.put(fmt.Sprint(n), int64(n))
	}
	c := newTiers(t, patiently(t, url), src, newSteppedClock())
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for n := range keys {
				wantValue(t, c, fmt.Sprint(n), int64(n))
			}
		})
	}
	wg.Wait()
	for n := range keys {
		wantAsked(t, src, fmt.Sprint(n), 1)
	}
}

func TestValueThatIsNotJSON(t *testing.T) {
	url, p := redistest.Start(t)
	c := New("functions", twoTiers, patiently(t, url), func(context.Context, string) (func(), bool, error) { return func() {}, true, nil })
	for range 2 {
		if f, found, err := c.Get(t.Context(), "a"); f == nil || !found || err != nil {
			t.Fatalf("Get() = %v, %v", found, err)
		}
	}
	if got, want := c.Stats(), (Stats{MemoryHits: 1, Loads: 1, Entries: 1}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
	client := redis.NewClient(&redis.Options{Addr: p.Addr()})
	defer client.Close()
	if n := client.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys in Redis, want 0", n)
	}
}

func TestAValueOfItsOwnIsNotHeldTwice(t *testing.T) {
	url, _ := redistest.Start(t)
	words := []string{"a", "b"}
	load := func(context.Context, string) ([]string, bool, error) { return words, true, nil }
	for _, c := range []struct {
		name string
		own  func(string) ([]string, bool)
		kept bool
	}{
		{"equal", func(string) ([]string, bool) { return words, true }, true},
		{"another", func(string) ([]string, bool) { return []string{"a", "c"}, true }, false},
		{"none", func(string) ([]string, bool) { return nil, false }, false},
	} {
		here, there := New("words", twoTiers, patiently(t, url), load), New("words", twoTiers, patiently(t, url), load)
		there.Own(c.own)
		for _, cache := range []*Cache[[]string]{here, there} {
			if got, _, err := cache.Get(t.Context(), c.name); err != nil || !slices.Equal(got, words) {
				t.Fatalf("%s: %q, %v", c.name, got, err)
			}
		}
		if got, _, _ := there.Get(t.Context(), c.name); (&got[0] == &words[0]) != c.kept {
			t.Errorf("%s: the process's own is what is kept: %v, expected %v", c.name, !c.kept, c.kept)
		}
		if there.Stats().RedisHits != 1 {
			t.Errorf("%s: %+v, expected the value from Redis", c.name, there.Stats())
		}
	}
}
