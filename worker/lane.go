package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// alarmSlack is how much early an alarm may ring.
const alarmSlack = time.Second

// lane is one run through what an account holds.
type lane struct {
	*Worker

	account     string
	fetch, work context.Context //nolint:containedctx // of the run, which ends before they do
	deadline    time.Time
	slots       chan struct{}
	wait        sync.WaitGroup
	first, rest laneCursor // where the run stands among the escalated ones, and among the others
	probed      bool
	bulk        *bulk // nil: one by one

	mu   sync.Mutex
	next time.Time // guarded by mu; the earliest time at which something can be tried again
	stop bool      // guarded by mu; the account is in trouble again
	turn time.Time // guarded by mu; until then no single ticket has a call, and bulk jobs go on
}

func (l *lane) again(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next.IsZero() || at.Before(l.next) {
		l.next = at
	}
}

func (l *lane) halt(at time.Time) {
	l.again(at)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop = true
}

// waitTurn leaves what is made one by one alone until that time.
func (l *lane) waitTurn(until time.Time) {
	l.again(until)
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.turn) {
		l.turn = until
	}
}

// waits tells whether what is made one by one has no call yet.
func (l *lane) waits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turn.After(l.now())
}

func (l *lane) halted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stop
}

// due tells whether something that the run has passed by can be tried again: only another run begins at the front.
func (l *lane) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.next.IsZero() && !l.next.After(l.now())
}

// over tells whether the run ends, with something left: at the end of the process, when the account is in trouble or paused,
// and when its time is over while other accounts wait for theirs, or something in front of it can be tried again.
func (l *lane) over() bool {
	return l.fetch.Err() != nil || l.halted() || l.pauses.paused(l.account) ||
		l.now().After(l.deadline) && (len(l.lanes) == cap(l.lanes) || l.due())
}

// drain works off what an account holds: one event alone, to see whether the account is well, then those of escalated
// conversations, then the others, in bulk where there are many. It gives when to try again; the zero time means that
// nothing is left.
func (w *Worker) drain(fetch, work context.Context, account string) (time.Time, error) {
	if w.pauses.paused(account) {
		return w.now().Add(pausedLook), nil
	}
	if until := w.gates.named(queue.LaneGate(account)); until.After(w.now().Add(alarmSlack)) {
		return until, nil
	}
	if w.crowd.hangs(queue.LaneGate(account), true) { // it would wait for a place, and hold a lane meanwhile
		return w.now().Add(hanging), nil
	}
	l := &lane{
		Worker: w, account: account, fetch: fetch, work: work, deadline: w.now().Add(w.LaneQuantum), slots: make(chan struct{}, w.LaneSlots),
	}
	l.first, l.rest = laneCursor{l: l, escalated: true}, laneCursor{l: l}
	l.openBulk() //nolint:contextcheck // the lane has its contexts
	var err error
	for err == nil {
		if err = l.walk(); l.bulk == nil || l.bulk.underWay() == 0 || l.over() { //nolint:contextcheck // the same
			break
		}
		l.bulk.pause() // then what came meanwhile is worked off
	}
	l.closeBulk() //nolint:contextcheck // the same
	l.wait.Wait()
	return l.end(), err
}

// end gives when to try again. An account in trouble is not tried before its time, whatever else the run has to come back
// for: each run begins with a call to it.
func (l *lane) end() time.Time {
	gate := l.gates.seen(queue.LaneGate(l.account))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop && gate.down() {
		return latest(l.next, gate.until)
	}
	return l.next
}

// walk goes on through what is held, to the end.
func (l *lane) walk() error {
	for {
		if l.over() {
			if !l.halted() { // else it is known when to try again
				l.again(l.now())
			}
			return nil
		}
		h, err := l.first.next()
		if err != nil {
			return err
		}
		if h == nil && l.probed && l.inBulk() {
			if more, err := l.bulk.batch(); err != nil || !more {
				return err
			}
			continue
		}
		if h == nil {
			if l.waits() {
				return nil
			}
			if h, err = l.rest.next(); h == nil || err != nil {
				return err
			}
		}
		if !l.probed {
			l.probe(*h)
			continue
		}
		l.alone(*h)
	}
}

