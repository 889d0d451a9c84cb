package limit

import (
	"context"
	"math"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"passerelle/pkg/cache"
	"passerelle/pkg/cache/redistest"
)

// twoProcesses share one Redis. Patience is long, so that a busy machine is no failure.
func twoProcesses(t *testing.T, perMinute, reserve int) (a, b *Budgets, r *cache.Redis, p *redistest.Process) {
	t.Helper()
	url, p := redistest.Start(t)
	r = openRedis(t, url)
	workers := Workers(func() int { return 2 })
	return New(r, of(perMinute, reserve), workers), New(openRedis(t, url), of(perMinute, reserve), workers), r, p
}

// told waits until Redis knows what the process has heard.
func told(t *testing.T, b *Budgets, account string) {
	t.Helper()
	a := b.account(account)
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		a.mu.Lock()
		done := !a.exchanging
		a.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the exchange with Redis does not end")
		}
	}
}

// backAtRedis waits until both processes speak with Redis again.
func backAtRedis(t *testing.T, a, b *Budgets) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !a.State("acme").Shared || !b.State("acme").Shared; {
		if time.Now().After(deadline) {
			t.Fatal("the processes do not come back to Redis")
		}
	}
}

func TestOneAccountStopsInAllProcesses(t *testing.T) {
	a, b, _, _ := twoProcesses(t, 700, 20)
	mustTake(t, a.Of("acme", Live, time.Minute), "POST tickets")(429, http.Header{"Retry-After": {"300"}})
	told(t, a, "acme")
	if wait := wantNone(t, b.Of("acme", Urgent, time.Second), "POST tickets"); wait < 4*time.Minute || wait > 5*time.Minute {
		t.Errorf("the other process is to wait %s, want nearly 5 minutes", wait)
	}
	mustTake(t, b.Of("other", Live, time.Minute), "POST tickets")(201, nil)
	state := b.State("acme")
	if d := time.Until(state.BlockedUntil); d < 4*time.Minute || d > 5*time.Minute || !state.Shared {
		t.Errorf("State() = %+v, want it stopped for nearly 5 minutes by the word of Redis", state)
	}
}

// Redis comes back without its memory: who was told to leave the account alone remembers, and tells the others.
func TestAnEmptyRedisDoesNotEndAStop(t *testing.T) {
	a, b, _, p := twoProcesses(t, 700, 20)
	mustTake(t, a.Of("acme", Live, time.Minute), "POST tickets")(429, http.Header{"Retry-After": {"300"}})
	told(t, a, "acme")
	p.Kill()
	p.Restart()
	backAtRedis(t, a, b)
	if wait := wantNone(t, a.Of("acme", Urgent, time.Second), "POST tickets"); wait < 4*time.Minute || wait > 5*time.Minute {
		t.Errorf("who was told is to wait %s, want nearly 5 minutes", wait)
	}
	told(t, a, "acme")
	if wait := wantNone(t, b.Of("acme", Urgent, time.Second), "POST tickets"); wait < 4*time.Minute || wait > 5*time.Minute {
		t.Errorf("the other process is to wait %s, want nearly 5 minutes", wait)
	}
	if used := a.State("acme").Used; used != 0 {
		t.Errorf("%d leaves count as used, and none was", used)
	}
}

func TestProcessesShareWhatIsLeft(t *testing.T) {
	a, b, r, _ := twoProcesses(t, 40, 20)
	mustTake(t, a.Of("acme", Urgent, time.Minute), "POST tickets")(201, headers("2024", 40, 39, 55_000))
	told(t, a, "acme")
	calls := r.Stats().Calls
	// 39 left, 8 in reserve: 31 calls may be under way, whoever makes them; a few less on a machine so busy that
	// what was heard grows old.
	n := 0
	for i := range 40 {
		s := a.Of("acme", Urgent, 0)
		if i%2 == 1 {
			s = b.Of("acme", Urgent, 0)
		}
		if _, _, ok := s.Take(t.Context(), "POST tickets"); ok {
			n++
		}
	}
	if n < 20 || n > 31 {
		t.Errorf("%d calls got leave, want 31", n)
	}
	if asked := r.Stats().Calls - calls; asked > 20 {
		t.Errorf("the first process asked Redis %d times for 20 calls", asked)
	}
	told(t, a, "acme")
	told(t, b, "acme")
	if got := New(r, of(40, 20)).State("acme"); got.UnderWay != n || got.Remaining != 39 || got.Limit != 40 || got.Used != n+1 || !got.Shared {
		t.Errorf("State() in a third process = %+v, want %d calls under way", got, n)
	}
}

