package cache

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"passerelle/pkg/cache/redistest"
)

// callBound is what one call may take: the 50 ms that are promised, and some for a busy machine.
const callBound = 120 * time.Millisecond

func open(t *testing.T, url string, opts ...RedisOption) *Redis {
	t.Helper()
	r, err := OpenRedis(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// patiently is open for a server that answers: on a busy machine not always within the usual time.
func patiently(t *testing.T, url string) *Redis {
	t.Helper()
	return open(t, url, RedisTimeout(10*time.Second))
}

// eventually repeats what can fail while a server comes up.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20s", what)
		}
	}
}

func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// direct runs commands on the server without the guard.
func direct(t *testing.T, p *redistest.Process, commands ...[]any) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: p.Addr()})
	defer client.Close()
	for _, command := range commands {
		if err := client.Do(t.Context(), command...).Err(); err != nil {
			t.Fatalf("%v: %v", command[0], err)
		}
	}
}

func TestRedisGetSetDelete(t *testing.T) {
	url, p := redistest.Start(t)
	r := patiently(t, url)
	ctx := t.Context()
	if _, ok := r.Get(ctx, "a"); ok {
		t.Error("found what was never written")
	}
	r.Set(ctx, "a", []byte("1"), time.Minute)
	r.Set(ctx, "b", []byte("2"), 1500*time.Millisecond)
	if v, ok := r.Get(ctx, "a"); !ok || string(v) != "1" {
		t.Errorf("Get(a) = %q, %v", v, ok)
	}
	client := redis.NewClient(&redis.Options{Addr: p.Addr()})
	defer client.Close()
	for key, most := range map[string]time.Duration{"a": time.Minute, "b": 1500 * time.Millisecond} {
		if ttl := client.PTTL(ctx, key).Val(); ttl <= 0 || ttl > most {
			t.Errorf("%s lives %s, want up to %s", key, ttl, most)
		}
	}
	r.Delete(ctx)
	r.Delete(ctx, "a", "b", "c")
	for _, key := range []string{"a", "b"} {
		if _, ok := r.Get(ctx, key); ok {
			t.Errorf("%s is there after Delete", key)
		}
	}
	// What would live for ever, or does not fit, is not written.
	r.Set(ctx, "for ever", []byte("1"), 0)
	r.Set(ctx, "empty", nil, time.Minute)
	r.Set(ctx, "large", make([]byte, MaxValue+1), time.Minute)
	if n := client.DBSize(ctx).Val(); n != 0 {
		t.Errorf("%d keys written, want 0", n)
	}
	if s := r.Stats(); !s.Healthy || s.Failures != 0 || s.Oversized != 1 || s.Calls != 7 {
		t.Errorf("Stats() = %+v", s)
	}
}

func TestRedisForeignValues(t *testing.T) {
	url, p := redistest.Start(t)
	r := patiently(t, url)
	ctx := t.Context()
	direct(t, p, []any{"LPUSH", "list", "x"}, []any{"SET", "large", strings.Repeat("x", MaxValue+10)}, []any{"SET", "fits", strings.Repeat("x", MaxValue)})
	for _, key := range []string{"list", "large"} {
		for range 4 {
			if v, ok := r.Get(ctx, key); ok {
				t.Errorf("Get(%s) = %d bytes, want none", key, len(v))
			}
		}
	}
	if v, ok := r.Get(ctx, "fits"); !ok || len(v) != MaxValue {
		t.Errorf("Get(fits) = %d bytes, %v", len(v), ok)
	}
	if s := r.Stats(); !s.Healthy || s.Refusals != 4 || s.Oversized != 4 {
		t.Errorf("Stats() = %+v, want healthy, 4 refusals, 4 oversized", s)
	}
}

func TestRedisHungCostsLittleThenNothing(t *testing.T) {
	clock := newSteppedClock()
	url, p := redistest.Start(t)
	r := open(t, url, RedisClock(clock.now))
	ctx := t.Context()
	r.Set(ctx, "a", []byte("1"), time.Minute)
	p.Pause()
	for n := range 3 {
		d := took(func() {
			if _, ok := r.Get(ctx, "a"); ok {
				t.Error("a hung server answered")
			}
		})
		if d > callBound {
			t.Errorf("call %d took %s", n, d)
		}
	}
	if r.Healthy() {
		t.Error("healthy after 3 failures")
	}
	d := took(func() {
		for range 1000 {
			r.Get(ctx, "a")
		}
	})
	if d > 50*time.Millisecond {
		t.Errorf("1000 skipped calls took %s", d)
	}
	if s := r.Stats(); s.Calls != 4 || s.Failures != 3 || s.Skipped != 1000 {
		t.Errorf("Stats() = %+v", s)
	}

	// After the pause one caller tries; the others still go without.
	clock.step(2 * time.Second)
	probing := make(chan time.Duration)
	go func() { probing <- took(func() { r.Get(ctx, "a") }) }()
	eventually(t, "the probe", func() bool { return r.Stats().Calls == 5 })
	if err := r.Do(ctx, func(context.Context, redis.UniversalClient) error { return nil }); !errors.Is(err, ErrSkipped) {
		t.Errorf("beside the probe: error %v, want ErrSkipped", err)
	}
	if d := <-probing; d > callBound {
		t.Errorf("the probe took %s", d)
	}

	p.Continue()
	clock.step(2 * time.Second)
	eventually(t, "Redis back", func() bool {
		_, ok := r.Get(ctx, "a")
		clock.step(2 * time.Second)
		return ok
	})
	if !r.Healthy() {
		t.Error("not healthy after a success")
	}
}

