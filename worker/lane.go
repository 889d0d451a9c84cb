package worker

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// receiveRuns takes the alarms of accounts whose events wait, one at a time a process.
func (w *Worker) receiveRuns(fetch, work context.Context) error {
	runs, err := w.queue.Runs(fetch)
	if err != nil {
		return err
	}
	defer runs.Close()
	for {
		run, err := runs.Next(fetch)
		if err != nil {
			return err
		}
		w.wait.Go(func() { w.run(fetch, work, run) })
	}
}

// run works off what an account holds. Whatever happens, the next alarm is set before the run ends, so that nothing
// waits without one.
func (w *Worker) run(fetch, work context.Context, run queue.Run) {
	if !w.begin(run.Account) {
		w.again(work, run)
		return
	}
	defer w.end(run.Account)
	stop := queue.KeepWorking(run)
	next, err := w.drain(fetch, work, run.Account)
	stop()
	settle, cancel := context.WithTimeout(context.WithoutCancel(work), settleTime)
	defer cancel()
	if err == nil && !next.IsZero() {
		err = w.queue.Wake(settle, run.Account, next)
	}
	if err == nil {
		err = run.Done(settle)
	}
	if err != nil {
		w.log.Warn().Err(err).Str("account", run.Account).Msg("cannot work off the held events; trying again")
		_ = run.GiveBack()
	}
}

func (w *Worker) begin(account string) bool {
	w.runMu.Lock()
	defer w.runMu.Unlock()
	if w.running[account] {
		return false
	}
	w.running[account] = true
	return true
}

func (w *Worker) end(account string) {
	w.runMu.Lock()
	defer w.runMu.Unlock()
	delete(w.running, account)
}

// again moves a second alarm of an account to after the run in progress.
func (w *Worker) again(ctx context.Context, run queue.Run) {
	err := w.queue.Wake(ctx, run.Account, w.now().Add(w.LaneQuantum))
	if err == nil {
		err = run.Done(ctx)
	}
	if err != nil {
		_ = run.GiveBack()
	}
}

// alarmSlack is how much early an alarm may ring.
const alarmSlack = time.Second

// lane is the state of one run.
type lane struct {
	mu   sync.Mutex
	next time.Time // guarded by mu; the earliest time at which something can be tried again
	stop bool      // guarded by mu; the account is in trouble again
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

func (l *lane) halted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stop
}

// drain tries one held event alone, and the others several at once when that one succeeded. It gives when to try
// again; the zero time means that nothing is left.
func (w *Worker) drain(fetch, work context.Context, account string) (time.Time, error) {
	l := &lane{}
	deadline := w.now().Add(w.LaneQuantum)
	slots := make(chan struct{}, w.LaneSlots)
	var wait sync.WaitGroup
	defer wait.Wait()
	var at *queue.Held
	escalated := true // these go first
	for probe := true; ; {
		held, err := w.queue.NextHeld(work, account, escalated, at)
		if err != nil {
			return time.Time{}, err
		}
		if held == nil && escalated {
			escalated, at = false, nil
			continue
		}
		if held == nil {
			break
		}
		at = held
		if held.Event.NotBefore.After(w.now().Add(alarmSlack)) {
			l.again(held.Event.NotBefore)
			continue
		}
		if fetch.Err() != nil || l.halted() || w.now().After(deadline) {
			l.again(w.now())
			break
		}
		if probe {
			w.held(work, l, *held, true)
			probe = false
			continue
		}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			w.held(work, l, *held, false)
		})
	}
	wait.Wait()
	return l.next, nil
}

// held delivers one held event and settles it.
func (w *Worker) held(work context.Context, l *lane, h queue.Held, probe bool) {
	e := h.Event
	e.Attempts++
	outcome := w.attempt(work, &e, probe)
	settle, cancel := context.WithTimeout(context.WithoutCancel(work), settleTime)
	defer cancel()
	again := w.now().Add(max(outcome.After, firstDelay))
	switch outcome.Result {
	case ticket.ResultHeld:
		l.halt(again) // it stays where it is
		return
	case ticket.ResultRetry:
		e.NotBefore, e.HeldFor = again, outcome.Failure.Error()
		if err := w.queue.Rehold(settle, h, e); err != nil {
			w.log.Warn().Err(err).Str("conversation", e.ConversationID).Msg("cannot note the attempt of a held event")
		}
		l.again(again)
		return
	case ticket.ResultCreated, ticket.ResultUpdated, ticket.ResultSkipped, ticket.ResultDead:
	}
	err := w.keep(settle, e, outcome)
	if err == nil {
		err = w.queue.Release(settle, h)
	}
	if err != nil {
		w.log.Warn().Err(err).Str("conversation", e.ConversationID).Msg("cannot settle a held event; it will be tried again")
		l.again(again)
	}
}

// wakeAll sets an alarm for each account that holds events, in case the last one was lost with its worker.
func (w *Worker) wakeAll(ctx context.Context) {
	accounts, err := w.queue.Holding(ctx)
	if err != nil {
		w.log.Warn().Err(err).Msg("cannot look for held events; their own alarms still ring")
		return
	}
	for _, account := range slices.Sorted(maps.Keys(accounts)) {
		if err := w.queue.Wake(ctx, account, w.now()); err != nil {
			w.log.Warn().Err(err).Str("account", account).Msg("cannot wake the account's held events")
		}
	}
}
