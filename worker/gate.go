package worker

import (
	"cmp"
	"math/rand/v2"
	"sync"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// gates remember which accounts and connections are in trouble, so that the others' work does not wait for their
// time-outs. A gate that was shut for trouble lets one event through when its time is over; what becomes of that one
// decides. One that is only limited opens when its time is over. What this process finds out the others are told.
type gates struct {
	process string // of this start of the process
	now     func() time.Time
	tell    func(queue.GateNews) // must not block

	mu  sync.Mutex
	all map[string]*gate // guarded by mu
	met map[string]bool  // guarded by mu; what something got through to since the process began

	turns map[string]turn // guarded by mu; of open accounts that hold something
}

// turn is a call for which what an open account holds waits.
type turn struct {
	until time.Time
	last  *ticket.Failure
}

type gate struct {
	state   queue.LaneState // down or limited
	since   time.Time
	until   time.Time
	probing bool // one event was let through and decides
	logged  bool // that it is limited
	last    *ticket.Failure
	told    time.Time // until when it is shut as the others were told
	named   time.Time // until then the other side takes no call, as it said itself: nothing opens the gate before
	answers time.Time // when it was asked last whether it answers, and did
}

const (
	firstShut = 2 * time.Second
	soonShut  = 5 * time.Second
	longShut  = 15 * time.Minute
	outlast   = 8                // by this part of the time that trouble lasted it may be found out later that it is over
	probeTime = 30 * time.Second // for the one event that is let through
	knockTime = 5 * time.Second  // for an answer of an account in trouble, at least

	shortLimit = time.Second      // when an account does not say how long it is limited
	limitGap   = 10 * time.Second // an account that is limited again so soon was so all the time
	limitNews  = 5 * time.Second  // an account that is limited for so long is worth a line in the log
	limitTold  = 2 * time.Second  // and for so long, a message to the other processes
	staleGate  = time.Minute      // of one that nobody tried since its time was over nothing is known

	laterMost = 2 * time.Second // and half of the wait: accounts that fell ill in one moment are not all tried in one
)

func newGates(process string, now func() time.Time, tell func(queue.GateNews)) *gates {
	return &gates{process: process, now: now, tell: tell, all: map[string]*gate{}, met: map[string]bool{}, turns: map[string]turn{}}
}

// shut tells whether an event must wait for one of the gates, and until when.
func (g *gates) shut(names ...string) (*ticket.Failure, time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	for _, name := range names {
		if gate := g.all[name]; gate != nil && now.Before(gate.until) {
			return gate.last, gate.until, true
		}
	}
	for _, name := range names {
		g.all[name].letOne(now)
	}
	return nil, time.Time{}, false
}

// probe lets one event through a gate whose time may not be over: an alarm rings a moment early.
func (g *gates) probe(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all[name].letOne(g.now())
}

// down tells whether the gate is shut for trouble, until something got through it. at may be nil, which is open.
func (at *gate) down() bool { return at != nil && at.state == queue.LaneDown }

// letOne notes that an event is let through, and decides. at may be nil.
func (at *gate) letOne(now time.Time) {
	if at.down() {
		at.age(now)
		at.until, at.probing = now.Add(probeTime), true
	}
}

// age lets trouble begin anew when nobody tried for long since the gate's time was over: it may have ended unseen.
func (at *gate) age(now time.Time) {
	if now.Sub(at.until) > staleGate {
		at.since = now
	}
}

// seen gives what is known of a gate. Of one that is open that is the zero gate, or times that are over.
func (g *gates) seen(name string) gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.all[name]; at != nil {
		return *at
	}
	return gate{}
}

// closed tells whether nothing is known to get through a gate. Nothing is let through to find out.
func (g *gates) closed(name string) bool {
	at := g.seen(name)
	return at.down() || g.now().Before(at.until)
}

// named tells until when an account takes no call as it said itself; the zero time for one that did not, or for a moment
// only. Its alarm may ring before, when an event that came live was refused meanwhile: a call would wait for that time, and
// a lane with it.
func (g *gates) named(name string) time.Time { return g.seen(name).named }

// patience tells how long an account in trouble is waited for when it is asked whether it answers; 0 for one that is in none.
// It grows with the trouble: one that has become slow is not to count as down for ever. One that has just answered is not
// asked again, nor one that has not for so long that the question itself may be what fails.
func (g *gates) patience(name string) time.Duration {
	at, now := g.seen(name), g.now()
	lasted := now.Sub(at.since)
	if !at.down() || lasted > longShut || now.Sub(at.answers) < soonShut {
		return 0
	}
	return max(knockTime, lasted/outlast)
}

// answered notes that an account in trouble answers.
func (g *gates) answered(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.all[name]; at != nil {
		at.answers = g.now()
	}
}

// inTrouble tells whether an account failed, or refused a call, when it was tried last.
func (g *gates) inTrouble(name string) bool {
	at := g.seen(name)
	return at.down() || !at.named.IsZero()
}

// until tells when a gate opens that is shut; the zero time for one that was not.
func (g *gates) until(name string) time.Time { return g.seen(name).until }

// down tells whether a gate is shut for trouble, until something got through it.
func (g *gates) down(name string) bool {
	at := g.seen(name)
	return at.down()
}