// inBulk tells whether the run may begin bulk jobs.
func (l *lane) inBulk() bool { return l.bulk != nil && l.bulk.begins() }

// alone delivers a held event beside others, unless its like have just been refused a call.
func (l *lane) alone(h queue.Held) {
	l.slots <- struct{}{}
	if !h.Event.Escalated && l.waits() {
		<-l.slots
		return // it stays where it is
	}
	l.wait.Go(func() {
		defer func() { <-l.slots }()
		l.deliver(h, errand{rank: limit.Backlog, held: true})
	})
}

// laneCursor goes through the events of one place.
type laneCursor struct {
	l         *lane
	escalated bool
	at        *queue.Held
}

// next gives the next event whose time has come, nil at the end.
func (c *laneCursor) next() (*queue.Held, error) {
	for {
		held, err := c.l.queue.NextHeld(c.l.work, c.l.account, c.escalated, c.at)
		if held == nil || err != nil {
			return nil, err
		}
		c.at = held
		if c.l.bulk != nil && c.l.bulk.has(held.Event.Key()) {
			continue
		}
		if !held.Event.NotBefore.After(c.l.now().Add(alarmSlack)) {
			return held, nil
		}
		c.l.again(held.Event.NotBefore)
	}
}

// probe delivers one event alone. What follows waits until one has shown that the account answers: a bulk job whose answer
// is lost costs minutes. One that needed no call to the account has not shown it. Before bulk jobs it goes ahead of other
// backlog: a hundred tickets are not to wait for its turn, and one call takes nothing from what comes live.
func (l *lane) probe(h queue.Held) {
	why := errand{rank: limit.Backlog, held: true, probe: true}
	if l.inBulk() {
		why.rank = limit.Live
	}
	f := l.deliver(h, why).Failure
	l.probed = (f == nil || f.Trouble == ticket.TroubleJob) && !l.gates.down(queue.LaneGate(l.account))
	if f != nil && f.Trouble == ticket.TroubleUncertain {
		at := l.now().Add(max(f.After, firstDelay))
		if until := l.gates.until(queue.LaneGate(l.account)); until.After(at) {
			at = until
		}
		l.halt(at)
	}
}

// deliver delivers one held event and settles it.
func (l *lane) deliver(h queue.Held, why errand) ticket.Outcome {
	e := h.Event
	e.Attempts++
	outcome := l.attempt(l.work, &e, why)
	l.settleHeld(h, e, outcome, why)
	return outcome
}

// settleHeld writes down what became of a held event.
func (l *lane) settleHeld(h queue.Held, e ticket.Event, outcome ticket.Outcome, why errand) {
	settle, cancel := context.WithTimeout(context.WithoutCancel(l.work), settleTime)
	defer cancel()
	again := l.now().Add(max(outcome.After, firstDelay))
	switch outcome.Result {
	case ticket.ResultHeld:
		switch f := outcome.Failure; {
		case !why.probe && !e.Escalated && l.inBulk() && errors.Is(f, zendesk.ErrNoCall):
			l.waitTurn(again)
		case f.Gate == queue.LaneGate(l.account):
			l.halt(again)
		default: // it waits for a connection to iAdvize, and what lies behind it perhaps does not
			l.again(again)
		}
		if e.Escalated == h.Event.Escalated {
			return // it stays where it is
		}
		e.Attempts = h.Event.Attempts
	case ticket.ResultRetry:
		e.NotBefore, e.HeldFor = again, outcome.Failure.Error()
		l.again(again)
	case ticket.ResultCreated, ticket.ResultUpdated, ticket.ResultSkipped, ticket.ResultDead:
		err := l.keep(settle, e, outcome)
		if err == nil {
			err = l.queue.Release(settle, h)
		}
		if err != nil {
			l.log.Warn().Err(err).Str("conversation", e.ConversationID).Msg("cannot settle a held event; it will be tried again")
			l.again(again)
		}
		return
	}
	if err := l.queue.Rehold(settle, h, e); err != nil {
		l.log.Warn().Err(err).Str("conversation", e.ConversationID).Msg("cannot note the attempt of a held event")
	}
}
