package limit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// headers writes what a counter says as an account of that generation does.
func headers(generation string, limit, left int, reset float64) http.Header {
	h := http.Header{}
	h.Set("X-Rate-Limit", strconv.Itoa(limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(left))
	prefix := map[string]string{"2023": "rate-limit", "2024": "ratelimit"}[generation]
	if prefix == "" {
		return h
	}
	name := prefix
	if generation == "2024" {
		name += "-limit"
	}
	h.Set(name, strconv.Itoa(limit))
	h.Set(prefix+"-remaining", strconv.Itoa(left))
	h.Set(prefix+"-reset", strconv.Itoa(int(reset/1000)))
	return h
}

// zendesk is an account for processes that run at the same time.
type zendesk struct {
	mu         sync.Mutex
	counter    counter
	generation string
	start      time.Time
	ours       int
	lowest     int
	refused    int
}

func newZendesk(limit int, generation string) *zendesk {
	return &zendesk{counter: counter{limit: limit, phase: 20_000}, generation: generation, start: time.Now(), lowest: limit}
}

// call is one call of ours; the answer is on its way for a while.
func (z *zendesk) call() (int, http.Header) {
	z.mu.Lock()
	left, reset, ok := z.counter.count(float64(time.Since(z.start).Milliseconds()))
	z.ours++
	z.lowest = min(z.lowest, left)
	status := http.StatusCreated
	h := headers(z.generation, z.counter.limit, left, reset)
	if !ok {
		z.refused++
		status = http.StatusTooManyRequests
		h.Set("Retry-After", strconv.Itoa(int(reset/1000)))
	}
	z.mu.Unlock()
	return status, h
}

func of(perMinute, reserve int) func(string) (Quota, bool) {
	return func(account string) (Quota, bool) {
		return Quota{PerMinute: perMinute, ReservePercent: reserve}, account != "unknown"
	}
}

func mustTake(t *testing.T, s *Share, endpoint string) func(int, http.Header) {
	t.Helper()
	answered, wait, ok := s.Take(t.Context(), endpoint)
	if !ok {
		t.Fatalf("no leave for %s, ask again after %s", endpoint, wait)
	}
	return answered
}

func wantNone(t *testing.T, s *Share, endpoint string) time.Duration {
	t.Helper()
	if _, wait, ok := s.Take(t.Context(), endpoint); ok {
		t.Fatalf("leave for %s, want none", endpoint)
	} else {
		return wait
	}
	return 0
}

// Four processes without Redis, with all that Take does, against an account that answers with real headers.
func TestFourProcessesWithoutRedis(t *testing.T) {
	// Who does not tell when the window ends has processes find out by trying.
	for generation, least := range map[string]float64{"X": 0.85, "2023": 0.85, "2024": 0.85} {
		t.Run(generation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := newZendesk(700, generation)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second+11*time.Minute)
				defer cancel()
				var wg sync.WaitGroup
				for range 4 {
					b := New(nil, of(700, 20), Workers(func() int { return 4 }))
					for slot := range 8 {
						s := b.Of("acme", Backlog, 10*time.Second)
						rng := rand.New(rand.NewPCG(uint64(slot), 2))
						wg.Go(func() {
							for ctx.Err() == nil {
								answered, wait, ok := s.Take(ctx, "POST tickets")
								if !ok {
									select {
									case <-ctx.Done():
									case <-time.After(wait):
									}
									continue
								}
								time.Sleep(time.Duration(5+rng.IntN(30)) * time.Millisecond)
								status, h := z.call()
								time.Sleep(time.Duration(5+rng.IntN(30)) * time.Millisecond)
								answered(status, h)
							}
						})
					}
				}
				wg.Wait()
				used := float64(z.ours) / (11 * 560)
				t.Logf("used %.2f %% of ours, %d answers 429 of %d, lowest left %d", 100*used, z.refused, z.ours, z.lowest)
				if used < least || z.refused*1000 > z.ours || z.lowest < 140 {
					t.Errorf("want at least %.0f %%, at most 0.1 %%, at least 140", 100*least)
				}
			})
		})
	}
}

func TestRanksAndOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil, of(700, 20))
		stop := mustTake(t, b.Of("acme", Live, 0), "POST tickets")
		stop(429, http.Header{"Retry-After": {"30"}})
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		for i, rank := range []Rank{Backlog, Live, Backlog, Urgent, Live, Urgent} {
			wg.Go(func() {
				answered, wait, ok := b.Of("acme", rank, time.Minute).Take(t.Context(), "POST tickets")
				if !ok {
					t.Errorf("no leave, ask again after %s", wait)
					return
				}
				mu.Lock()
				order = append(order, fmt.Sprintf("%d%d", rank, i))
				mu.Unlock()
				answered(503, http.Header{"Retry-After": {"1"}}) // the next has to wait
			})
			synctest.Wait() // it waits
		}
		wg.Wait()
		if got, want := fmt.Sprint(order), "[23 25 11 14 00 02]"; got != want {
			t.Errorf("leaves in the order %s, want %s: by rank, then who came first", got, want)
		}
	})
}

func TestTheAccountStops(t *testing.T) {
	cases := []struct {
		name   string
		status int
		header http.Header
		want   time.Duration
	}{
		{"429", 429, http.Header{"Retry-After": {"17"}}, 17 * time.Second},
		{"429 without a word on how long", 429, nil, time.Minute},
		{"429 that says when the window ends", 429, headers("2024", 700, 0, 40_000), 60 * time.Second}, // heard the first time
		{"429 for far too long", 429, http.Header{"Retry-After": {"999999"}}, 15 * time.Minute},
		{"503", 503, http.Header{"Retry-After": {"9"}}, 9 * time.Second},
		{"503 without a word on how long", 503, nil, 5 * time.Second},
		{"at once", 503, http.Header{"Retry-After": {"0"}}, time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(nil, of(700, 20))
				s := b.Of("acme", Urgent, 0)
				mustTake(t, s, "POST tickets")(c.status, c.header)
				wait := wantNone(t, s, "GET users")
				if wait > c.want || wait < c.want-20*time.Second && c.want == time.Minute || c.want < time.Minute && wait != c.want {
					t.Errorf("stopped for %s, want %s", wait, c.want)
				}
				if got := time.Until(b.State("acme").BlockedUntil); got != wait {
					t.Errorf("BlockedUntil is in %s, want %s", got, wait)
				}
				mustTake(t, b.Of("other", Backlog, 0), "POST tickets")(0, nil)
				time.Sleep(wait - time.Millisecond)
				wantNone(t, s, "GET users")
				time.Sleep(time.Millisecond)
				mustTake(t, s, "GET users")(200, nil)
			})
		})
	}
}

func TestWaitingEndsWithPatienceAndContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil, of(100, 20))
		mustTake(t, b.Of("acme", Live, 0), "POST tickets")(201, headers("2024", 100, 20, 30_000))

		start := time.Now()
		if wait := wantNone(t, b.Of("acme", Urgent, 10*time.Second), "POST tickets"); wait < 29*time.Second || wait > 32*time.Second {
			t.Errorf("ask again after %s, want the end of the window", wait)
		}
		if d := time.Since(start); d > 0 {
			t.Errorf("it took %s to learn that nothing comes in time", d)
		}
		answered, _, ok := b.Of("acme", Urgent, time.Minute).Take(t.Context(), "POST tickets")
		if !ok {
			t.Fatal("no leave after the window turned")
		}
		answered(201, headers("2024", 100, 99, 59_000))
		if d := time.Since(start); d < 30*time.Second || d > 32*time.Second {
			t.Errorf("leave after %s, want it right after the window turned", d)
		}

		mustTake(t, b.Of("acme", Live, 0), "POST tickets")(201, headers("2024", 100, 20, 59_000))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start = time.Now()
		if _, _, ok := b.Of("acme", Live, time.Hour).Take(ctx, "POST tickets"); ok || time.Since(start) != 5*time.Second {
			t.Errorf("leave %v after %s, want none after the context's 5s", ok, time.Since(start))
		}
		if _, _, ok := b.Of("acme", Live, time.Hour).Take(ctx, "POST tickets"); ok {
			t.Error("leave although the context has ended")
		}
	})
}

func TestAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil, of(700, 20))
		answered := mustTake(t, b.Of("acme", Live, 0), "POST tickets")
		if got := b.State("acme"); got.UnderWay != 1 || got.Used != 1 || got.Remaining != -1 || got.Limit != 700 || got.Learned {
			t.Errorf("State() = %+v with one call under way", got)
		}
		answered(201, headers("2024", 400, 399, 30_000))
		answered(201, headers("2024", 400, 3, 30_000))
		got := b.State("acme")
		if got.UnderWay != 0 || got.Remaining != 399 || got.Limit != 400 || !got.Learned || got.Reserve != 80 || got.Configured.PerMinute != 700 {
			t.Errorf("State() = %+v", got)
		}
		if d := time.Until(got.WindowEnd); d < 30*time.Second || d > 31*time.Second {
			t.Errorf("the window ends in %s, want 30 s or a little more", d)
		}
	})
}

// An account that the configuration does not know gets the smallest plan's quota.
func TestUnknownAccount(t *testing.T) {
	if got := New(nil, of(700, 0)).State("unknown"); got.Limit != 200 || got.Reserve != 40 {
		t.Errorf("State() = %+v, want 200 calls with a reserve of 40", got)
	}
}

func TestEndpointLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil, of(700, 20))
		s := b.Of("acme", Live, 0)
		create := func(left int) http.Header {
			h := headers("2024", 700, 600, 50_000)
			h.Set("zendesk-ratelimit-ticket-request-create-by-user-and-ip", fmt.Sprintf("total=300; remaining=%d; resets=20", left))
			return h
		}
		mustTake(t, s, "POST tickets")(201, create(2))
		first, second := mustTake(t, s, "POST tickets"), mustTake(t, s, "POST tickets")
		wantNone(t, s, "POST tickets")
		mustTake(t, s, "GET users")(200, headers("2024", 700, 599, 50_000))
		second(201, create(0))
		first(201, create(1)) // late
		if wait := wantNone(t, s, "POST tickets"); wait < 20*time.Second || wait > 22*time.Second {
			t.Errorf("ask again after %s, want when the endpoint's window ends", wait)
		}
		mustTake(t, s, "GET users")(200, headers("2024", 700, 598, 50_000))
		start := time.Now()
		mustTake(t, b.Of("acme", Live, time.Minute), "POST tickets")(201, create(299))
		if d := time.Since(start); d < 20*time.Second || d > 22*time.Second {
			t.Errorf("leave after %s, want it right after the endpoint's window ended", d)
		}
	})
}

// How many bulk jobs are at work is no window: one that ends gives its place back.
func TestBulkJobsAtWorkHoldNoCallBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(nil, of(700, 20), Workers(func() int { return 16 })).Of("acme", Live, 0)
		for left := 29; left >= 0; left-- {
			h := headers("2024", 700, 690, 50_000)
			h.Set("zendesk-ratelimit-inflight-jobs", fmt.Sprintf("total=30; remaining=%d; resets=60", left))
			mustTake(t, s, "POST tickets/create_many")(200, h)
		}
	})
}

// Many processes, and an endpoint that allows less than one call of each: none is shut out, and all together stay within it.
func TestAnEndpointOfFewCallsIsUsedByManyProcesses(t *testing.T) {
	for _, window := range []int{60, 600} {
		t.Run(fmt.Sprintf("%d seconds", window), func(t *testing.T) { useFewCalls(t, window) })
	}
}

