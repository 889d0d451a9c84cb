package limit

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// account is one account's budget in this process: who waits, what is under way, and the process's own tally.
type account struct {
	name    string
	budgets *Budgets

	mu        sync.Mutex
	waiting   [ranks][]*waiter // in the order in which they came
	underWay  int              // calls that got leave and have no answer
	endpoints endpoints
	timer     *time.Timer // asks again for those who wait

	// local is the tally of this process. With Redis it is a copy of the shared one, for when that cannot be asked.
	local tally

	// What Redis has not been told yet.
	exchanging bool // a goroutine is at it; no other may
	news       bool // there is a reason to ask Redis
	words      []unheard
	heard      uint64 // words, so far
	unused     int
	block      float64 // until
	alone      bool    // Redis did not answer last time
	known      float64 // calls under way, as Redis knows it
}

// waiter is one who asked for leave and has no answer.
type waiter struct {
	rank     Rank
	endpoint string
	until    float64      // its patience
	verdict  chan verdict // takes one
	limits   []*endpointLimit
	done     bool // out of the queue
}

type verdict struct {
	call *call         // nil: no leave
	wait time.Duration // then
}

// call is a call that got leave.
type call struct {
	once     sync.Once
	endpoint string
	limits   []*endpointLimit
	granted  float64 // on this process's clock
	shared   float64 // on Redis's; 0: Redis did not give the leave
	bound    float64
}

// unheard is an answer's word for Redis.
type unheard struct {
	word
	granted float64 // on this process's clock
	at      float64 // when the answer came, on this process's clock
	local   bool    // the process's own tally has it
	number  uint64
}

func (a *account) take(ctx context.Context, rank Rank, endpoint string, patience time.Duration) (func(int, http.Header), time.Duration, bool) {
	if ctx.Err() != nil {
		return nil, 0, false
	}
	w := &waiter{rank: rank, endpoint: endpoint, verdict: make(chan verdict, 1)}
	a.mu.Lock()
	w.until = a.budgets.ms() + float64(max(patience, 0).Milliseconds())
	a.waiting[rank] = append(a.waiting[rank], w)
	a.ask() //nolint:contextcheck // it asks for all who wait, and must not end with one of them
	a.mu.Unlock()

	var v verdict
	select {
	case v = <-w.verdict:
	default:
		select {
		case v = <-w.verdict:
		case <-ctx.Done():
			if a.leave(w) {
				return nil, 0, false
			}
			v = <-w.verdict // given at the same moment
		}
	}
	if v.call == nil {
		return nil, v.wait, false
	}
	return func(status int, header http.Header) { //nolint:contextcheck // the call may outlive the wait for leave
		v.call.once.Do(func() { a.answered(v.call, status, header) })
	}, 0, true
}

// leave takes one who waits out of the queue. false: it has its verdict.
func (a *account) leave(w *waiter) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.remove(w)
}

// remove is to be called with mu held, as is all that follows without a word on it.
func (a *account) remove(w *waiter) bool {
	i := slices.Index(a.waiting[w.rank], w)
	if i < 0 {
		return false
	}
	a.waiting[w.rank] = slices.Delete(a.waiting[w.rank], i, i+1)
	w.done = true
	return true
}

// ask gets leave for those who wait, now or, through Redis, soon.
func (a *account) ask() {
	if a.budgets.redis == nil {
		a.askHere(a.candidates())
		return
	}
	a.news = true
	if !a.exchanging {
		a.exchanging = true
		go a.exchange()
	}
}

// candidates are those who wait and may go as far as their endpoints' limits are concerned.
type candidates struct {
	by   [ranks][]*waiter
	wait map[*waiter]float64 // of those whom an endpoint's limit holds back
}

const maxCandidates = 256 // of a rank at a time

func (a *account) candidates() candidates {
	var c candidates
	now, workers := a.budgets.ms(), a.workers()
	for r := Urgent; r >= Backlog; r-- {
		for _, w := range a.waiting[r] {
			if len(c.by[r]) == maxCandidates {
				break
			}
			wait, ok := a.endpoints.room(w.endpoint, now, workers)
			if !ok {
				if c.wait == nil {
					c.wait = map[*waiter]float64{}
				}
				c.wait[w] = wait
				continue
			}
			w.limits = a.endpoints.start(w.endpoint)
			c.by[r] = append(c.by[r], w)
		}
	}
	return c
}

func (c candidates) want() (want [ranks]float64) {
	for r, all := range c.by {
		want[r] = float64(len(all))
	}
	return want
}

// askHere asks the process's own tally.
func (a *account) askHere(c candidates) {
	now := a.budgets.ms()
	a.settle(c, 0, a.local.grant(now, ask{
		quota: a.budgets.quotaOf(a.name), workers: a.workers(), underWay: float64(a.underWay), want: c.want(),
	}))
}

func (a *account) workers() float64 { return float64(max(1, a.budgets.workers())) }

// settle hands out what was given, turns those away for whom nothing comes in time, and sees to it that the others are
// asked for again. shared is Redis's time, or 0.
func (a *account) settle(c candidates, shared float64, l leave) {
	now := a.budgets.ms()
	next, n := -1.0, 0.0
	later := func(w *waiter, first, wait float64) {
		if now+first > w.until {
			a.remove(w)
			w.verdict <- verdict{wait: time.Duration(first * float64(time.Millisecond))}
			return
		}
		wait = max(min(wait, w.until-now), first)
		if next < 0 || wait < next {
			next = wait
		}
	}
	for r := Urgent; r >= Backlog; r-- {
		given := int(l.given[r])
		for _, w := range c.by[r] {
			switch {
			case w.done: // gave up meanwhile
				a.endpoints.end(w.limits)
			case given > 0:
				given--
				n++
				a.remove(w)
				a.underWay++
				k := &call{endpoint: w.endpoint, limits: w.limits, granted: now, shared: shared, bound: unsaid}
				if l.bound != unsaid {
					k.bound = l.bound - n
				}
				w.verdict <- verdict{call: k}
			default:
				a.endpoints.end(w.limits)
				later(w, l.first[r], l.wait[r])
			}
		}
		a.giveBack(given, shared)
	}
	for w, wait := range c.wait {
		if !w.done {
			later(w, wait, wait)
		}
	}
	if next < 0 && a.anyoneWaits() {
		next = 1 // they were too many for one time
	}
	a.again(next)
}

// giveBack returns leaves that nobody uses.
func (a *account) giveBack(n int, shared float64) {
	if shared != 0 {
		a.unused += n
	}
	a.local.used = max(0, a.local.used-float64(n))
}

func (a *account) anyoneWaits() bool {
	return len(a.waiting[Backlog])+len(a.waiting[Live])+len(a.waiting[Urgent]) > 0
}

// again sets the timer: ask after so many milliseconds; negative: nobody waits.
func (a *account) again(wait float64) {
	if wait < 0 {
		if a.timer != nil {
			a.timer.Stop()
		}
		return
	}
	d := time.Duration(max(wait, 1) * float64(time.Millisecond))
	if a.timer == nil {
		a.timer = time.AfterFunc(d, func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.ask()
		})
		return
	}
	a.timer.Reset(d)
}
