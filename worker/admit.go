package worker

import (
	"context"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

const (
	crowdedWait = 2 * time.Second
	placeWait   = 200 * time.Millisecond
	placeLong   = 5 * time.Second // for what waited already
)

// findPlace takes a place in the crowd of the event's account. What comes live waits a moment where
// answers come as usual, and not at all where they are late: there it would hold a slot for nothing.
func (w *Worker) findPlace(ctx context.Context, why errand, account string) (*attendance, bool) {
	wait := placeWait
	if why.held {
		wait = placeLong
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return w.crowd.await(ctx, account, why.held)
}

func crowded(account string) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleAccount, Limited: true, Gate: queue.LaneGate(account), Reason: ticket.ReasonExpired,
		Detail: ticket.Detail{Message: "enough of the account's conversations are in work already"}, Hint: "nothing: they are worked off in turn",
	}
}

// goesAhead tells whether an event whose gate is shut is tried all the same: an escalated conversation, whose account is
// well and has few calls left as we count, some of them for such. Where the account itself has refused a call it would be
// read, drawn and noted for nothing, and all of them would call in the moment in which the account takes calls again.
func (w *Worker) goesAhead(e ticket.Event, shut *ticket.Failure) bool {
	gate := queue.LaneGate(e.Account)
	return e.Escalated && shut.Limited && shut.Gate == gate && !w.gates.named(gate).After(w.now())
}

// sort finds out whether an event that has to wait for its account is an escalated conversation: among what waits those
// go first. That costs the Zendesk account no call. It tells whether there is nothing more to find out.
func (w *Worker) sort(ctx context.Context, e *ticket.Event, shut *ticket.Failure) (known bool) {
	site, ok := w.Directory.Site(ctx, e.Platform, e.ProjectID)
	if !ok || !site.Tickets.Escalation || e.Kind != ticket.KindClosed || e.Escalated || shut.Gate != queue.LaneGate(site.Account) {
		return true
	}
	source, ok := w.Conversations(site.IAdvize)
	if !ok || w.gates.closed(connectionGate(site.IAdvize)) {
		return true
	}
	form, err := source.ClosingForm(ctx, e.ConversationID)
	e.Escalated = err == nil && ticket.PurposeOf(ticket.Conversation{ClosingForm: form}, site.Tickets) == ticket.PurposeEscalation
	return err == nil && form.Known
}

// mustWait is the outcome of an event that has to wait for its account. One whose closing form may still come stays in the
// queue so long: of what is held nothing is asked again before its turn, and then it is too late to go first.
func (w *Worker) mustWait(e ticket.Event, why errand, known bool, f *ticket.Failure, after time.Duration) ticket.Outcome {
	if young := w.FormWait - e.Age(w.now()); !known && !why.held && young > 0 {
		return ticket.Outcome{Result: ticket.ResultRetry, Failure: noFormYet(), After: min(young, max(after, settlingWait))}
	}
	return ticket.Outcome{Result: ticket.ResultHeld, Failure: f, After: after}
}