func useFewCalls(t *testing.T, window int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		const processes, total, windows = 16, 20, 30
		used, most := 0, 0
		var made [processes]int
		var all []*Share
		for range processes {
			all = append(all, New(nil, of(2500, 20), Workers(func() int { return processes })).Of("acme", Live, 0))
		}
		for second := range windows * window {
			if second%window == 0 {
				used = 0
			}
			for i, s := range all {
				answered, _, ok := s.Take(t.Context(), "PUT tickets/{id}")
				if !ok {
					continue
				}
				used++
				made[i]++
				most = max(most, used)
				h := headers("2024", 2500, 2400, 60_000-float64(second%60)*1000)
				h.Set("zendesk-rate-limit-tickets-update", fmt.Sprintf("total=%d; remaining=%d; resets=%d", total, max(0, total-used), window-second%window))
				answered(200, h)
			}
			time.Sleep(time.Second)
		}
		for i, n := range made {
			if n < windows/4 {
				t.Errorf("process %d made %d calls in %d windows", i, n, windows)
			}
		}
		if most > total {
			t.Errorf("%d calls in one window, of %d", most, total)
		}
	})
}

// Processes that hear of such a limit by the same burst do not use the rest of its window, of which none knows how much is left.
func TestAnEndpointOfFewCallsIsLeftAloneInTheWindowItIsFirstHeardIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			s := New(nil, of(2500, 20), Workers(func() int { return 16 })).Of("acme", Live, 0)
			h := headers("2024", 2500, 2400, 60_000)
			h.Set("zendesk-rate-limit-tickets-update", "total=20; remaining=19; resets=60")
			mustTake(t, s, "PUT tickets/{id}")(200, h)
			time.Sleep(59 * time.Second)
			wantNone(t, s, "PUT tickets/{id}")
		}
	})
}

// Calls that never get an answer, by mistake or because the caller is gone, do not stop the account for good.
func TestCallsWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil, of(100, 0))
		s := b.Of("acme", Live, 0)
		mustTake(t, s, "POST tickets")(201, headers("2024", 100, 90, 30_000))
		n := 0
		for {
			if _, _, ok := s.Take(t.Context(), "POST tickets"); !ok {
				break
			}
			n++
		}
		if n < 80 || n > 90 {
			t.Errorf("%d calls at the same time, want nearly the 90 that are left", n)
		}
		time.Sleep(time.Minute)
		mustTake(t, s, "POST tickets")(201, headers("2024", 100, 90, 30_000))
	})
}

func BenchmarkTakeLocal(b *testing.B) {
	budgets := New(nil, of(1_000_000, 0))
	s := budgets.Of("acme", Live, time.Second)
	h := headers("2024", 1_000_000, 900_000, 30_000)
	b.ReportAllocs()
	for b.Loop() {
		answered, _, ok := s.Take(b.Context(), "POST tickets")
		if !ok {
			b.Fatal("no leave")
		}
		answered(201, h)
	}
}

// An account that tells nothing and has a call every few seconds: the first of those who wait gets it, however many wait
// behind.
func TestTheFirstWhoWaitsIsNotTurnedAwayForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil, of(30, 20))
		take := func(patience time.Duration) bool {
			answered, _, ok := b.Of("acme", Backlog, patience).Take(t.Context(), "POST tickets")
			if ok {
				answered(http.StatusCreated, nil)
			}
			return ok
		}
		for take(0) { // what there is at once
		}
		var got atomic.Int64
		var wait sync.WaitGroup
		for range 16 {
			wait.Go(func() {
				if take(5 * time.Second) {
					got.Add(1)
				}
			})
		}
		wait.Wait()
		if got.Load() != 1 { // 24 a minute are ours, and nine tenths are given
			t.Errorf("%d of those who waited for 5 s got a call, want 1", got.Load())
		}
	})
}