// fail shuts the gate that the failure names. It gives until when, and whether that is news for people. What was in work
// when it was shut fails too, and that is no news: were each to double the wait, one bad second would shut it for
// minutes.
func (g *gates) fail(f *ticket.Failure) (until time.Time, news bool) {
	until, news, tell := g.note(f)
	if tell != nil {
		g.tell(*tell)
	}
	return until, news
}

func (g *gates) note(f *ticket.Failure) (until time.Time, news bool, tell *queue.GateNews) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	at := g.all[f.Gate]
	if at == nil {
		at = &gate{}
		g.all[f.Gate] = at
	}
	before := at.state
	if before == queue.LaneDown && waitsItsTurn(f) { // nothing was sent: the trouble is as it was
		at.postpone(now, f.After)
		return at.until, false, g.newsOf(f.Gate, at, now)
	}
	at.last = f
	if f.Limited {
		news = at.limit(now, f.After, !waitsItsTurn(f))
	} else {
		at.fail(now, f.After)
		news = before != queue.LaneDown
	}
	return at.until, news, g.newsOf(f.Gate, at, now)
}

// begin puts the gate into another state. What the other side has named holds all the same.
func (at *gate) begin(state queue.LaneState, now time.Time) {
	*at = gate{state: state, since: now, last: at.last, named: at.named}
}

// limit shuts the gate of an account that is well and has no call left, as we count or, refused, as it said. It tells
// whether that is news.
func (at *gate) limit(now time.Time, wait time.Duration, refused bool) (news bool) {
	if at.state != queue.LaneLimited || now.Sub(at.until) > limitGap {
		at.begin(queue.LaneLimited, now)
	}
	if wait == 0 {
		wait = shortLimit
	}
	if refused && !now.Before(at.until) {
		wait = later(wait)
	}
	if refused && wait >= limitTold {
		at.named = latest(at.named, now.Add(wait))
	}
	at.until = latest(at.until, now.Add(wait), at.named)
	news = !at.logged && at.until.Sub(at.since) >= limitNews
	at.logged = at.logged || news
	return news
}

// postpone waits for a call with which to see whether an account is still in trouble.
func (at *gate) postpone(now time.Time, wait time.Duration) {
	until := latest(now.Add(cmp.Or(wait, shortLimit)), at.named)
	if at.probing || until.After(at.until) {
		at.until = until
	}
	at.probing = false
}

// fail shuts the gate of an account in trouble. What failed together shuts it once.
func (at *gate) fail(now time.Time, after time.Duration) {
	if at.state != queue.LaneDown {
		at.begin(queue.LaneDown, now)
	}
	if after > 0 {
		at.named = latest(at.named, now.Add(after))
	}
	if now.Before(at.until) && !at.probing {
		at.until = latest(at.until, at.named)
		return
	}
	at.age(now)
	at.probing, at.answers = false, time.Time{}
	wait := later(after)
	if after == 0 {
		wait = untilProbe(now.Sub(at.since))
		wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter needs no secrecy
	}
	at.until = latest(now.Add(wait), at.named)
}

func latest(first time.Time, others ...time.Time) time.Time {
	for _, t := range others {
		if t.After(first) {
			first = t
		}
	}
	return first
}

// later gives a little more than the wait that an account asks for.
func later(wait time.Duration) time.Duration {
	return wait + rand.N(min(wait/2, laterMost)+1) //nolint:gosec // jitter needs no secrecy
}

// untilProbe gives how long to leave an account alone that has been in trouble for so long: about as long again at
// first, and later on a part of it, so that what waits does not wait much longer than the trouble lasts.
func untilProbe(down time.Duration) time.Duration {
	return min(max(firstShut, min(down, soonShut), down/outlast), longShut)
}

// newsOf gives what the others are to be told of a gate that is shut, if anything.
func (g *gates) newsOf(name string, at *gate, now time.Time) *queue.GateNews {
	wait := at.until.Sub(now)
	if at.last.Here || at.until.Sub(at.told) < time.Second || at.state == queue.LaneLimited && wait < limitTold {
		return nil
	}
	at.told = at.until
	return &queue.GateNews{
		Process: g.process, Gate: name, State: at.state, Wait: wait, Lasted: now.Sub(at.since), Named: max(0, at.named.Sub(now)),
		Reason: at.last.Reason, Failure: at.last.Detail.Message, Status: at.last.Detail.Status, Hint: at.last.Hint,
	}
}

// pass opens the gates after a success. It gives those that were shut for trouble, and those that were limited for so
// long that a person was told. A limited one keeps its time, and so does one whose other side has named it: what succeeds
// meanwhile was sent before.
func (g *gates) pass(names ...string) (opened, eased []string) {
	g.mu.Lock()
	now := g.now()
	for _, name := range names {
		at := g.all[name]
		switch {
		case at == nil, now.Before(at.named):
		case at.state == queue.LaneDown:
			delete(g.all, name)
			opened = append(opened, name)
		case now.Sub(at.until) > limitGap:
			delete(g.all, name)
			if at.logged {
				eased = append(eased, name)
			}
		}
	}
	g.mu.Unlock()
	for _, name := range opened {
		g.tell(queue.GateNews{Process: g.process, Gate: name, State: queue.LaneOpen})
	}
	return opened, eased
}
