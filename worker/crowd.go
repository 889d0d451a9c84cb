package worker

import (
	"context"
	"sync"
	"time"
)

// crowd bounds how many deliveries each account has in work at once. The bound is learned: it grows
// while all of it is used and answers come as fast as they ever did, and shrinks when they slow down. One that
// does not answer at all gets nothing new until it does, so that its work never piles up.
//
// A library for adaptive limits keeps samples of latencies, some kilobytes for each of thousands of accounts; a few
// numbers do here.
type crowd struct {
	mu      sync.Mutex
	now     func() time.Time
	atFirst float64
	all     map[partyName]*party // guarded by mu
}

// partyName tells parties apart. The backlog of an account is one of its own: its calls wait for leave, and nobody is to
// wait for that.
type partyName struct {
	account string
	backlog bool
}

// party is the work of one account.
type party struct {
	limit   float64
	started map[*attendance]time.Time // what is in work
	typical time.Duration             // how long a delivery takes when all is well; 0: not known
	ended   time.Time                 // when one ended well last
	shrunk  time.Time                 // when the bound was lowered last
	left    chan struct{}             // closed when a delivery ends; nil: nobody waits for that
}

const (
	mostAtOnce = 128.0           // deliveries of one account at once, in one process
	hanging    = 5 * time.Second // without an end of a delivery that began so long ago, no other one begins
	slowFactor = 4               // so many times the typical time is slow
	slowLeast  = 2 * time.Second // and this is never slow
	lateLeast  = 100 * time.Millisecond
	forgetting = 32          // a typical time that got longer is believed after about so many deliveries
	shrinkRest = time.Second // after the bound was lowered: what is under way tells nothing new
)

func newCrowd(now func() time.Time, atFirst int) *crowd {
	return &crowd{now: now, atFirst: float64(atFirst), all: map[partyName]*party{}}
}

// attendance is the place of one delivery.
type attendance struct {
	crowd *crowd
	party *party
	start time.Time
}

// room tells whether there is a place.
type room int

const (
	roomFree room = iota
	roomBusy      // none, and answers come as they always do
	roomLate      // none, and answers are late
)

// await takes a place at an account, and waits for one until ctx ends. The backlog waits for an account that answers late,
// too.
func (c *crowd) await(ctx context.Context, account string, backlog bool) (*attendance, bool) {
	for {
		c.mu.Lock()
		p := c.party(partyName{account, backlog})
		place, room := c.take(p)
		if room == roomFree || room == roomLate && !backlog {
			c.mu.Unlock()
			return place, room == roomFree
		}
		if p.left == nil {
			p.left = make(chan struct{})
		}
		left := p.left
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, false
		case <-left:
		}
	}
}

func (c *crowd) party(name partyName) *party {
	p := c.all[name]
	if p == nil {
		p = &party{limit: c.atFirst, started: map[*attendance]time.Time{}}
		c.all[name] = p
	}
	return p
}

func (c *crowd) take(p *party) (*attendance, room) {
	now := c.now()
	if room := p.room(now); room != roomFree {
		return nil, room
	}
	place := &attendance{crowd: c, party: p, start: now}
	p.started[place] = now
	return place, roomFree
}

// hangs tells whether nothing new begins at an account, live or of its backlog, because a delivery that began long ago has
// no end.
func (c *crowd) hangs(account string, backlog bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.all[partyName{account, backlog}]
	return p != nil && p.oldest(c.now()) > hanging
}

// oldest is how long the delivery is in work that began first.
func (p *party) oldest(now time.Time) (age time.Duration) {
	for _, start := range p.started {
		age = max(age, now.Sub(start))
	}
	return age
}

func (p *party) room(now time.Time) room {
	oldest := p.oldest(now)
	switch {
	case oldest > hanging, len(p.started) > 1 && oldest > p.silence() && !p.ended.After(now.Add(-oldest)):
		return roomLate
	case len(p.started) < int(p.limit):
		return roomFree
	case oldest > max(slowFactor*p.typical, lateLeast):
		return roomLate
	}
	return roomBusy
}

// silence is how long several deliveries may go on, and none end well, before no other one begins: at an account that usually
// takes a moment, each that begins then would hang like the others, with all the memory that it takes. A single one may just be
// slow.
func (p *party) silence() time.Duration {
	if p.typical == 0 {
		return hanging
	}
	return min(max(slowFactor*p.typical, slowLeast), hanging)
}

// leave ends a delivery. When it ended well, or took long, it is learned from.
func (a *attendance) leave(well bool) {
	c := a.crowd
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	p := a.party
	full := len(p.started) >= int(p.limit)
	delete(p.started, a)
	p.learn(now.Sub(a.start), well, full, now)
	if p.left != nil {
		close(p.left)
		p.left = nil
	}
}

func (p *party) learn(took time.Duration, well, full bool, now time.Time) {
	slow := took > slowLeast && (p.typical == 0 || took > slowFactor*p.typical)
	switch {
	case slow && now.Sub(p.shrunk) > shrinkRest:
		p.limit, p.shrunk = max(p.limit/2, 1), now
	case !slow && well && full:
		p.limit = min(p.limit+1/p.limit, mostAtOnce)
	}
	if well {
		p.ended = now
	}
	switch {
	case !well:
	case p.typical == 0 || took < p.typical:
		p.typical = took
	default:
		p.typical += (took - p.typical) / forgetting
	}
}
