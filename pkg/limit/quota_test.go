package limit

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"passerelle/pkg/cache"
	"passerelle/pkg/cache/redistest"
)

// scripted keeps the tally with the script, in a real Redis, on the simulation's clock.
type scripted struct {
	processes []shared
	now       atomic.Int64
}

func (k *scripted) exchange(process int, now float64, m message) (view, error) {
	k.now.Store(int64(now))
	return k.processes[process].exchange(context.Background(), "acme", m)
}

// openRedis waits for the server as long as it takes: what is late on a busy machine is no failure here.
func openRedis(t testing.TB, url string) *cache.Redis {
	t.Helper()
	r, err := cache.OpenRedis(url, cache.RedisTimeout(10*time.Second), cache.RedisPause(3, 100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func newScripted(t testing.TB, processes int) *scripted {
	t.Helper()
	url, _ := redistest.Start(t)
	r := openRedis(t, url)
	k := &scripted{}
	for p := range processes {
		k.processes = append(k.processes, shared{redis: r, process: string(rune('a' + p)), now: func() float64 { return float64(k.now.Load()) }})
	}
	return k
}

// steady takes up to 5 calls a second, 2.5 on average, at another pace each ten seconds.
func steady(rng *rand.Rand, _ int) float64 { return rng.Float64() * 5 }

// slight is a fifth of it.
func slight(rng *rand.Rand, _ int) float64 { return rng.Float64() }

// enterprise is the account of the project's own figures: 700 calls a minute, 20 % reserve, 4 processes.
func enterprise() scene {
	return scene{
		quota: Quota{PerMinute: 700, ReservePercent: 20}, account: counter{limit: 700, phase: 17_300},
		processes: 4, slots: 8, live: 1, urgent: 0.3, latency: 30, spread: 40, minutes: 12, seed: 7,
	}
}

type bounds struct {
	used  float64 // of what is ours, at least
	below int     // calls that left less than the reserve, at most
}

func check(t *testing.T, s scene, r result, b bounds) {
	t.Helper()
	t.Log(r)
	if r.used() < b.used {
		t.Errorf("used %.2f %% of what is ours, want at least %.0f %%", 100*r.used(), 100*b.used)
	}
	if r.refused*1000 > r.ours {
		t.Errorf("%d of %d answers were 429, want at most 0.1 %%", r.refused, r.ours)
	}
	if r.below > b.below {
		t.Errorf("%d calls left less than the reserve, the lowest %d, want at most %d such calls", r.below, r.lowest, b.below)
	}
}

// The figures that are promised for four processes with Redis: the script itself, in a real server.
func TestQuotaWithRedis(t *testing.T) {
	for name, others := range map[string]func(*rand.Rand, int) float64{"alone on the account": nil, "others too": steady} {
		t.Run(name, func(t *testing.T) {
			s := enterprise()
			s.others = others
			r := play(t, s, newScripted(t, s.processes))
			check(t, s, r, bounds{used: 0.97})
			if p99 := r.percentile(Urgent, 0.99); p99 > 1000 {
				t.Errorf("urgent calls waited %.0f ms for leave at p99, want at most a second", p99)
			}
		})
	}
}

// The same for four processes that know of each other only how many they are.
func TestQuotaWithoutRedis(t *testing.T) {
	for name, others := range map[string]func(*rand.Rand, int) float64{"alone on the account": nil, "others too": steady} {
		t.Run(name, func(t *testing.T) {
			s := enterprise()
			s.others = others
			check(t, s, play(t, s, &alone{make([]tally, s.processes)}), bounds{used: 0.85})
		})
	}
}

// Whatever way the account counts and tells. Where calls may go below the reserve, the others took more at once than the
// margin while a call of ours was under way, or had been slow and suddenly were not: nobody can know that beforehand.
//
// The tally is the one in Go, which is the script's equal.
func TestQuotaOfAnyAccount(t *testing.T) {
	cases := []struct {
		name           string
		change         func(*scene)
		redis, without bounds
	}{
		{"reset rounded down", func(s *scene) { s.account.floor = true }, bounds{used: 0.97}, bounds{used: 0.85}},
		{"another phase", func(s *scene) { s.account.phase = 58_999 }, bounds{used: 0.97}, bounds{used: 0.85}},
		{"no reset", func(s *scene) { s.account.noReset = true }, bounds{used: 0.96}, bounds{used: 0.85}},
		{"windows that slide", func(s *scene) { s.account.sliding = true }, bounds{used: 0.6}, bounds{used: 0.6}},
		{"slow answers", func(s *scene) { s.latency, s.spread = 1500, 1500 }, bounds{used: 0.93}, bounds{used: 0.85}},
		{"many slots", func(s *scene) { s.slots = 64 }, bounds{used: 0.97}, bounds{used: 0.85}},
		{"one process", func(s *scene) { s.processes, s.slots = 1, 32 }, bounds{used: 0.97}, bounds{used: 0.97}},
		{"the headers say less than the configuration", func(s *scene) { s.quota.PerMinute = 2500 }, bounds{used: 0.97}, bounds{used: 0.85}},
		{"the headers say more", func(s *scene) { s.quota.PerMinute = 200 }, bounds{used: 0.97}, bounds{used: 0.85}},
		{"a small account", func(s *scene) { s.quota.PerMinute, s.account.limit, s.others = 200, 200, slight }, bounds{used: 0.94}, bounds{used: 0.7}},
		{"no reserve", func(s *scene) { s.quota.ReservePercent = 0 }, bounds{used: 0.97}, bounds{used: 0.85}},
		{"the others come in bursts of five", func(s *scene) { s.burst = 5 }, bounds{used: 0.96, below: 4}, bounds{used: 0.85, below: 4}},
		{"a process is killed", func(s *scene) { s.dies = 200_000 }, bounds{used: 0.96}, bounds{used: 0.85}},
		{"nothing but live work, too much of it", func(s *scene) { s.slots, s.live = 0, 20 }, bounds{used: 0.96, below: 2}, bounds{used: 0.85, below: 2}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(4) {
				s := enterprise()
				s.others, s.seed = steady, seed
				c.change(&s)
				t.Run("together", func(t *testing.T) { check(t, s, play(t, s, &together{}), c.redis) })
				t.Run("apart", func(t *testing.T) { check(t, s, play(t, s, &alone{make([]tally, s.processes)}), c.without) })
			}
		})
	}
}

// An account that never speaks of limits gets what the configuration allows.
func TestQuotaOfASilentAccount(t *testing.T) {
	s := enterprise()
	s.account.silent = true
	check(t, s, play(t, s, &together{}), bounds{used: 0.88})
	check(t, s, play(t, s, &alone{make([]tally, s.processes)}), bounds{used: 0.85})
}

// Live work below the quota does not feel that there is one.
func TestLiveWorkDoesNotWait(t *testing.T) {
	for name, k := range map[string]keeper{"together": &together{}, "apart": &alone{make([]tally, 4)}} {
		t.Run(name, func(t *testing.T) {
			s := enterprise()
			s.slots, s.live, s.others = 0, 4, steady
			r := play(t, s, k)
			t.Log(r)
			if p99 := r.percentile(Live, 0.99); p99 > 100 {
				t.Errorf("live calls waited %.0f ms at p99, want hardly anything", p99)
			}
		})
	}
}
