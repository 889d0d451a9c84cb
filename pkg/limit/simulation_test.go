package limit

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// counter counts calls as an account does, on a clock of milliseconds.
type counter struct {
	limit   int
	phase   float64 // of the windows
	sliding bool
	floor   bool // reset is rounded down
	noReset bool
	silent  bool // no headers at all

	window float64
	used   int
	times  []float64 // of calls of the last minute, for the sliding one
}

// count counts a call at that time and says what the headers would.
func (c *counter) count(now float64) (left int, reset float64, ok bool) {
	end := now - math.Mod(now-c.phase, minute) + minute
	if c.sliding {
		c.times = slices.DeleteFunc(c.times, func(at float64) bool { return at <= now-minute })
		c.used = len(c.times)
		if c.used > 0 {
			end = c.times[0] + minute
		}
	} else if end != c.window {
		c.window, c.used = end, 0
	}
	reset = max(1, math.Ceil((end-now)/1000))
	if c.floor {
		reset = math.Floor((end - now) / 1000)
	}
	if ok = c.used < c.limit; ok {
		c.used++
		c.times = append(c.times, now)
	}
	return c.limit - c.used, reset * 1000, ok
}

// keeper is what processes ask for leave: one for all of them, or one for each.
type keeper interface {
	exchange(process int, now float64, m message) (view, error)
}

// alone: each process has its own tally.
type alone struct{ tallies []tally }

func (a *alone) exchange(process int, now float64, m message) (view, error) {
	t := &a.tallies[process]
	t.turn(now)
	if m.block > 0 {
		t.block(now, float64(m.block.Milliseconds()))
	}
	for _, w := range m.words {
		t.hear(now, w)
	}
	m.workers = float64(len(a.tallies))
	return view{leave: t.grant(now, m.ask)}, nil
}

// together: one tally, as the script keeps it.
type together struct {
	tally    tally
	underWay map[int]float64
	seen     map[int]float64 // when each process asked last
}

func (k *together) exchange(process int, now float64, m message) (view, error) {
	t := &k.tally
	t.turn(now)
	t.used = max(0, t.used-float64(m.unused))
	if m.block > 0 {
		t.block(now, float64(m.block.Milliseconds()))
	}
	for _, w := range m.words {
		t.hear(now, w)
	}
	if k.underWay == nil {
		k.underWay, k.seen = map[int]float64{}, map[int]float64{}
	}
	k.underWay[process], k.seen[process] = m.underWay, now
	m.workers, m.underWay = 1, 0
	for p := range k.underWay {
		if now-k.seen[p] > 45_000 {
			delete(k.underWay, p) // killed
		}
		m.underWay += k.underWay[p]
	}
	l := t.grant(now, m.ask)
	k.underWay[process] += l.given[0] + l.given[1] + l.given[2]
	return view{leave: l, now: now}, nil
}

// scene is what a simulation plays.
type scene struct {
	quota           Quota
	account         counter
	processes       int
	slots           int                                      // calls of backlog that each process may have under way: it always wants more
	live, urgent    float64                                  // calls a second, over all processes
	others          func(rng *rand.Rand, minute int) float64 // calls a second
	burst           int                                      // the others' calls come so many at once
	latency, spread float64                                  // of an answer, half of it on the way there
	minutes         int
	seed            uint64
	dies            float64 // when the first process is killed, in milliseconds from the first window on; 0: never
}

// result is what came of a scene, over its windows but the first.
type result struct {
	ours, others, refused int
	mine                  float64 // what was ours
	lowest                int     // left after a call of ours
	below                 int     // calls of ours that left less than the reserve
	waited                [ranks][]float64
	exchanges             int
}

func (r result) used() float64 { return float64(r.ours) / r.mine }

func (r result) percentile(rank Rank, p float64) float64 {
	all := slices.Sorted(slices.Values(r.waited[rank]))
	if len(all) == 0 {
		return 0
	}
	return all[min(len(all)-1, int(p*float64(len(all))))]
}

func (r result) String() string {
	return fmt.Sprintf("used %.2f %% of ours (%d calls, others %d), 429 %.3f %%, lowest left %d (%d below), live p99 %.0f ms, urgent p99 %.0f ms, %d exchanges",
		100*r.used(), r.ours, r.others, 100*float64(r.refused)/float64(max(r.ours, 1)), r.lowest, r.below,
		r.percentile(Live, 0.99), r.percentile(Urgent, 0.99), r.exchanges)
}

type event struct {
	at float64
	do func()
}

type events []event

