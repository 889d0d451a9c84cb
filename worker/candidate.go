package worker

import (
	"sync"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// candidate is a held event whose ticket may go into a bulk job.
type candidate struct {
	held  queue.Held
	event ticket.Event
	plan  plan
	entry queue.Entry // with the intent
}

// choose gives those whose tickets may be made in bulk, and delivers the others one by one. However many accounts have a
// backlog, the process reads no more conversations at once than it has events in work, but for those that have been waiting
// for an answer: more would take memory, and come no sooner. Of those that wait each account has a few, so that they hinder
// no other.
func (b *bulk) choose(held []queue.Held) []candidate {
	candidates, ahead := make([]*candidate, len(held)), make([]bool, len(held))
	var reading sync.WaitGroup
	mine := make(chan struct{}, batchHands)
	for i := range held {
		mine <- struct{}{}
		if !b.reads.wait(b.work) {
			break
		}
		reading.Go(func() {
			defer func() { <-mine }()
			defer b.reads.use()()
			candidates[i], ahead[i] = b.consider(held[i])
		})
	}
	reading.Wait()
	size := 0
	var fit []candidate
	var others []queue.Held
	for i, c := range candidates {
		if ahead[i] {
			continue
		}
		if c != nil {
			size += len(c.plan.draft.Comments[0].HTML)
		}
		if c == nil || size > batchBytes {
			others = append(others, held[i])
			continue
		}
		fit = append(fit, *c)
	}
	if len(fit) < batchLeast {
		for _, c := range fit {
			others = append(others, c.held)
		}
		fit = nil
	}
	for _, h := range others {
		b.alone(h)
	}
	return fit
}

// consider plans a ticket, and tells whether it may be made in bulk: an archive ticket with one comment, of which the
// ledger knows for sure that no try was made before. Nothing else protects a bulk job from making a second one. One that
// turns out to be an escalation goes ahead of all that: the run comes to it next.
func (b *bulk) consider(h queue.Held) (fit *candidate, ahead bool) {
	c := candidate{held: h, event: h.Event}
	e := &c.event
	site, ok := b.Directory.Site(b.work, e.Platform, e.ProjectID)
	if !ok || e.Kind != ticket.KindClosed || b.halted() || b.gates.closed(connectionGate(site.IAdvize)) {
		return nil, false
	}
	e.Site, e.Account = site.Name, site.Account
	e.Attempts++
	if e.Replays > 0 {
		b.Directory.Refresh(b.work, e.Platform, e.ProjectID, mended(*e))
	}
	entry, _, err := b.Ledger.Look(b.work, e.Job())
	if err != nil {
		return nil, false
	}
	var o ticket.Outcome
	c.plan, o, err = b.plan(b.work, e, site, entry, false)
	if e.Escalated && !h.Event.Escalated {
		found := h.Event
		found.Escalated = true
		return nil, b.queue.Rehold(b.work, h, found) == nil
	}
	if err != nil || o.Result != "" {
		return nil, false
	}
	known, err := b.known(b.work, *e, c.plan.conversation)
	untried := c.plan.entry.ID == 0 && c.plan.entry.IntendedAt.IsZero()
	if err != nil || !known || !untried || site.Account != b.account || c.plan.draft.Purpose != ticket.PurposeArchive || len(c.plan.draft.Comments) != 1 {
		return nil, false
	}
	return &c, false
}
