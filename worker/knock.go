package worker

import (
	"context"
	"errors"
	"net/http"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// knock finds out whether an account in trouble answers, before a ticket is made there. It gives the failure of one that
// does not. Looking for a ticket costs little and changes nothing: a silent account is found out in seconds, where what
// creates something is waited for much longer and leaves a doubt. What is too old to wait is tried all the same: it ends
// with what the account says to it.
func (w *Worker) knock(ctx context.Context, e ticket.Event, why errand) *ticket.Failure {
	gate := queue.LaneGate(e.Account)
	patience := w.gates.patience(gate)
	if patience == 0 || w.over(ctx, e, nil) {
		return nil
	}
	tickets, ok := w.Tickets(e.Account, why.rankOf(e), why.held)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _, err := tickets.Find(ctx, ticket.ExternalID(e.ConversationID))
	var f *ticket.Failure
	if errors.As(err, &f) && f.Trouble == ticket.TroubleAccount && (f.Limited || !refusal(f.Detail.Status)) {
		return f
	}
	w.gates.answered(gate)
	return nil
}

// refusal tells whether a status is an answer that says what is wrong with the call.
func refusal(status int) bool {
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError
}
