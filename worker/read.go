package worker

import (
	"context"
	"errors"

	"passerelle/pkg/ticket"
)

// read gives the conversation once it is complete. What iAdvize does not document is how soon after the webhook that
// is, so an incomplete one is asked for again until the patience is over.
func (d *Deliverer) read(ctx context.Context, e ticket.Event, site ticket.Site) (ticket.Conversation, error) {
	source, ok := d.Conversations(site.IAdvize)
	if !ok {
		return ticket.Conversation{}, notConfigured(connectionGate(site.IAdvize), "the iAdvize connection")
	}
	age := e.Age(d.now())
	c, err := source.Read(ctx, e.ConversationID)
	var f *ticket.Failure
	failed := errors.As(err, &f)
	if d.heard != nil && (err == nil || failed && f.Gate == "") {
		d.heard(ctx, site.Account, connectionGate(site.IAdvize))
	}
	if err != nil {
		if failed && f.Reason == ticket.ReasonConversationNotFound && f.Trouble == ticket.TroubleHiccup && age >= d.Patience {
			gone := *f
			gone.Trouble = ticket.TroubleJob
			return c, &gone
		}
		return c, err
	}
	_, handled := c.HandledBy()
	switch {
	case c.ClosedAt.IsZero() && age < d.Patience:
		return c, notYet("iAdvize does not say yet that the conversation is closed")
	case site.Tickets.Escalation && handled && !c.ClosingForm.Known && age < d.FormWait:
		return c, noFormYet()
	}
	return c, nil
}

func noFormYet() *ticket.Failure { return notYet("the agent's closing form cannot be read yet") }

// notYet is a wait that is normal.
func notYet(what string) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleHiccup, Reason: ticket.ReasonNotCompleteYet, Detail: ticket.Detail{Message: what}, Hint: "nothing: it is asked for again",
	}
}
