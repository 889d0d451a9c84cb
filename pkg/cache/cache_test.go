package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var inMemory = Policy{Fresh: time.Minute, Stale: time.Hour, Negative: 10 * time.Second}

func TestGetFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(map[string]agent{"a": {1}})
		c := New("agents", inMemory, nil, src.load)
		wantValue(t, c, "a", 1)
		src.put("a", 2)
		time.Sleep(time.Minute - time.Nanosecond)
		wantValue(t, c, "a", 1)
		wantAsked(t, src, "a", 1)
		time.Sleep(time.Nanosecond)
		wantValue(t, c, "a", 2)
		wantAsked(t, src, "a", 2)
		if got, want := c.Stats(), (Stats{MemoryHits: 1, Loads: 2, Entries: 1}); got != want {
			t.Errorf("Stats() = %+v, want %+v", got, want)
		}
	})
}

func TestNotFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(map[string]agent{})
		c := New("agents", inMemory, nil, src.load)
		wantMissing(t, c, "a")
		src.put("a", 1)
		time.Sleep(10*time.Second - time.Nanosecond)
		wantMissing(t, c, "a")
		wantAsked(t, src, "a", 1)
		time.Sleep(time.Nanosecond)
		wantValue(t, c, "a", 1)
		if got, want := c.Stats(), (Stats{MemoryHits: 1, NegativeHits: 1, Loads: 2, Entries: 1}); got != want {
			t.Errorf("Stats() = %+v, want %+v", got, want)
		}
	})
}

func TestNotFoundReplacesValue(t *testing.T) {
	for _, negative := range []time.Duration{0, 10 * time.Second} {
		t.Run(negative.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(map[string]agent{"a": {1}})
				policy := inMemory
				policy.Negative = negative
				c := New("agents", policy, nil, src.load)
				wantValue(t, c, "a", 1)
				src.set(func(s *source) { delete(s.values, "a") })
				time.Sleep(time.Minute)
				wantMissing(t, c, "a")
				// What is gone must not come back as a stale value.
				src.fail(errSource)
				time.Sleep(negative)
				wantError(t, c, "a", errSource)
			})
		})
	}
}

func TestStaleWhileSourceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(map[string]agent{"a": {1}})
		c := New("agents", inMemory, nil, src.load, RetryAfter(5*time.Second))
		wantValue(t, c, "a", 1)
		src.fail(errSource)
		time.Sleep(time.Minute)
		wantValue(t, c, "a", 1)
		wantAsked(t, src, "a", 2)
		time.Sleep(5*time.Second - time.Nanosecond)
		wantValue(t, c, "a", 1)
		wantAsked(t, src, "a", 2) // left alone
		time.Sleep(time.Nanosecond)
		wantValue(t, c, "a", 1)
		wantAsked(t, src, "a", 3)
		if got := c.Stats(); got.StaleUses != 3 || got.LoadFailures != 2 {
			t.Errorf("Stats() = %+v, want 3 stale uses and 2 failures", got)
		}

		src.fail(nil)
		src.put("a", 2)
		time.Sleep(5 * time.Second)
		wantValue(t, c, "a", 2)

		src.fail(errSource)
		time.Sleep(time.Minute + time.Hour)
		wantError(t, c, "a", errSource)
	})
}

func TestErrorWithoutStaleValue(t *testing.T) {
	src := newSource(nil)
	src.fail(errSource)
	c := New("agents", inMemory, nil, src.load)
	_, _, err := c.Get(t.Context(), "marie@acme.test")
	if !errors.Is(err, errSource) || !strings.Contains(err.Error(), "agents") || strings.Contains(err.Error(), "marie") {
		t.Fatalf("Get() error = %v, want the cache's name and not the key", err)
	}
	wantError(t, c, "marie@acme.test", errSource)
	wantAsked(t, src, "marie@acme.test", 2) // errors are not remembered
}

func TestHungSourceWithStaleValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(map[string]agent{"a": {1}})
		c := New("agents", inMemory, nil, src.load, LoadTimeout(10*time.Second), StalePatience(time.Second))
		wantValue(t, c, "a", 1)
		time.Sleep(time.Minute)
		src.set(func(s *source) { s.block = make(chan struct{}) })

		start := time.Now()
		wantValue(t, c, "a", 1)
		if d := time.Since(start); d != time.Second {
			t.Errorf("the first caller waited %s, want its patience of 1s", d)
		}
		start = time.Now()
		wantValue(t, c, "a", 1)
		if d := time.Since(start); d != 0 {
			t.Errorf("the next caller waited %s, want 0", d)
		}
		wantAsked(t, src, "a", 2)

		// The load that hangs ends by itself, and the source is asked again a little later.
		time.Sleep(9 * time.Second)
		synctest.Wait()
		src.set(func(s *source) { s.block = nil; s.values["a"] = agent{2} })
		wantValue(t, c, "a", 1)
		time.Sleep(time.Second)
		wantValue(t, c, "a", 2)
		wantAsked(t, src, "a", 3)
	})
}

func TestHungSourceWithoutValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(map[string]agent{"a": {1}})
		src.block = make(chan struct{})
		c := New("agents", inMemory, nil, src.load, LoadTimeout(10*time.Second))
		start := time.Now()
		wantError(t, c, "a", context.DeadlineExceeded)
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("waited %s, want the load's bound of 10s", d)
		}
	})
}

func TestOneLoadAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys, callers = 20, 50
		src := newSource(map[string]agent{})
		for k := range keys {
			src.put(fmt.Sprint(k), int64(k))
		}
		src.block = make(chan struct{})
		c := New("agents", inMemory, nil, src.load)
		var wg sync.WaitGroup
		for k := range keys {
			for range callers {
				wg.Go(func() {
					got, found, err := c.Get(t.Context(), fmt.Sprint(k))
					if err != nil || !found || got.ID != int64(k) {
						t.Errorf("Get(%d) = %v, %v, %v", k, got, found, err)
					}
				})
			}
		}
		synctest.Wait()
		close(src.block)
		wg.Wait()
		for k := range keys {
			wantAsked(t, src, fmt.Sprint(k), 1)
		}
	})
}

func TestLateCallerFindsWhatAnotherLoaded(t *testing.T) {
	src := newSource(map[string]agent{"a": {1}})
	c := New("agents", inMemory, nil, src.load)
	wantValue(t, c, "a", 1)
	// It looked before the load ended, and its turn comes after.
	if e, err := c.fill(t.Context(), "a"); err != nil || e.value.ID != 1 {
		t.Fatalf("fill() = %v, %v", e, err)
	}
	wantAsked(t, src, "a", 1)
}

func TestCancelledCallerFailsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(map[string]agent{"a": {1}})
		src.block = make(chan struct{})
		c := New("agents", inMemory, nil, src.load)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := c.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
				t.Errorf("first caller: error %v, want context.Canceled", err)
			}
		})
		synctest.Wait()
		wg.Go(func() { wantValue(t, c, "a", 1) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(src.block)
		wg.Wait()
		wantAsked(t, src, "a", 1)

		// A caller that is gone starts nothing.
		if _, _, err := c.Get(ctx, "b"); !errors.Is(err, context.Canceled) {
			t.Errorf("late caller: error %v, want context.Canceled", err)
		}
		wantAsked(t, src, "b", 0)
	})
}

func TestForgetDuringLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(map[string]agent{"a": {1}})
		hung := make(chan struct{})
		src.block = hung
		c := New("agents", inMemory, nil, src.load)
		var wg sync.WaitGroup
		wg.Go(func() { wantValue(t, c, "a", 1) })
		synctest.Wait()

		c.Forget(t.Context(), "a")
		src.set(func(s *source) { s.block = nil; s.values["a"] = agent{2} })
		wantValue(t, c, "a", 2) // does not wait for the load that began before
		close(hung)
		wg.Wait()
		wantValue(t, c, "a", 2) // nor is replaced by it
		wantAsked(t, src, "a", 2)
	})
}

func TestForgottenValueIsNotStale(t *testing.T) {
	src := newSource(map[string]agent{"a": {1}})
	c := New("agents", inMemory, nil, src.load)
	wantValue(t, c, "a", 1)
	src.fail(errSource)
	c.Forget(t.Context(), "a")
	wantError(t, c, "a", errSource)
}

func TestMemoryIsBounded(t *testing.T) {
	src := newSource(map[string]agent{"a": {1}})
	c := New("agents", Policy{Fresh: time.Hour, Negative: time.Hour, MaxEntries: 100}, nil, src.load)
	for n := range 5000 {
		wantMissing(t, c, fmt.Sprint("key", n))
	}
	c.memory.entries.CleanUp()
	if got := c.Stats().Entries; got == 0 || got > 100 {
		t.Errorf("%d entries in memory, want 1 to 100", got)
	}
}

func TestMemoryLetsExpiredEntriesGo(t *testing.T) {
	clock := newSteppedClock()
	src := newSource(map[string]agent{"a": {1}})
	c := New("agents", inMemory, nil, src.load, Clock(clock.now))
	wantValue(t, c, "a", 1)
	clock.step(inMemory.Fresh + inMemory.Stale + 2*time.Second)
	c.memory.entries.CleanUp()
	if got := c.Stats().Entries; got != 0 {
		t.Errorf("%d entries in memory after their end, want 0", got)
	}
}

func TestZeroPolicyKeepsNothing(t *testing.T) {
	src := newSource(map[string]agent{"a": {1}})
	c := New("agents", Policy{}, nil, src.load)
	wantValue(t, c, "a", 1)
	wantValue(t, c, "a", 1)
	wantMissing(t, c, "b")
	wantMissing(t, c, "b")
	wantAsked(t, src, "a", 2)
	wantAsked(t, src, "b", 2)
}

func TestForgottenIsBounded(t *testing.T) {
	start := time.Now()
	f := newForgotten(time.Minute)
	for n := range maxForgotten {
		f.add(fmt.Sprint(n), start)
	}
	// One minute later nothing of that can be in Redis any more.
	f.add("next", start.Add(time.Minute))
	if len(f.at) != 1 || !f.floor.IsZero() {
		t.Fatalf("%d keys, floor %v, want the last one alone", len(f.at), f.floor)
	}
	for n := range maxForgotten {
		f.add(fmt.Sprint(n), start.Add(time.Minute))
	}
	if len(f.at) > maxForgotten {
		t.Fatalf("%d keys, want at most %d", len(f.at), maxForgotten)
	}
	if !f.covers("any", start) || f.covers("any", start.Add(2*time.Minute)) {
		t.Error("what is too much to remember must count as forgotten, and what is newer must not")
	}
}

func BenchmarkGetFromMemory(b *testing.B) {
	c := New("agents", Policy{Fresh: time.Hour}, nil, newSource(map[string]agent{"a": {1}}).load)
	ctx := b.Context()
	if _, found, err := c.Get(ctx, "a"); !found || err != nil {
		b.Fatal(found, err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, found, _ := c.Get(ctx, "a"); !found {
			b.Fatal("not found")
		}
	}
}

func BenchmarkGetFromMemoryParallel(b *testing.B) {
	c := New("agents", Policy{Fresh: time.Hour}, nil, newSource(map[string]agent{"a": {1}}).load)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, found, _ := c.Get(b.Context(), "a"); !found {
				b.Error("not found")
			}
		}
	})
}
