package main

import (
	"context"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/site"
)

// preview tells what a replay would do, by all but the last step of a delivery.
type preview struct {
	works

	config  *site.Config
	missing []site.Missing // references that cannot be resolved here
}

func newPreview(ctx context.Context, e environment, q *queue.Queue, done *cleanups) (preview, error) {
	config, err := configInForce(ctx, e, q)
	if err != nil {
		return preview{}, err
	}
	w, err := wireWorks(e, config, q, done)
	if err == nil {
		w.workers.Store(besideServing)
	}
	return preview{w, config, config.Unresolved()}, err
}

// ready gives an error when the secrets for one of the kinds are not at hand, so that nothing is printed before it.
func (p preview) ready(plan replayPlan) error {
	for _, k := range plan.Kinds {
		if err := p.secrets(k.first); err != nil {
			return err
		}
	}
	return nil
}

func (p preview) secrets(b queue.Buried) error {
	s, ok := p.config.Site(b.Event.Platform, b.Event.ProjectID)
	if !ok {
		return nil // which is what the preview says
	}
	return lacking(p.missing, s, site.ReadConversations, site.WriteTickets)
}

// look says of one dead letter what would become of it.
func (p preview) look(ctx context.Context, b queue.Buried) (replayed, error) {
	if err := p.secrets(b); err != nil {
		return replayed{}, err
	}
	o := p.deliverer.Preview(ctx, b.Revive(time.Now()))
	r := replayed{ID: b.ID, Result: string(o.Result), Ref: o.Ticket, Why: o.Why}
	if o.Failure != nil {
		r.Reason, r.Detail, r.Hint = o.Failure.ReasonNow(), &o.Failure.Detail, o.Failure.Hint
	}
	return r, ctx.Err()
}
