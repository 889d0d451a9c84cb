package worker

import (
	"context"
	"errors"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// Deliverer takes one event to its outcome. It may be used concurrently.
type Deliverer struct {
	World
	Settings

	habits *habits
	now    func() time.Time
}

// NewDeliverer makes one.
func NewDeliverer(w World, s Settings) *Deliverer {
	return &Deliverer{World: w, Settings: s.withDefaults(), habits: &habits{}, now: time.Now}
}

// keyProtects is a little less than the two hours for which Zendesk remembers an Idempotency-Key. After it a ticket
// is looked up before one is made.
const keyProtects = 100 * time.Minute

// Deliver does all that an event asks for, but for what belongs to the queue. It completes the event's site and
// account. Every step may be repeated after a crash: the ledger is written before a ticket is made and after.
func (d *Deliverer) Deliver(ctx context.Context, e *ticket.Event) ticket.Outcome {
	return d.outcome(ctx, e, false)
}

// Preview tells what Deliver would do now. It changes nothing.
func (d *Deliverer) Preview(ctx context.Context, e ticket.Event) ticket.Outcome {
	return d.outcome(ctx, &e, true)
}

func (d *Deliverer) outcome(ctx context.Context, e *ticket.Event, preview bool) ticket.Outcome {
	if e.Replays > 0 || preview {
		d.Directory.Refresh(ctx, e.Platform, e.ProjectID, replayRefresh)
	}
	site, ok := d.Directory.Site(ctx, e.Platform, e.ProjectID)
	if !ok {
		return d.failed(*e, siteUnknown(*e))
	}
	e.Site, e.Account = site.Name, site.Account
	work := d.conversationEnded
	if e.Kind == ticket.KindSatisfaction {
		work = d.visitorAnswered
	}
	outcome, err := work(ctx, *e, site, preview)
	if err != nil && !preview {
		err = d.mayNotDie(ctx, *e, outcome, err)
	}
	if err != nil {
		failed := d.failed(*e, err)
		failed.Lookup = outcome.Lookup
		return failed
	}
	return outcome
}

func siteUnknown(e ticket.Event) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleJob, Reason: ticket.ReasonSiteUnknown,
		Detail: ticket.Detail{Message: "no site is configured for this iAdvize project"},
		Hint:   "add a site with project_id " + decimal(e.ProjectID) + " (platform " + e.Platform + ") to the configuration, then replay",
	}
}

func (d *Deliverer) conversationEnded(ctx context.Context, e ticket.Event, site ticket.Site, preview bool) (ticket.Outcome, error) {
	entry, _, err := d.Ledger.Look(ctx, e.Job())
	if err != nil {
		return ticket.Outcome{}, err
	}
	switch entry.State {
	case queue.StateCreated:
		return ticket.Outcome{Result: ticket.ResultCreated, Purpose: entry.Purpose, Ticket: entry.Ref, Why: "the ticket exists already"}, nil
	case queue.StateSkipped:
		if !entry.ErasedAt.IsZero() {
			return ticket.Outcome{Result: ticket.ResultSkipped, Why: "the visitor's data was erased"}, nil
		}
		return ticket.Outcome{Result: ticket.ResultSkipped, Why: "the site wanted no ticket"}, nil
	case queue.StateIntended, queue.StateDead:
	}
	conversation, err := d.read(ctx, e, site)
	if err != nil {
		return ticket.Outcome{}, err
	}
	purpose := ticket.PurposeOf(conversation, site.Tickets)
	if purpose == ticket.PurposeNone {
		return d.skip(ctx, e, entry, preview)
	}
	draft, err := d.drawFresh(ctx, e, conversation, site, purpose)
	if err != nil {
		return ticket.Outcome{}, err
	}
	if e.Replays == 0 { // a replay asks once more, in case the account has changed its ways
		if refused := d.habits.refuse(site.Account, draft.Doubtful, d.now()); refused != nil {
			return ticket.Outcome{}, refused
		}
	}
	if preview {
		return ticket.Outcome{Result: ticket.ResultCreated, Purpose: purpose}, nil
	}
	tickets, ok := d.Tickets(site.Account)
	if !ok {
		return ticket.Outcome{}, notConfigured("zendesk/"+site.Account, "the Zendesk account")
	}
	m := making{d: d, account: site.Account, tickets: tickets, draft: draft, job: e.Job(), entry: entry}
	m.mayExist = entry.State != "" || e.Replays > 0 || d.old(conversation)
	return m.make(ctx, queue.Entry{State: queue.StateIntended, Purpose: purpose, IntendedAt: d.now()}.Of(e))
}

