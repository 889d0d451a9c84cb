package worker

import (
	"context"
	"errors"
	"time"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// doubtTries is how often a job is tried that was refused although it has a ticket, or may have one.
const doubtTries = 10

// mayNotDie sees to it that no conversation gets both a ticket and a dead letter: what an earlier try may have made is
// looked up before the job is given up, and a job whose ticket exists is tried several times more, because what is
// refused then (a form, a comment) was mostly taken a moment ago. In the end the dead letter says what is missing in the
// ticket.
func (d *Deliverer) mayNotDie(ctx context.Context, e ticket.Event, o ticket.Outcome, err error) error {
	var f *ticket.Failure
	if e.Kind != ticket.KindClosed || !errors.As(err, &f) || f.Trouble != ticket.TroubleJob {
		return err
	}
	exists := o.Ticket.ID != 0
	if !exists && o.Lookup != ticket.LookupAbsent {
		if exists, err = d.mayExist(ctx, e, o); err != nil {
			return err
		}
	}
	if !exists || e.Attempts >= doubtTries {
		return f
	}
	again := *f
	again.Trouble = ticket.TroubleHiccup
	return &again
}

// doubtTime is for how much longer than others a conversation waits that may have a ticket already.
const doubtTime = time.Hour

// over tells whether an event has waited as long as it may. A conversation is tried on for a while when a try, the one that
// gave err or one before, may have made its ticket: the look-up of the next one tells.
func (d *Deliverer) over(ctx context.Context, e ticket.Event, err error) bool {
	if !d.late(e, 0) {
		return false
	}
	if e.Kind != ticket.KindClosed || d.late(e, doubtTime) {
		return true
	}
	var f *ticket.Failure
	if errors.As(err, &f) && f.Trouble == ticket.TroubleUncertain {
		return false
	}
	entry, _, err := d.Ledger.Look(ctx, e.Job())
	return err == nil && entry.State != queue.StateIntended
}

// mayExist tells whether an earlier try made the ticket, or may have. The ledger may be read from a replica that lags
// behind, so that it is believed about the first try only.
func (d *Deliverer) mayExist(ctx context.Context, e ticket.Event, o ticket.Outcome) (bool, error) {
	entry, _, err := d.Ledger.Look(ctx, e.Job())
	if err != nil {
		return false, err
	}
	if entry.ID != 0 {
		return true, nil
	}
	if o.Lookup == "" && e.Attempts <= 1 && e.Replays == 0 {
		return false, nil // the only call that was made is the one that was refused
	}
	tickets, ok := d.Tickets(e.Account, limit.Live, true)
	if !ok {
		return false, nil
	}
	_, found, err := tickets.Find(ctx, ticket.ExternalID(e.ConversationID))
	return found || err != nil, nil // what cannot be looked up may exist
}
