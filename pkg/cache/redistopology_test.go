package cache

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/cache/redistest"
)

func TestRedisCluster(t *testing.T) {
	clock := newSteppedClock()
	url, p := redistest.Start(t, "cluster-enabled yes", "cluster-require-full-coverage no")
	direct(t, p, []any{"CLUSTER", "ADDSLOTSRANGE", 0, 16383})
	r := open(t, strings.Replace(url, "redis://", "redis+cluster://", 1), RedisClock(clock.now))
	checkRoundTrip(t, r, clock)
	checkHung(t, r, p)
}

func TestRedisSentinel(t *testing.T) {
	clock := newSteppedClock()
	_, master := redistest.Start(t)
	url, sentinel := redistest.StartSentinel(t, master)
	r := open(t, url, RedisClock(clock.now))
	checkRoundTrip(t, r, clock)
	checkHung(t, r, master)

	// With the sentinel hung, a process that starts then still waits no longer than it should.
	sentinel.Pause()
	defer sentinel.Continue()
	checkBound(t, open(t, url))
}

func checkRoundTrip(t *testing.T, r *Redis, clock *steppedClock) {
	t.Helper()
	keys := make([]string, 20)
	eventually(t, "values written and read", func() bool {
		for n := range keys {
			keys[n] = "key" + strconv.Itoa(n)
			want := []byte(strconv.Itoa(n))
			r.Set(t.Context(), keys[n], want, time.Minute)
			if got, ok := r.Get(t.Context(), keys[n]); !ok || !bytes.Equal(got, want) {
				clock.step(2 * time.Second)
				return false
			}
		}
		return true
	})
	r.Delete(t.Context(), keys...) // in a cluster these are in different slots
	for _, key := range keys {
		if _, ok := r.Get(t.Context(), key); ok {
			t.Errorf("%s is there after Delete", key)
		}
	}
}

func checkHung(t *testing.T, r *Redis, p *redistest.Process) {
	t.Helper()
	p.Pause()
	defer p.Continue()
	checkBound(t, r)
}

func checkBound(t *testing.T, r *Redis) {
	t.Helper()
	for n := range 3 {
		if d := took(func() { r.Get(t.Context(), "a") }); d > callBound {
			t.Errorf("call %d of a hung server took %s", n, d)
		}
	}
	if r.Healthy() {
		t.Error("healthy after 3 failures")
	}
}
