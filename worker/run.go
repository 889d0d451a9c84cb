package worker

import (
	"context"
	"math/rand/v2"
	"time"

	"passerelle/pkg/queue"
)

// receiveRuns takes the alarms of accounts whose events wait. It takes no more of them than are worked off at once.
func (w *Worker) receiveRuns(fetch, work context.Context) error {
	runs, err := w.queue.Runs(fetch)
	if err != nil {
		return err
	}
	defer runs.Close()
	for {
		select {
		case <-fetch.Done():
			return nil
		case w.lanes <- struct{}{}:
		}
		run, err := runs.Next(fetch)
		if err != nil {
			<-w.lanes
			return err
		}
		w.wait.Go(func() {
			defer func() { <-w.lanes }()
			w.run(fetch, work, run)
		})
	}
}

// run works off what an account holds. Whatever happens, the next alarm is set before the run ends, so that nothing
// waits without one.
func (w *Worker) run(fetch, work context.Context, run queue.Run) {
	if !w.begin(run.Account) {
		w.again(work, run)
		return
	}
	stop := queue.KeepWorking(run)
	w.spread(fetch, run.Account)
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
	w.end(settle, run.Account, next)
}

// spread waits for a part of a second before an account in trouble is looked at. Alarms ring at whole seconds: those of all
// accounts in trouble would be seen to in the same moment of each second, and the others' work would wait for that.
func (w *Worker) spread(ctx context.Context, account string) {
	if !w.gates.inTrouble(queue.LaneGate(account)) {
		return
	}
	timer := time.NewTimer(rand.N(alarmSlack)) //nolint:gosec // apart, which needs no secrecy
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (w *Worker) begin(account string) bool {
	w.runMu.Lock()
	defer w.runMu.Unlock()
	if _, runs := w.running[account]; runs {
		w.running[account] = true
		return false
	}
	w.running[account] = false
	return true
}

// end lets the next run of an account begin. An alarm that rang meanwhile was put off: it may have been the one that the run
// relied on, which it found set, and which rang before the run had ended.
func (w *Worker) end(ctx context.Context, account string, next time.Time) {
	w.runMu.Lock()
	rang := w.running[account]
	delete(w.running, account)
	w.runMu.Unlock()
	if !rang {
		return
	}
	if next.IsZero() {
		next = w.now()
	}
	if err := w.queue.Wake(ctx, account, next); err != nil {
		w.log.Debug().Err(err).Str("account", account).Msg("cannot wake the account early; its alarm still rings")
	}
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
