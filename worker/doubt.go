package worker

import (
	"context"
	"errors"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// doubtTries is how often a job is tried that was refused although it has a ticket, or may have one.
const doubtTries = 10

// mayNotDie sees to it that no conversation gets both a ticket and a dead letter: what an earlier try may have made is
// looked up before the job is given up, and a job whose ticket exists is tried several times more, because what is
// refused then (a form, a comment) was mostly taken a moment ago. In the end the dead letter says what is missing in the
// ticket.
func (d *Deliverer) mayNotDie(ctx context.Context, e ticket.Event, lookup ticket.Lookup, err error) error {
	var f *ticket.Failure
	if e.Kind != ticket.KindClosed || !errors.As(err, &f) || f.Trouble != ticket.TroubleJob || lookup == ticket.LookupAbsent {
		return err
	}
	entry, _, lookErr := d.Ledger.Look(ctx, e.Job())
	if lookErr != nil {
		return lookErr
	}
	if entry.State != queue.StateIntended {
		return err
	}
	known := entry.ID != 0 || lookup == ticket.LookupFound
	if !known && e.Attempts <= 1 && lookup == "" {
		return err // the first try, and its only call was refused
	}
	if !known {
		tickets, ok := d.Tickets(entry.Account)
		if !ok {
			return err
		}
		_, found, findErr := tickets.Find(ctx, ticket.ExternalID(e.ConversationID))
		if findErr == nil && !found {
			return err
		}
	}
	if e.Attempts >= doubtTries {
		return err
	}
	again := *f
	again.Trouble = ticket.TroubleHiccup
	return &again
}
