package worker

import (
	"context"
	"errors"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// settle writes down what became of an event, and only then takes it out of the queue.
func (w *Worker) settle(ctx context.Context, d queue.Delivery, e ticket.Event, o ticket.Outcome) error {
	if o.Result == ticket.ResultRetry && o.After <= longestNak && d.Tries <= shortTries {
		w.tries.failed(e, o, w.now())
		return d.Later(o.After)
	}
	if err := w.keep(ctx, e, o); err != nil {
		return err
	}
	w.tries.settled(e)
	return d.Done(ctx)
}

// shortTries is how often an event is tried in place before it leaves the consumer, whose slots are limited.
const shortTries = 30

// keep stores what must outlive the event: a dead letter, or the event itself among the held ones.
func (w *Worker) keep(ctx context.Context, e ticket.Event, o ticket.Outcome) error {
	switch o.Result {
	case ticket.ResultCreated, ticket.ResultUpdated, ticket.ResultSkipped:
		// A try before this one may have buried the job, and died before it took the event out of the queue.
		if !o.Buried && (e.Replays > 0 || e.Attempts > 1) {
			return w.queue.Unbury(ctx, e.Key())
		}
		return nil
	case ticket.ResultDead:
		return w.bury(ctx, e, o.Failure)
	case ticket.ResultHeld, ticket.ResultRetry:
		at := w.now().Add(o.After)
		e.NotBefore, e.HeldFor = time.Time{}, o.Failure.Error()
		if o.Result == ticket.ResultRetry {
			e.NotBefore = at // its own wait, whatever its account does
		}
		return w.queue.Hold(ctx, e, at)
	default:
		return errors.New("an outcome without a result")
	}
}

// bury stores the dead letter first: were the process to die in between, the ledger would call a job dead that is not
// among the dead letters.
func (w *Worker) bury(ctx context.Context, e ticket.Event, f *ticket.Failure) error {
	now := w.now()
	if err := w.queue.Bury(ctx, ticket.Bury(e, f, now)); err != nil {
		return err
	}
	if e.Kind != ticket.KindClosed {
		return nil
	}
	entry, _, err := w.queue.Look(ctx, e.Job())
	if err != nil {
		return err
	}
	if entry.State == queue.StateCreated { // another worker had the same event, and was luckier
		return w.queue.Unbury(ctx, e.Key())
	}
	dead := entry.Of(e)
	dead.State, dead.Reason, dead.At = queue.StateDead, f.Reason, now
	dead.DiedOf, dead.DiedAt = f.Reason, now
	_, err = w.queue.Write(ctx, e.Job(), entry, dead)
	return err // when the entry moved, another worker has the same event: it comes again, and its new state decides
}
