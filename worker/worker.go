package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// Meter is told of each attempt. It must not block.
type Meter interface {
	Attempt(account string, o ticket.Outcome, took time.Duration)
}

// Worker takes events from the queue and settles them, several at once. Start it with Run, once.
type Worker struct {
	*Deliverer

	queue *queue.Queue
	log   zerolog.Logger
	meter Meter
	gates *gates
	crowd *crowd
	slots *slots
	reads *slots // of conversations for bulk jobs, of all accounts together
	ways  *ways
	tries tries
	lanes chan struct{} // a token for each account whose held events are worked off
	wait  sync.WaitGroup
	ended chan struct{} // closed when nothing is received any more

	runMu   sync.Mutex
	running map[string]bool // guarded by runMu; accounts whose held events are worked off here, and whether another alarm rang meanwhile
}

// New makes a worker. The meter may be nil.
func New(q *queue.Queue, d *Deliverer, log zerolog.Logger, meter Meter) *Worker {
	w := &Worker{
		Deliverer: d, queue: q, log: log, meter: meter, crowd: newCrowd(d.now, d.Crowd), ways: &ways{},
		slots: newSlots(d.Slots, d.Slots*besidePerSlot, d.SlotTime), reads: newSlots(d.Slots, d.Lanes*batchHands, d.SlotTime),
		lanes: make(chan struct{}, d.Lanes), running: map[string]bool{}, ended: make(chan struct{}),
		gates: newGates(rand.Text(), d.now, func(n queue.GateNews) { _ = q.TellGate(n) }), // who does not hear of it finds out
	}
	d.heard = func(ctx context.Context, account, gate string) { w.open(ctx, account, true, gate) }
	return w
}

const (
	settleTime = 15 * time.Second // for writing down what became of an event, after its work is done or cut off
	reopenWait = time.Second
)

// Run works until fetch ends. Then it takes no more events and finishes those in work; when work ends before, they are
// cut off and given back. work must not end before fetch. It returns when nothing is in work.
func (w *Worker) Run(fetch, work context.Context) {
	if !w.know(fetch) {
		return
	}
	var loops sync.WaitGroup
	w.watchLanes(fetch, &loops)
	loops.Go(func() { w.loop(fetch, "events", func() error { return w.receive(fetch, work) }) })
	loops.Go(func() { w.loop(fetch, "held events", func() error { return w.receiveRuns(fetch, work) }) })
	loops.Wait()
	close(w.ended)
	w.wait.Wait()
}

// loop opens a receiver again whenever it ends, until ctx ends. The trouble is logged when it changes.
func (w *Worker) loop(ctx context.Context, what string, receive func() error) {
	told := ""
	for ctx.Err() == nil {
		err := receive()
		if ctx.Err() != nil {
			return
		}
		if err != nil && err.Error() != told {
			told = err.Error()
			w.log.Warn().Err(err).Str("from", what).Msg("cannot receive; trying again every second")
		}
		select {
		case <-ctx.Done():
		case <-time.After(reopenWait):
		}
	}
}

// receive takes events only when there are free slots for them. Nobody else takes slots.
func (w *Worker) receive(fetch, work context.Context) error {
	r, err := w.queue.Receive(fetch)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		if !w.slots.wait(fetch) {
			return nil
		}
		d, err := r.Next(fetch, 1+w.slots.free())
		if err != nil {
			w.slots.giveUp()
			if errors.Is(err, queue.ErrUnreadable) {
				w.log.Error().Err(err).Msg("dead letter: an event in the queue cannot be read")
				continue
			}
			return err
		}
		w.wait.Go(func() {
			defer w.slots.use()()
			w.one(work, d)
		})
	}
}

// one delivers an event and settles it with the queue.
func (w *Worker) one(work context.Context, d queue.Delivery) {
	e := d.Event
	e.Attempts += int(min(d.Tries, 1<<20))
	stop := queue.KeepWorking(d)
	outcome := w.attempt(work, &e, errand{rank: limit.Live})
	stop()
	if work.Err() != nil && outcome.Result == ticket.ResultRetry {
		<-w.ended        // else this process may be handed it again, as it stops to listen
		_ = d.GiveBack() // cut off at the end of the process; at worst it comes back after its time
		return
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(work), settleTime)
	defer cancel()
	if err := w.settle(settle, d, e, outcome); err != nil {
		w.log.Warn().Err(err).Str("conversation", e.ConversationID).Msg("cannot settle the event; it will come again")
		_ = d.Later(backOff(e.Attempts))
	}
}

// attempt delivers, unless the event must wait at a gate, and writes the one log line of the attempt. A probe is let
// through: it finds out whether the account is well again.
func (w *Worker) attempt(ctx context.Context, e *ticket.Event, why errand) ticket.Outcome {
	start := w.now()
	names := w.locate(ctx, e)
	if w.pauses.paused(e.Account) {
		return ticket.Outcome{Result: ticket.ResultHeld, Failure: pausedFailure(e.Account), After: pausedLook}
	}
	shutting := names
	if why.probe && len(names) > 0 {
		shutting = names[1:] // it finds out about the account, and not about a connection
	}
	if f, until, shut := w.gates.shut(shutting...); shut && !w.over(ctx, *e, nil) {
		if known := w.sort(ctx, e, f); !w.goesAhead(*e, f) {
			return w.mustWait(*e, why, known, f, until.Sub(start))
		}
	}
	place, ok := w.findPlace(ctx, why, queue.LaneGate(e.Account))
	if !ok {
		f := crowded(e.Account)
		wait := crowdedWait
		if w.crowd.hangs(f.Gate, why.held) {
			wait = hanging
		}
		return w.mustWait(*e, why, w.sort(ctx, e, f), f, wait)
	}
	if why.probe {
		w.gates.probe(queue.LaneGate(e.Account))
	}
	silent := w.knock(ctx, *e, why)
	var outcome ticket.Outcome
	if silent == nil {
		outcome = w.outcome(ctx, e, why)
	} else {
		outcome = w.failed(*e, silent, false)
	}
	place.leave(outcome.Failure == nil || outcome.Failure.Trouble == ticket.TroubleJob)
	if ctx.Err() != nil && outcome.Result == ticket.ResultHeld {
		outcome.Result = ticket.ResultRetry // cut off by us; nobody is in trouble
	} else {
		w.learn(ctx, *e, &outcome, names, why)
	}
	if silent != nil && outcome.Result == ticket.ResultHeld && !why.held {
		outcome = w.mustWait(*e, why, w.sort(ctx, e, silent), silent, outcome.After)
	}
	w.tell(*e, outcome, w.now().Sub(start))
	return outcome
}

