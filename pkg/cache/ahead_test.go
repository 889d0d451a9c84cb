package cache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"passerelle/pkg/cache/redistest"
)

var ahead = Policy{
	Ahead: time.Minute, Alone: true, Fresh: 10 * time.Minute, Stale: time.Hour, Negative: 30 * time.Second, Shared: 20 * time.Minute,
}

func TestAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(map[string]agent{"a": {1}})
		c := New("agents", ahead, nil, src.load)
		wantValue(t, c, "a", 1)
		time.Sleep(time.Minute)
		block := make(chan struct{})
		src.set(func(s *source) { s.values["a"], s.block = agent{2}, block })
		for range 5 { // nobody waits for the source
			wantValue(t, c, "a", 1)
		}
		synctest.Wait()
		wantAsked(t, src, "a", 2)
		close(block)
		synctest.Wait()
		wantValue(t, c, "a", 2)

		// A source that fails is asked again once in a while; the old value stays.
		src.fail(errSource)
		time.Sleep(time.Minute)
		for range 3 {
			wantValue(t, c, "a", 2)
			synctest.Wait()
		}
		wantAsked(t, src, "a", 3)
		time.Sleep(failPause)
		wantValue(t, c, "a", 2)
		synctest.Wait()
		wantAsked(t, src, "a", 4)

		// What is gone is gone.
		src.set(func(s *source) { delete(s.values, "a"); s.err = nil })
		time.Sleep(failPause)
		wantValue(t, c, "a", 2)
		synctest.Wait()
		wantMissing(t, c, "a")
		wantAsked(t, src, "a", 5)
	})
}

// alike makes n values, each with its number in its key.
func alike(key string, n int) map[string]agent {
	values := map[string]agent{}
	for i := range n {
		values[fmt.Sprintf(key, i)] = agent{1}
	}
	return values
}

// wantAlike gets each, and waits until what that has begun is at its end.
func wantAlike(t *testing.T, c *Cache[agent], values map[string]agent) {
	t.Helper()
	for key := range values {
		wantValue(t, c, key, 1)
	}
	synctest.Wait()
}

// A thousand values that came in the same moment, as after a start, are asked for again one after the other.
func TestAheadIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		values := alike("account-%d", 1000)
		c := New("agents", ahead, nil, newSource(values).load)
		wantAlike(t, c, values)
		asked := make([]int, 0, 10)
		for range 10 {
			time.Sleep(ahead.Ahead / 10)
			wantAlike(t, c, values)
			asked = append(asked, int(c.Stats().Loads)-1000)
		}
		if asked[4] != 0 || asked[9] != 1000 {
			t.Errorf("asked for anew by each tenth of the age: %v; expected none up to the half, and all in the end", asked)
		}
		for i := 5; i < 10; i++ {
			if part := asked[i] - asked[i-1]; part > 400 {
				t.Errorf("asked for anew by each tenth of the age: %v; %d at about the same time", asked, part)
			}
		}
	})
}

// What shares the greater part of what is asked for is asked for together.
func TestAheadTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		values := alike("acme/%d", 100)
		p := ahead
		p.Together = func(key string) string { account, _, _ := strings.Cut(key, "/"); return account }
		c := New("forms", p, nil, newSource(values).load)
		for range 100 {
			wantAlike(t, c, values)
			if n := c.Stats().Loads; n != 100 && n != 200 {
				t.Fatalf("%d of 100 were asked for anew, expected all or none", n-100)
			}
			time.Sleep(ahead.Ahead / 100)
		}
	})
}

func TestForgottenWhileRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(map[string]agent{"a": {1}})
		c := New("agents", ahead, nil, src.load)
		wantValue(t, c, "a", 1)
		time.Sleep(time.Minute)
		block := make(chan struct{})
		src.set(func(s *source) { s.values["a"], s.block = agent{2}, block })
		wantValue(t, c, "a", 1)
		synctest.Wait()
		c.Forget(t.Context(), "a")
		src.set(func(s *source) { s.values["a"], s.block = agent{3}, nil })
		wantValue(t, c, "a", 3)
		close(block)
		synctest.Wait()
		wantValue(t, c, "a", 3)
	})
}