// Where calls are few and much is left, a call costs one exchange with Redis, not two; the others see it with the next.
func TestFewCallsCostOneExchangeEach(t *testing.T) {
	a, b, r, _ := twoProcesses(t, 700, 20)
	call := func(left int) (asked uint64) {
		before := r.Stats().Calls
		answered := mustTake(t, a.Of("acme", Live, time.Minute), "POST tickets")
		answered(201, headers("2024", 700, left, 55_000))
		told(t, a, "acme")
		return r.Stats().Calls - before
	}
	call(690)
	for i := range 10 {
		if asked := call(689 - i); asked != 1 {
			t.Errorf("call %d asked Redis %d times, want once", i+1, asked)
		}
	}
	if got := a.Here("acme"); got.Remaining != 680 {
		t.Errorf("the process itself knows of %d calls left, want 680", got.Remaining)
	}
	if got := b.State("acme"); got.Remaining != 681 || got.UnderWay != 1 {
		t.Errorf("the other process sees %d left and %d under way, want 681 and the last one", got.Remaining, got.UnderWay)
	}
	if asked := call(500); asked != 2 {
		t.Errorf("a call after which much more is gone than it took asked Redis %d times, want twice: the others must know", asked)
	}
	if got := b.State("acme"); got.Remaining != 500 || got.UnderWay != 0 {
		t.Errorf("the other process sees %d left and %d under way, want 500 and none", got.Remaining, got.UnderWay)
	}
	call(441)
	if asked := call(435); asked != 1 {
		t.Errorf("the call after it asked Redis %d times, want once", asked)
	}
	if asked := call(430); asked != 2 {
		t.Errorf("a call that leaves less than half of what is ours asked Redis %d times, want twice: the others must know", asked)
	}
	if got := b.State("acme"); got.Remaining != 430 || got.UnderWay != 0 {
		t.Errorf("the other process sees %d left and %d under way, want 430 and none", got.Remaining, got.UnderWay)
	}
}

// Redis goes away in the middle of a window and comes back empty: no call is made that goes below the reserve.
func TestRedisGoesAndComesBack(t *testing.T) {
	a, b, _, p := twoProcesses(t, 300, 20)
	z := newZendesk(300, "2024")
	z.counter.phase = 0 // the window lasts as long as the test
	z.start = time.Now().Add(-10 * time.Second)
	work := func(each int) (made int) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for _, budgets := range []*Budgets{a, b} {
			for range 4 {
				wg.Go(func() {
					for range each {
						answered, _, ok := budgets.Of("acme", Live, 0).Take(context.Background(), "POST tickets")
						if !ok {
							continue
						}
						status, h := z.call()
						answered(status, h)
						mu.Lock()
						made++
						mu.Unlock()
					}
				})
			}
		}
		wg.Wait()
		return made
	}
	with := work(12)
	p.Kill()
	without := work(400)
	p.Restart()
	backAtRedis(t, a, b)
	again := work(100)
	t.Logf("%d calls with Redis, %d without, %d with an empty one; lowest left %d", with, without, again, z.lowest)
	if with == 0 || without == 0 || again == 0 || z.refused > 0 || z.lowest < 60 {
		t.Error("want calls every way, no 429, and at least 60 left")
	}
}