func TestRedisOneStallIsOneFailure(t *testing.T) {
	url, p := redistest.Start(t)
	r := open(t, url, RedisTimeout(300*time.Millisecond)) // longer than it takes to begin 20 calls
	p.Pause()
	defer p.Continue()
	together := func() {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { r.Get(t.Context(), "a") })
		}
		all.Wait()
	}
	for stall := 1; stall <= 2; stall++ {
		together()
		if s := r.Stats(); !s.Healthy || s.Skipped != 0 || s.Failures != s.Calls {
			t.Errorf("after stall %d: Stats() = %+v, want healthy, and nothing skipped", stall, s)
		}
	}
	together()
	if r.Healthy() {
		t.Error("healthy after three stalls in a row")
	}
}

func TestRedisHungFromTheStart(t *testing.T) {
	url, p := redistest.Start(t)
	p.Pause()
	r := open(t, url)
	var wg sync.WaitGroup
	for range 100 { // more than there are connections
		wg.Go(func() {
			if d := took(func() { r.Get(t.Context(), "a") }); d > 2*callBound {
				t.Errorf("took %s", d)
			}
		})
	}
	wg.Wait()
	p.Continue()
}

func TestRedisKilledAndBack(t *testing.T) {
	clock := newSteppedClock()
	url, p := redistest.Start(t)
	r := open(t, url, RedisClock(clock.now))
	ctx := t.Context()
	r.Set(ctx, "a", []byte("1"), time.Minute)
	p.Kill()
	for range 5 {
		if d := took(func() { r.Get(ctx, "a"); r.Set(ctx, "a", []byte("2"), time.Minute); r.Delete(ctx, "a") }); d > 3*callBound {
			t.Errorf("3 calls took %s", d)
		}
	}
	if r.Healthy() {
		t.Error("healthy although it is dead")
	}
	p.Restart()
	eventually(t, "Redis back", func() bool {
		clock.step(2 * time.Second)
		r.Set(ctx, "a", []byte("3"), time.Minute)
		v, ok := r.Get(ctx, "a")
		return ok && string(v) == "3"
	})
}

func TestRedisRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	for _, url := range []string{"redis://" + addr, "redis+cluster://" + addr, "redis+sentinel://" + addr + "/main", "rediss://" + addr} {
		r := open(t, url)
		for range 3 {
			if d := took(func() { r.Get(t.Context(), "a") }); d > callBound {
				t.Errorf("%s: a call took %s", url, d)
			}
		}
		if r.Healthy() {
			t.Errorf("%s: healthy although nobody listens", url)
		}
	}
}

func TestRedisRefusedIsKnownAtOnce(t *testing.T) {
	url, p := redistest.Start(t)
	p.Kill()
	r := open(t, url, RedisTimeout(10*time.Second))
	err := r.Do(t.Context(), func(ctx context.Context, client redis.UniversalClient) error { return client.Ping(ctx).Err() })
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v, want connection refused", err)
	}
	if d := took(func() { r.Get(t.Context(), "a") }); d > callBound {
		t.Errorf("took %s: it dials again and again", d)
	}
}

func TestRedisFull(t *testing.T) {
	url, p := redistest.Start(t, "maxmemory-policy noeviction")
	r := patiently(t, url)
	ctx := t.Context()
	r.Set(ctx, "a", []byte("1"), time.Minute)
	direct(t, p, []any{"CONFIG", "SET", "maxmemory", "1"})
	for range 5 {
		r.Set(ctx, "b", []byte("2"), time.Minute)
	}
	if v, ok := r.Get(ctx, "a"); !ok || string(v) != "1" {
		t.Errorf("Get(a) = %q, %v: a full server can still be read", v, ok)
	}
	if s := r.Stats(); !s.Healthy || s.Refusals != 5 {
		t.Errorf("Stats() = %+v, want healthy and 5 refusals", s)
	}
}

