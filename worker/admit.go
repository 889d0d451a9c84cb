package worker

import (
	"context"
	"time"

	"passerelle/pkg/limit"
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
	backlog := why.rank == limit.Backlog
	wait := placeWait
	if backlog {
		wait = placeLong
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return w.crowd.await(ctx, backlog, account)
}

func crowded(account string) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleAccount, Limited: true, Gate: queue.LaneGate(account), Reason: ticket.ReasonExpired,
		Detail: ticket.Detail{Message: "enough of the account's conversations are in work already"}, Hint: "nothing: they are worked off in turn",
	}
}

// goesAhead finds out whether an event whose gate is shut is an escalated conversation, which goes first later on, and at
// once when its account is well and only has few calls left. That costs the Zendesk account no call.
func (w *Worker) goesAhead(ctx context.Context, e *ticket.Event, shut *ticket.Failure) bool {
	site, ok := w.Directory.Site(ctx, e.Platform, e.ProjectID)
	if !ok || !site.Tickets.Escalation || e.Kind != ticket.KindClosed || shut.Gate != queue.LaneGate(site.Account) {
		return false
	}
	if !e.Escalated {
		if _, _, shut := w.gates.shut(connectionGate(site.IAdvize)); shut {
			return false
		}
		c, err := w.read(ctx, *e, site)
		e.Escalated = err == nil && ticket.PurposeOf(c, site.Tickets) == ticket.PurposeEscalation
	}
	return e.Escalated && shut.Limited
}
