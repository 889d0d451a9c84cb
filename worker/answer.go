package worker

import (
	"context"
	"errors"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// answerLease bounds how long one worker may take to write an answer into a ticket, and so how long the answers rest
// when it dies meanwhile. The work is cut off before, so that nobody writes without the lease.
const (
	answerLease = 30 * time.Second
	answerTime  = answerLease - 3*time.Second
)

// visitorAnswered writes a score or comment into the ticket that exists. Of several answers of one kind the one that
// iAdvize dates latest counts, in whatever order they arrive.
func (d *Deliverer) visitorAnswered(ctx context.Context, event *ticket.Event, site ticket.Site, why errand) (ticket.Outcome, error) {
	e := *event
	if e.Satisfaction == nil {
		return ticket.Outcome{}, &ticket.Failure{
			Trouble: ticket.TroubleJob, Reason: ticket.ReasonMalformed,
			Detail: ticket.Detail{Message: "a satisfaction event without an answer"}, Hint: "discard it",
		}
	}
	fields := ticket.SatisfactionFields(*e.Satisfaction, site.Tickets.Fields)
	if len(fields) == 0 {
		return ticket.Outcome{Result: ticket.ResultSkipped, Why: "the site keeps no such answer"}, nil
	}
	release, mine, err := d.Ledger.LeaseToken(ctx, "answer/"+string(e.Job()), answerLease)
	if err != nil {
		return ticket.Outcome{}, err
	}
	if !mine {
		return ticket.Outcome{}, notYet("another worker writes an answer into the same ticket")
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	entry, found, err := d.Ledger.Look(ctx, e.Job())
	if err != nil {
		return ticket.Outcome{}, err
	}
	switch {
	case !found || entry.State == queue.StateIntended:
		return ticket.Outcome{}, notYet("the conversation has no ticket yet")
	case entry.State != queue.StateCreated:
		// A dead letter that is replayed reads the visitor's answers with the conversation.
		return ticket.Outcome{Result: ticket.ResultSkipped, Why: "the conversation has no ticket"}, nil
	case !entry.Newer(*e.Satisfaction, e.OccurredAt):
		return ticket.Outcome{Result: ticket.ResultSkipped, Why: "a later answer is in the ticket"}, nil
	}
	outcome := ticket.Outcome{Result: ticket.ResultUpdated, Purpose: entry.Purpose, Ticket: entry.Ref}
	form, err := d.Directory.Form(ctx, site.Account, site.Tickets.FormID)
	if err != nil {
		return ticket.Outcome{}, err
	}
	if fields, err = form.Fit(fields); err != nil {
		return ticket.Outcome{}, err
	}
	tickets, ok := d.Tickets(site.Account, why.rank, why.held)
	if !ok {
		return ticket.Outcome{}, notConfigured(queue.LaneGate(site.Account), "the Zendesk account")
	}
	if why.preview {
		return outcome, nil
	}
	// A replica that lags behind may have told of an older entry, by which this answer would be the latest. What can be
	// written to the entry is the entry.
	if entry, err = d.noteAnswer(ctx, e, entry, entry); err != nil {
		return ticket.Outcome{}, err
	}
	if err := tickets.SetFields(ctx, entry.ID, fields); err != nil {
		return ticket.Outcome{}, err
	}
	_, err = d.noteAnswer(ctx, e, entry, entry.Answered(*e.Satisfaction, e.OccurredAt))
	return outcome, err
}

func (d *Deliverer) noteAnswer(ctx context.Context, e ticket.Event, old, entry queue.Entry) (queue.Entry, error) {
	written, err := d.Ledger.Write(ctx, e.Job(), old, entry)
	if errors.Is(err, queue.ErrMoved) {
		return old, notYet("the ledger entry changed meanwhile")
	}
	return written, err
}