// old conversations come from a replay or a backfill: somebody may have made their ticket long ago.
func (d *Deliverer) old(c ticket.Conversation) bool {
	return !c.ClosedAt.IsZero() && d.now().Sub(c.ClosedAt) > keyProtects
}

func notConfigured(gate, what string) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleAccount, Gate: gate, Reason: ticket.ReasonSiteUnknown,
		Detail: ticket.Detail{Message: what + " is not in the configuration of this worker"},
		Hint:   "give all workers one configuration, and restart those that lack the account",
	}
}

func (d *Deliverer) skip(ctx context.Context, e ticket.Event, entry queue.Entry, preview bool) (ticket.Outcome, error) {
	outcome := ticket.Outcome{Result: ticket.ResultSkipped, Why: "the site wants no ticket of it"}
	if preview {
		return outcome, nil
	}
	_, err := d.Ledger.Write(ctx, e.Job(), entry, queue.Entry{State: queue.StateSkipped, At: d.now()}.Of(e))
	return outcome, err
}

// read gives the conversation once it is complete. What iAdvize does not document is how soon after the webhook that
// is, so an incomplete one is asked for again until the patience is over.
func (d *Deliverer) read(ctx context.Context, e ticket.Event, site ticket.Site) (ticket.Conversation, error) {
	source, ok := d.Conversations(site.IAdvize)
	if !ok {
		return ticket.Conversation{}, notConfigured("iadvize/"+site.IAdvize, "the iAdvize connection")
	}
	age := e.Age(d.now())
	c, err := source.Read(ctx, e.ConversationID)
	if err != nil {
		var f *ticket.Failure
		if errors.As(err, &f) && f.Reason == ticket.ReasonConversationNotFound && f.Trouble == ticket.TroubleHiccup && age >= d.Patience {
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
		return c, notYet("the agent's closing form cannot be read yet")
	}
	return c, nil
}

func notYet(what string) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleHiccup, Reason: ticket.ReasonConversationNotFound, Detail: ticket.Detail{Message: what}, Hint: "nothing: it is asked for again",
	}
}

// How old what is known of a form may be when it counts.
const (
	replayRefresh = 5 * time.Second
	deathRefresh  = 30 * time.Second
)

// drawFresh draws the ticket up, and once more with what the account says now before it is given up for lost: a form
// that was mended a moment ago must not make a dead letter.
func (d *Deliverer) drawFresh(ctx context.Context, e ticket.Event, c ticket.Conversation, site ticket.Site, purpose ticket.Purpose) (ticket.Draft, error) {
	draft, err := d.draw(ctx, c, site, purpose)
	var f *ticket.Failure
	if !errors.As(err, &f) || f.Trouble != ticket.TroubleJob {
		return draft, err
	}
	d.Directory.Refresh(ctx, e.Platform, e.ProjectID, deathRefresh)
	if fresh, ok := d.Directory.Site(ctx, e.Platform, e.ProjectID); ok {
		site = fresh
	}
	return d.draw(ctx, c, site, purpose)
}

// draw finds the people and the form, and draws the ticket up.
func (d *Deliverer) draw(ctx context.Context, c ticket.Conversation, site ticket.Site, purpose ticket.Purpose) (ticket.Draft, error) {
	var people ticket.People
	var err error
	if agent, ok := c.HandledBy(); ok && site.Tickets.AssignToAgent && agent.Email != "" {
		if people.Handler, _, err = d.Directory.Agent(ctx, site.Account, agent.Email); err != nil {
			return ticket.Draft{}, err
		}
	}
	if purpose == ticket.PurposeArchive && !people.Handler.Assignable(site.Tickets.GroupID) && site.Tickets.FallbackAssignee != "" {
		if people.Fallback, _, err = d.Directory.Agent(ctx, site.Account, site.Tickets.FallbackAssignee); err != nil {
			return ticket.Draft{}, err
		}
	}
	form, err := d.Directory.Form(ctx, site.Account, site.Tickets.FormID)
	if err != nil {
		return ticket.Draft{}, err
	}
	return ticket.Draw(c, site, purpose, form, people)
}