// locate completes the event's site and account, and gives the gates at which it may have to wait, the account's first.
func (w *Worker) locate(ctx context.Context, e *ticket.Event) (gates []string) {
	site, ok := w.Directory.Site(ctx, e.Platform, e.ProjectID)
	if !ok {
		return nil
	}
	e.Site, e.Account = site.Name, site.Account
	if e.Kind == ticket.KindSatisfaction {
		return []string{queue.LaneGate(site.Account)}
	}
	return []string{queue.LaneGate(site.Account), connectionGate(site.IAdvize)}
}

// connectionGate is for a connection to iAdvize what queue.LaneGate is for an account.
func connectionGate(name string) string { return "iadvize/" + name }

// learn shuts or opens gates by what became of an event, and logs when that is news.
func (w *Worker) learn(ctx context.Context, e ticket.Event, o *ticket.Outcome, names []string, why errand) {
	f := o.Failure
	switch {
	case f != nil && waitsItsTurn(f) && why.rank == limit.Backlog:
		w.gates.waits(f) // the backlog has used up its share of the calls; the others have theirs
	case f != nil && f.Gate != "" && (f.Trouble == ticket.TroubleAccount || f.Trouble == ticket.TroubleUncertain && (f.After > 0 || hung(f))):
		until, news := w.gates.fail(f)
		if wait := until.Sub(w.now()); o.Result == ticket.ResultHeld || wait > o.After {
			o.After = wait // it would find the gate shut
		}
		if news {
			w.tellTrouble(f, until)
		}
	case o.Why == "" && (o.Result == ticket.ResultCreated || o.Result == ticket.ResultUpdated): // with a call
		w.open(ctx, e.Account, !why.probe, names...) // a probe is part of the run that an alarm would start
	}
}

// open opens gates after a success, and wakes the account if one was shut for trouble, or may have been before this process
// began: whoever starts it again with other credentials is not to wait for the next trial of what is held.
func (w *Worker) open(ctx context.Context, account string, wake bool, names ...string) {
	opened, eased := w.gates.pass(names...)
	for _, name := range eased {
		w.log.Info().Str("account", name).Msg("account has calls again")
	}
	for _, name := range opened {
		w.log.Info().Str("account", name).Msg("account well again")
	}
	gate := queue.LaneGate(account)
	first := slices.Contains(names, gate) && w.gates.meet(gate)
	if wake && (first || len(opened) > 0) {
		if err := w.queue.WakeNow(ctx, account); err != nil {
			w.log.Debug().Err(err).Str("account", account).Msg("cannot wake the account early; its alarm still rings")
		}
	}
}

func (w *Worker) tellTrouble(f *ticket.Failure, until time.Time) {
	if f.Limited {
		w.log.Info().Str("account", f.Gate).Str("failure", f.Error()).Time("until", until).Msg("account has no call left for now: its conversations wait their turn")
		return
	}
	w.log.Warn().Str("account", f.Gate).Str("reason", string(f.ReasonNow())).Int("status", f.Detail.Status).
		Str("failure", f.Error()).Str("hint", f.Hint).Time("until", until).Msg("account in trouble: its conversations wait")
}

// tell writes the canonical log line of an attempt.
func (w *Worker) tell(e ticket.Event, o ticket.Outcome, took time.Duration) {
	if w.meter != nil {
		w.meter.Attempt(e.Account, o, took)
	}
	level := zerolog.InfoLevel
	if o.Result == ticket.ResultDead {
		level = zerolog.WarnLevel
	} else if o.Result == ticket.ResultRetry || o.Result == ticket.ResultHeld {
		level = zerolog.DebugLevel
	}
	line := w.log.WithLevel(level).Str("conversation", e.ConversationID).Str("event", string(e.Kind)).Str("site", e.Site).Str("account", e.Account).
		Str("result", string(o.Result)).Int("attempt", e.Attempts).Dur("took_ms", took)
	if o.Purpose != "" {
		line.Str("purpose", string(o.Purpose))
	}
	if o.Ticket.ID != 0 {
		line.Int64("ticket", o.Ticket.ID)
	}
	if o.Why != "" {
		line.Str("why", o.Why)
	}
	if o.Lookup != "" {
		line.Str("lookup", string(o.Lookup))
	}
	if f := o.Failure; f != nil {
		if f.Trouble == ticket.TroubleUncertain {
			line.Bool("uncertain", true)
		}
		line.Str("reason", string(f.ReasonNow())).Str("failure", f.Error()).Str("hint", f.Hint)
	}
	line.Msg("conversation " + string(o.Result))
}