func (e *events) Len() int           { return len(*e) }
func (e *events) Less(i, j int) bool { return (*e)[i].at < (*e)[j].at }
func (e *events) Swap(i, j int)      { (*e)[i], (*e)[j] = (*e)[j], (*e)[i] }
func (e *events) Push(x any)         { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

type process struct {
	waiting  [ranks][]float64 // since when
	underWay int
	words    []word
	block    float64
	next     float64 // when it asks again
}

// play runs a scene on a clock of its own.
func play(t testing.TB, s scene, k keeper) result {
	rng := rand.New(rand.NewPCG(s.seed, 1))
	now := 1_763_984_000_000.0 + float64(s.seed%60)*1000
	begin := now - math.Mod(now-s.account.phase, minute) + minute // of the windows that count
	stop := begin + float64(s.minutes)*minute
	reserve := int(s.quota.reserve(float64(s.account.limit)))
	r := result{lowest: s.account.limit}
	counts := func() bool { return now >= begin && now < stop }
	var queue events
	at := func(d float64, do func()) { heap.Push(&queue, event{now + d, do}) }

	processes := make([]*process, s.processes)
	var ask func(p int)
	call := func(p int, bound float64) {
		granted := now
		processes[p].underWay++
		half := func() float64 { return math.Round((s.latency + rng.ExpFloat64()*s.spread) / 2) }
		at(half(), func() {
			left, reset, ok := s.account.count(now)
			if counts() {
				r.ours++
				r.lowest = min(r.lowest, left)
				if left < reserve {
					r.below++
				}
				if !ok {
					r.refused++
				}
			}
			at(half(), func() {
				q := processes[p]
				q.underWay--
				w := word{granted: granted, limit: float64(s.account.limit), left: float64(left), reset: reset, bound: bound}
				if s.account.noReset {
					w.reset = unsaid
				}
				if s.account.silent {
					w.limit, w.left = unsaid, unsaid
				}
				q.words = append(q.words, w)
				if !ok {
					q.block = max(q.block, reset)
				}
				ask(p)
			})
		})
	}
	dead := func(p int) bool { return p == 0 && s.dies > 0 && now >= begin+s.dies }
	ask = func(p int) {
		q := processes[p]
		if dead(p) {
			return
		}
		for len(q.waiting[Backlog]) < s.slots-q.underWay {
			q.waiting[Backlog] = append(q.waiting[Backlog], now)
		}
		m := message{ask: q.ask(s.quota), words: q.words}
		m.block = durationOf(q.block)
		q.words, q.block = nil, 0
		v, err := k.exchange(p, now, m)
		if err != nil {
			t.Fatal(err)
		}
		r.exchanges++
		next, n := -1.0, 0.0
		for rank := Urgent; rank >= Backlog; rank-- {
			for range int(v.given[rank]) {
				if counts() {
					r.waited[rank] = append(r.waited[rank], now-q.waiting[rank][0])
				}
				q.waiting[rank] = q.waiting[rank][1:]
				n++
				bound := v.bound
				if bound != unsaid {
					bound -= n
				}
				call(p, bound)
			}
			if len(q.waiting[rank]) > 0 && (next < 0 || v.wait[rank] < next) {
				next = v.wait[rank]
			}
		}
		if next >= 0 {
			next = math.Ceil(max(next, 1))
			q.next = now + next
			at(next, func() {
				if q.next == now {
					ask(p)
				}
			})
		}
	}
	for p := range processes {
		processes[p] = &process{}
		at(rng.Float64()*1000, func() { ask(p) })
	}
	arrive := func(rank Rank, perSecond float64) {
		if perSecond <= 0 {
			return
		}
		var next func()
		next = func() {
			p := rng.IntN(s.processes)
			processes[p].waiting[rank] = append(processes[p].waiting[rank], now)
			ask(p)
			at(rng.ExpFloat64()*1000/perSecond, next)
		}
		at(rng.ExpFloat64()*1000/perSecond, next)
	}
	arrive(Live, s.live)
	arrive(Urgent, s.urgent)
	if s.others != nil {
		var next func()
		rate, until := 0.0, 0.0
		next = func() {
			if now >= until {
				rate, until = s.others(rng, int((now-begin)/minute)), now+10_000
			}
			if rate <= 0 {
				at(1000, next)
				return
			}
			burst := max(1, s.burst)
			for range burst {
				if _, _, ok := s.account.count(now); ok && counts() {
					r.others++
				}
			}
			at(rng.ExpFloat64()*1000*float64(burst)/rate, next)
		}
		at(0, next)
	}
	for len(queue) > 0 {
		e := heap.Pop(&queue).(event)
		if e.at >= stop {
			break
		}
		now = math.Ceil(e.at)
		e.do()
	}
	r.mine = float64(s.minutes*(s.account.limit-reserve) - r.others)
	return r
}

func (p *process) ask(q Quota) ask {
	a := ask{quota: q, underWay: float64(p.underWay)}
	for rank, all := range p.waiting {
		a.want[rank] = float64(len(all))
	}
	return a
}

func durationOf(ms float64) time.Duration { return time.Duration(ms) * time.Millisecond }