// What a process that had no work for a while knows of an account is old when Redis goes: the others may have spent all of it.
func TestAnOldCopyIsTriedWithOneCall(t *testing.T) {
	url, p := redistest.Start(t)
	var later atomic.Int64
	start := time.Now()
	b := New(openRedis(t, url), of(700, 20), Workers(func() int { return 2 }), Clock(func() time.Time {
		return start.Add(time.Duration(later.Load()))
	}))
	mustTake(t, b.Of("acme", Live, time.Minute), "POST tickets")(201, headers("2024", 700, 695, 50_000))
	told(t, b, "acme")
	p.Kill()
	burst := func() (leaves []func(int, http.Header)) {
		for range 40 {
			if answered, _, ok := b.Of("acme", Urgent, 0).Take(t.Context(), "POST tickets"); ok {
				leaves = append(leaves, answered)
			}
		}
		return leaves
	}
	later.Store(int64(5 * time.Second))
	tried := burst()
	if len(tried) != 1 {
		t.Fatalf("%d calls got leave by an old copy, want one that is tried", len(tried))
	}
	tried[0](201, headers("2024", 700, 400, 45_000))
	if n := len(burst()); n < 10 {
		t.Errorf("%d calls got leave after the account had told that 400 are left, want some dozens", n)
	}
}

// A hung Redis costs a call its 50 ms at most, and then nothing.
func TestHungRedis(t *testing.T) {
	url, p := redistest.Start(t)
	r, err := cache.OpenRedis(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := New(r, of(700, 20))
	p.Pause()
	for range 20 {
		mustTake(t, b.Of("acme", Live, time.Minute), "POST tickets")(201, headers("2024", 700, 650, 30_000))
	}
	told(t, b, "acme")
	if stats := r.Stats(); stats.Calls > 10 || stats.Skipped < 10 {
		t.Errorf("asked a hung Redis %d times and left it alone %d times", stats.Calls, stats.Skipped)
	}
	p.Continue()
}

func TestWhatRedisHoldsIsNoTally(t *testing.T) {
	for _, reply := range [][]int64{nil, {1, 2, 3}, make([]int64, 100)} {
		if _, err := readView(reply); err == nil {
			t.Errorf("readView(%d numbers) gave no error", len(reply))
		}
	}
}

// What a killed process had under way is forgotten.
func TestKilledProcess(t *testing.T) {
	k := newScripted(t, 2)
	now := 1_763_984_000_000.0
	q := Quota{PerMinute: 100}
	ask := func(p int, underWay, want float64, words ...word) float64 {
		v, err := k.exchange(p, now, message{ask: ask{quota: q, underWay: underWay, want: [ranks]float64{Urgent: want}}, words: words})
		if err != nil {
			t.Fatal(err)
		}
		return v.given[Urgent]
	}
	ask(0, 0, 0, word{granted: now - 1, limit: 100, left: 99, reset: 58_000, bound: unsaid})
	if n := ask(0, 0, 90); n != 90 {
		t.Fatalf("%v calls of 90", n)
	}
	if n := ask(1, 0, 90); math.Abs(n-8) > 1 {
		t.Errorf("%v calls beside the 90 under way, want 8", n)
	}
	now += 61_000
	ask(1, 0, 0, word{granted: now, limit: 100, left: 99, reset: 58_000, bound: unsaid})
	if n := ask(1, 0, 90); n != 90 {
		t.Errorf("%v calls in the next window, want 90", n)
	}
}

func BenchmarkTakeRedis(b *testing.B) {
	url, _ := redistest.Start(b)
	budgets := New(openRedis(b, url), of(1_000_000, 0))
	h := headers("2024", 1_000_000, 900_000, 30_000)
	for _, parallel := range []int{1, 32} {
		b.Run(time.Duration(parallel).String(), func(b *testing.B) {
			b.SetParallelism(parallel)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				s := budgets.Of("acme", Live, time.Minute)
				for pb.Next() {
					answered, wait, ok := s.Take(context.Background(), "POST tickets")
					if !ok {
						b.Errorf("no leave, ask again after %s", wait)
						return
					}
					answered(201, h)
				}
			})
		})
	}
}
