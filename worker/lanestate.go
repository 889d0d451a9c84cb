package worker

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
)

// know reads which accounts are paused, before the first event is taken. It gives false when ctx ends before.
func (w *Worker) know(ctx context.Context) bool {
	for told := false; ctx.Err() == nil; {
		all, err := w.queue.LanePauses(ctx)
		if err == nil {
			for _, p := range all {
				w.pauses.put(p)
			}
			return true
		}
		if !told {
			told = true
			w.log.Warn().Err(err).Msg("cannot read which accounts are paused; nothing is taken before")
		}
		select {
		case <-ctx.Done():
		case <-time.After(reopenWait):
		}
	}
	return false
}

// watchLanes keeps what is known of accounts in step with the operators and the other processes until ctx ends, and
// sees to it that no lane is without an alarm.
func (w *Worker) watchLanes(ctx context.Context, loops *sync.WaitGroup) {
	loops.Go(func() { w.queue.FollowPauses(ctx, func(p queue.LanePause) { w.pauseChanged(ctx, p) }) })
	loops.Go(func() { w.keepAlarms(ctx) })
	listen := func(stop func(), err error) {
		if err != nil {
			w.log.Warn().Err(err).Msg("this process and the others do not hear of each other's accounts; each finds out by itself")
			return
		}
		loops.Go(func() { <-ctx.Done(); stop() })
	}
	listen(w.queue.FollowGates(w.gateTold))
	listen(w.queue.AnswerLanes(w.gates.process, w.laneReports))
	listen(w.queue.AnswerTries(w.gates.process, w.tries.last))
}

func (w *Worker) gateTold(n queue.GateNews) {
	if w.gates.adopt(n) {
		w.log.Debug().Str("account", n.Gate).Str("state", string(n.State)).Dur("for_ms", n.Wait).Str("failure", n.Failure).
			Msg("another process says how the account fares")
	}
}

// pauseChanged notes a pause or its end. Each process rings the alarm once it knows of the end: an alarm that rang
// before may have been heard by one that did not know yet.
func (w *Worker) pauseChanged(ctx context.Context, p queue.LanePause) {
	was := w.pauses.paused(p.Account)
	ended := w.pauses.put(p)
	switch {
	case !was && w.pauses.paused(p.Account):
		w.log.Info().Str("account", p.Account).Str("why", p.Why).Msg("account paused: its conversations wait")
	case ended:
		w.log.Info().Str("account", p.Account).Msg("account resumed")
		if err := w.queue.WakeNow(ctx, p.Account); err != nil && ctx.Err() == nil {
			w.log.Warn().Err(err).Str("account", p.Account).Msg("cannot wake the resumed account; its alarm rings within an hour")
		}
	}
}

// laneReports tells how the accounts fare: those that are not open, and the budgets of those named.
func (w *Worker) laneReports(accounts []string) []queue.LaneReport {
	all := w.gates.reports()
	if w.Budget == nil {
		return all
	}
	at := map[string]int{}
	for i, r := range all {
		at[r.Gate] = i
	}
	for _, account := range accounts {
		budget, known := w.Budget(account)
		if !known {
			continue
		}
		gate := queue.LaneGate(account)
		i, shut := at[gate]
		if !shut {
			i = len(all)
			at[gate] = i
			all = append(all, queue.LaneReport{Gate: gate, State: queue.LaneOpen})
		}
		if r := &all[i]; r.State == queue.LaneOpen && budget.BlockedUntil.After(w.now()) {
			// No event has been turned away yet: the first one waits where it is, for what the account said of itself.
			r.State, r.Until, r.Failure, r.Hint = queue.LaneLimited, budget.BlockedUntil, limit.LeftAlone, ""
		}
		all[i].Budget = &budget
	}
	return all
}

// alarmPace spreads the alarms of many lanes that had none.
const alarmPace = 10 * time.Millisecond

// keepAlarms looks from time to time for accounts that hold events and have no alarm: it may have been lost with its worker,
// or been taken away in NATS. It looks at the start, and once more when what nats-server lost, if it was killed, is late.
func (w *Worker) keepAlarms(ctx context.Context) {
	again, stop := w.queue.Reconnects()
	defer stop()
	w.setAlarms(ctx, w.queue.Alarmless)
	lost := w.now()
	look, next := w.queue.Rearm, lost.Add(w.whenLate())
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
			lost, look = w.now(), w.queue.Rearm
			if late := lost.Add(w.whenLate()); late.Before(next) {
				next = late
			}
			continue
		case <-time.After(next.Sub(w.now())):
		}
		wait := w.LaneSweep*4/5 + rand.N(w.LaneSweep*2/5+1) //nolint:gosec // jitter needs no secrecy
		switch all := w.setAlarms(ctx, look); {
		case !all, w.now().Sub(lost) < queue.LateAlarm: // it may have been lost again meanwhile
			wait = w.whenLate()
		default:
			look = w.queue.Alarmless
		}
		next = w.now().Add(wait)
	}
}

// whenLate gives how long after the server was lost to look for alarms that it has lost. The processes do not all look in one
// moment.
func (w *Worker) whenLate() time.Duration {
	return min(queue.LateAlarm+rand.N(queue.LateAlarm), w.LaneSweep) //nolint:gosec // jitter needs no secrecy
}

// setAlarms sets the alarms that a look finds missing. It tells whether all are set.
func (w *Worker) setAlarms(ctx context.Context, look func(context.Context) ([]string, error)) (all bool) {
	accounts, err := look(ctx)
	if err != nil && ctx.Err() == nil {
		w.log.Warn().Err(err).Msg("cannot look at all alarms of held events; trying again within half a minute")
	}
	all = err == nil
	for i, account := range accounts {
		if err := w.queue.Wake(ctx, account, w.now().Add(time.Duration(i)*alarmPace)); err != nil {
			w.log.Warn().Err(err).Str("account", account).Msg("cannot wake the account's held events; trying again within half a minute")
			all = false
			continue
		}
		w.log.Info().Str("account", account).Msg("conversations waited without an alarm: one is set")
	}
	return all
}