func TestRedisPassword(t *testing.T) {
	url, _ := redistest.Start(t, "requirepass s3cret")
	right := open(t, strings.Replace(url, "://", "://:s3cret@", 1))
	right.Set(t.Context(), "a", []byte("1"), time.Minute)
	if _, ok := right.Get(t.Context(), "a"); !ok {
		t.Error("the right password does not get in")
	}
	wrong := open(t, strings.Replace(url, "://", "://:other@", 1))
	for range 3 {
		wrong.Get(t.Context(), "a")
	}
	if wrong.Healthy() {
		t.Error("healthy with the wrong password")
	}
}

func TestRedisCallerGone(t *testing.T) {
	url, p := redistest.Start(t)
	r := patiently(t, url)
	r.Set(t.Context(), "a", []byte("1"), time.Minute)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := r.Get(gone, "a"); ok {
		t.Error("an answer for a caller that is gone")
	}
	p.Pause()
	defer p.Continue()
	for range 5 {
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		r.Get(hasty, "a")
		cancel()
	}
	if s := r.Stats(); !s.Healthy || s.Failures != 0 {
		t.Errorf("Stats() = %+v: callers without patience say nothing about the server", s)
	}
}

func TestRedisDo(t *testing.T) {
	url, _ := redistest.Start(t)
	r := patiently(t, url)
	var got int64
	err := r.Do(t.Context(), func(ctx context.Context, client redis.UniversalClient) (err error) {
		got, err = client.Incr(ctx, "n").Result()
		return err
	})
	if err != nil || got != 1 {
		t.Errorf("INCR = %d, %v", got, err)
	}
	err = r.Do(t.Context(), func(ctx context.Context, client redis.UniversalClient) error { return client.Get(ctx, "none").Err() })
	if !errors.Is(err, redis.Nil) || !r.Healthy() {
		t.Errorf("error %v, healthy %v, want redis.Nil and healthy", err, r.Healthy())
	}
}

func TestRedisClosed(t *testing.T) {
	url, _ := redistest.Start(t)
	r := patiently(t, url)
	r.Set(t.Context(), "a", []byte("1"), time.Minute)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Get(t.Context(), "a"); ok {
		t.Error("a closed connection answers")
	}
}

func TestRedisPauseOption(t *testing.T) {
	clock := newSteppedClock()
	url, p := redistest.Start(t)
	p.Kill()
	r := open(t, url, RedisTimeout(30*time.Millisecond), RedisPause(1, time.Hour), RedisClock(clock.now))
	r.Get(t.Context(), "a")
	p.Restart()
	clock.step(time.Hour - time.Nanosecond)
	if r.Get(t.Context(), "a"); r.Stats().Calls != 1 {
		t.Error("called before the pause was over")
	}
	clock.step(time.Nanosecond)
	if r.Get(t.Context(), "a"); r.Stats().Calls != 2 {
		t.Error("not called after the pause")
	}
}

func TestRedisStateIsToldWhenItChanges(t *testing.T) {
	clock := newSteppedClock()
	url, p := redistest.Start(t, "maxmemory-policy noeviction")
	var told []string // never called concurrently
	r := open(t, url, RedisClock(clock.now), RedisTimeout(2*time.Second), RedisState(func(why error) {
		if why == nil {
			told = append(told, "well")
			return
		}
		told = append(told, why.Error())
	}))
	use := func(times int) {
		var all sync.WaitGroup
		for range times {
			all.Go(func() { r.Set(t.Context(), "a", []byte("1"), time.Minute) })
		}
		all.Wait()
	}
	use(20)
	direct(t, p, []any{"CONFIG", "SET", "maxmemory", "1"})
	use(20) // a full server answers
	for range 2 {
		p.Kill()
		use(20)
		clock.step(time.Hour)
		use(20) // one of them tries again
		p.Restart()
		eventually(t, "Redis is back", func() bool {
			clock.step(time.Hour)
			use(1)
			return r.Healthy()
		})
		use(20)
	}
	if want := []string{"connection refused", "well", "connection refused", "well"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestRedisStateSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name, setting, want string
		hangs               bool
	}{
		{"hangs", "", "no answer within 50ms", true},
		{"wants a password", "requirepass of-its-own", "NOAUTH", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, p := redistest.Start(t, c.setting)
			var why error
			r := open(t, url, RedisState(func(cause error) { why = cause }))
			if c.hangs {
				p.Pause()
				defer p.Continue()
			}
			for range 3 {
				r.Get(t.Context(), "a")
			}
			if why == nil || !strings.Contains(why.Error(), c.want) {
				t.Errorf("told %v, want %q", why, c.want)
			}
		})
	}
}

func TestRedisIsQuiet(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = writer
	defer func() { os.Stderr = stderr }()
	url, p := redistest.Start(t)
	p.Kill()
	r := open(t, url)
	for range 3 {
		r.Get(t.Context(), "a")
	}
	r.Close()
	writer.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(reader); err != nil || out.Len() != 0 {
		t.Errorf("the client library wrote %q, %v", out.String(), err)
	}
}
