package limit

import (
	"math"
	"math/rand/v2"
	"slices"
)

// endpoints keeps the limits that some endpoints have of their own, as this process hears of them: most count for the
// user and the address that call, so that other processes show in what is left, or do not matter.
//
// Which limits a class of endpoints has is learned from the answers to it. The reserve is of the account alone.
type endpoints struct {
	limits  map[string]*endpointLimit
	classes map[string][]*endpointLimit // by the name under which calls are made
}

const (
	maxLimits  = 64
	maxClasses = 256
	jobsPause  = 5_000 // without a word on when it ends
)

type endpointLimit struct {
	total, left float64 // total may be unsaid
	at, hi      float64 // when left was heard; the window ends by hi
	window      float64 // how long the window is, as far as was heard
	underWay    float64
	turn        float64 // no call before, where there are fewer than processes; see few
}

// room tells whether a class may have one more call under way, and else after how many milliseconds to ask again.
func (e *endpoints) room(class string, now, workers float64) (wait float64, ok bool) {
	for _, l := range e.classes[class] {
		if now >= l.hi {
			l.left, l.at = l.total, now
			l.hi = math.Inf(1)
			l.takeTurn(now, workers)
		}
		if l.left == unsaid || l.underWay < l.share(workers) {
			continue
		}
		switch few := l.few(workers) && l.left >= 1; {
		case l.underWay > 0:
			wait = max(wait, soon)
		case few && now >= l.turn: // this process has its turn
		case few:
			wait = max(wait, min(l.turn-now, minute))
		default:
			wait = max(wait, min(l.hi-now, minute)+1)
		}
	}
	return wait, wait == 0
}

// few tells whether the limit is too small for each process to have a part of it at the same time. They take turns then,
// which none knows of the others: each has one call in so long a time that all together use half of the limit.
func (l *endpointLimit) few(workers float64) bool { return l.total >= 1 && l.total < 2*workers }

// takeTurn puts the next call off to somewhere in the time that each process has one call in.
func (l *endpointLimit) takeTurn(now, workers float64) {
	if l.few(workers) {
		l.turn = now + max(minute, l.window)*2*workers/l.total*(0.5+rand.Float64()) //nolint:gosec // jitter needs no secrecy
	}
}

// share is what may be under way; see [tally.apart].
func (l *endpointLimit) share(workers float64) float64 {
	if workers <= 1 {
		return l.left
	}
	part := math.Floor(l.left / (3 * workers))
	if part < 1 && l.left >= 2*workers {
		part = 1
	}
	return part
}

// start and end count a call while it is under way. The limits that start gives are for end: a class may have more by then.
func (e *endpoints) start(class string) []*endpointLimit {
	counted := e.classes[class]
	for _, l := range counted {
		l.underWay++
	}
	return counted
}

func (e *endpoints) end(counted []*endpointLimit) {
	for _, l := range counted {
		l.underWay--
	}
}

// hear takes in what an answer to a call of the class says. granted is when that call got leave.
func (e *endpoints) hear(class string, now, granted, workers float64, said []endpointSaying) {
	for _, s := range said {
		l := e.of(class, s.name)
		if l == nil {
			continue
		}
		hi := now + minute
		switch {
		case s.reset >= 0:
			ahead := float64(s.reset.Milliseconds())
			hi, l.window = now+ahead+slack, max(l.window, ahead)
		case s.left == 0:
			hi = now + jobsPause
		}
		left := float64(s.left)
		const otherWindow = 5_000
		switch {
		case granted > l.at || now >= l.hi || hi > l.hi+otherWindow && !math.IsInf(l.hi, 1):
			l.left, l.at, l.hi = left, now, hi
		case hi < l.hi-otherWindow && !math.IsInf(l.hi, 1):
			continue // late, of a window that is over
		default:
			l.left, l.hi = min(l.left, left), min(l.hi, hi)
		}
		first := l.total == unsaid
		l.total = float64(s.total)
		l.takeTurn(now, workers)
		if first {
			l.turn = max(l.turn, l.hi) // each process may just have made a call in this window, as this one has
		}
	}
}

// of gives the limit of that name, and notes that the class has it. nil: there are more than any account has.
func (e *endpoints) of(class, name string) *endpointLimit {
	if e.limits == nil {
		e.limits, e.classes = map[string]*endpointLimit{}, map[string][]*endpointLimit{}
	}
	l := e.limits[name]
	if l == nil {
		if len(e.limits) >= maxLimits {
			return nil
		}
		l = &endpointLimit{total: unsaid, left: unsaid, at: -1}
		e.limits[name] = l
	}
	known := e.classes[class]
	if !slices.Contains(known, l) && (len(known) > 0 || len(e.classes) < maxClasses) {
		e.classes[class] = append(slices.Clone(known), l) // calls under way keep the list that they were counted by
	}
	return l
}