// Of several processes one asks the source, the first time and ahead; the others get what it was told.
func TestAlone(t *testing.T) {
	url, _ := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}})
	var caches []*Cache[agent]
	for range 5 {
		caches = append(caches, New("agents", ahead, patiently(t, url), src.load, Clock(clock.now)))
	}
	block := make(chan struct{})
	src.set(func(s *source) { s.block = block })
	var all sync.WaitGroup
	for _, c := range caches {
		all.Go(func() {
			if got, _, err := c.Get(t.Context(), "a"); err != nil || got.ID != 1 {
				t.Errorf("Get = %v, %v", got, err)
			}
		})
	}
	eventually(t, "the source is asked", func() bool { return src.asked("a") == 1 })
	close(block)
	all.Wait()
	wantAsked(t, src, "a", 1)

	src.put("a", 2)
	clock.step(time.Minute)
	// Those who found that another one asked look again after a rest. There are few rests, so that the new value stays new.
	const restEvery = 250 * time.Millisecond
	rested := time.Now()
	eventually(t, "everybody has the new value", func() bool {
		news := 0
		for _, c := range caches {
			if got, _, err := c.Get(t.Context(), "a"); err != nil {
				t.Fatal(err)
			} else if got.ID == 2 {
				news++
			}
		}
		if time.Since(rested) > restEvery {
			clock.step(otherPause)
			rested = time.Now()
		}
		return news == len(caches) || src.asked("a") > 2
	})
	wantAsked(t, src, "a", 2)
}

func TestAloneWhileAnotherAsks(t *testing.T) {
	url, p := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}})
	c := New("agents", ahead, open(t, url), src.load, Clock(clock.now), LoadTimeout(time.Second))
	wantValue(t, c, "a", 1)
	src.put("a", 2)
	direct(t, p, []any{"SET", redisKey + ":asking", "1"})
	clock.step(time.Minute)
	wantValue(t, c, "a", 1)
	eventually(t, "the value rests", func() bool {
		return c.memory.get("a").resting(clock.now()) && !c.memory.get("a").resting(clock.now().Add(otherPause))
	})
	wantAsked(t, src, "a", 1)
	// A process that holds the lease for ever keeps nobody from the source for longer than a load may take.
	c.Forget(t.Context(), "a")
	wantValue(t, c, "a", 2)
	wantAsked(t, src, "a", 2)
}

func TestOneLookTellsThatAnotherProcessHasAsked(t *testing.T) {
	url, p := redistest.Start(t)
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}})
	here, there := New("agents", ahead, patiently(t, url), src.load, Clock(clock.now)), New("agents", ahead, patiently(t, url), src.load, Clock(clock.now))
	wantValue(t, here, "a", 1)
	wantValue(t, there, "a", 1)
	src.put("a", 2)
	clock.step(time.Minute)
	client := redis.NewClient(&redis.Options{Addr: p.Addr()})
	defer client.Close()
	renewed := func(c *Cache[agent]) {
		eventually(t, "the new value", func() bool {
			got, _, err := c.Get(t.Context(), "a")
			return err == nil && got.ID == 2
		})
	}
	renewed(here)
	eventually(t, "the lease has ended", func() bool { return client.Exists(t.Context(), redisKey+":asking").Val() == 0 })
	direct(t, p, []any{"CONFIG", "RESETSTAT"})
	renewed(there)
	stats := client.Info(t.Context(), "commandstats").Val()
	if !strings.Contains(stats, "cmdstat_getrange:calls=1,") || strings.Contains(stats, "cmdstat_set:") {
		t.Errorf("what took over what another had asked for: %s", stats)
	}
	wantAsked(t, src, "a", 2)
}

func TestAloneWithoutRedis(t *testing.T) {
	url, p := redistest.Start(t)
	src := newSource(map[string]agent{"a": {1}})
	clock := newSteppedClock()
	c := New("agents", ahead, patiently(t, url), src.load, Clock(clock.now))
	wantValue(t, c, "a", 1)
	p.Kill()
	src.put("a", 2)
	clock.step(time.Minute)
	eventually(t, "the new value", func() bool {
		got, _, err := c.Get(t.Context(), "a")
		return err == nil && got.ID == 2
	})
}

type text string

func (s text) Size() int { return len(s) }

func TestMaxBytes(t *testing.T) {
	c := New("texts", Policy{Fresh: time.Hour, MaxBytes: 100_000}, nil, func(context.Context, string) (text, bool, error) {
		return text(strings.Repeat("x", 10_000)), true, nil
	})
	for i := range 100 {
		if _, found, err := c.Get(t.Context(), strings.Repeat("k", i)); !found || err != nil {
			t.Fatal(found, err)
		}
	}
	c.memory.entries.CleanUp()
	if n := c.Stats().Entries; n > 9 || n < 5 {
		t.Errorf("%d entries of 10 kB in 100 kB", n)
	}
}
