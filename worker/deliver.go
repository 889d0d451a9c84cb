package worker

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"sync"
	"time"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// Deliverer takes one event to its outcome. It may be used concurrently.
type Deliverer struct {
	World
	Settings

	habits *habits
	heard  func(ctx context.Context, account, gate string) // told of each answer of a connection; nil: nobody is
	pauses pauses
	now    func() time.Time

	sinceMu sync.Mutex
	since   time.Time // guarded by sinceMu; the ledger has been kept since then
	asked   time.Time // guarded by sinceMu; when it was asked for that
}

// errand says on whose behalf an event is delivered.
type errand struct {
	rank    limit.Rank
	preview bool // nothing is changed
	probe   bool // to find out whether the account is well again

	// It was held before. Its calls may wait for leave: it has nothing to lose, and a try that is broken off for want of its
	// second call makes the first again. What comes live makes room for others instead.
	held bool
}

// rankOf gives the rank of the calls for an event.
func (w errand) rankOf(e ticket.Event) limit.Rank {
	if e.Escalated {
		return limit.Urgent
	}
	return w.rank
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
	return d.outcome(ctx, e, errand{rank: limit.Live})
}

// Preview tells what Deliver would do now. It changes nothing.
func (d *Deliverer) Preview(ctx context.Context, e ticket.Event) ticket.Outcome {
	return d.outcome(ctx, &e, errand{rank: limit.Live, preview: true})
}

func (d *Deliverer) outcome(ctx context.Context, e *ticket.Event, why errand) ticket.Outcome {
	switch {
	case why.preview:
		d.Directory.Refresh(ctx, e.Platform, e.ProjectID, d.now())
	case e.Replays > 0:
		d.Directory.Refresh(ctx, e.Platform, e.ProjectID, mended(*e))
	}
	site, ok := d.Directory.Site(ctx, e.Platform, e.ProjectID)
	if !ok {
		return d.failed(*e, siteUnknown(*e), false)
	}
	e.Site, e.Account = site.Name, site.Account
	work := d.conversationEnded
	if e.Kind == ticket.KindSatisfaction {
		work = d.visitorAnswered
	}
	outcome, err := work(ctx, e, site, why)
	if err != nil && !why.preview {
		err = d.mayNotDie(ctx, *e, outcome, err)
	}
	if err != nil {
		failed := d.failed(*e, err, d.over(ctx, *e, err))
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

// conversationEnded makes the ticket of a conversation. Of an event that is tried for the first time the ledger knows
// nothing, unless it repeats one that is dealt with: so it is not asked, which each ticket would wait for. What it
// knows all the same shows when the intent is to be written; and it is asked before anything becomes a dead letter.
func (d *Deliverer) conversationEnded(ctx context.Context, e *ticket.Event, site ticket.Site, why errand) (outcome ticket.Outcome, err error) {
	first := e.Attempts <= 1 && e.Replays == 0 && !why.preview && !why.held
	if first {
		var begun bool
		outcome, begun, err = d.makeTicket(ctx, e, site, queue.Entry{}, why)
		var f *ticket.Failure
		hopeless := errors.As(err, &f) && f.Trouble == ticket.TroubleJob
		if begun || !hopeless && !errors.Is(err, queue.ErrMoved) {
			return outcome, err
		}
	}
	entry, _, unread := d.Ledger.Look(ctx, e.Job())
	switch {
	case unread != nil:
		return ticket.Outcome{}, unread
	case first && entry.State == "":
		return outcome, err
	case first && entry.State == queue.StateIntended: // by another worker, and maybe just now
		return ticket.Outcome{}, inHand(queue.ErrMoved)
	}
	outcome, _, err = d.makeTicket(ctx, e, site, entry, why)
	return outcome, err
}

// makeTicket takes a conversation from what the ledger knows of it to its outcome. begun tells whether the intent was
// written.
func (d *Deliverer) makeTicket(ctx context.Context, e *ticket.Event, site ticket.Site, entry queue.Entry, why errand) (outcome ticket.Outcome, begun bool, err error) {
	p, outcome, err := d.plan(ctx, e, site, entry, why.preview)
	if err != nil || outcome.Result != "" {
		return outcome, false, err
	}
	if why.preview {
		return ticket.Outcome{Result: ticket.ResultCreated, Purpose: p.draft.Purpose}, false, nil
	}
	tickets, ok := d.Tickets(site.Account, why.rankOf(*e), why.held)
	if !ok {
		return ticket.Outcome{}, false, notConfigured(queue.LaneGate(site.Account), "the Zendesk account")
	}
	m := making{d: d, account: site.Account, tickets: tickets, draft: p.draft, job: e.Job(), entry: p.entry, prior: p.entry}
	known, err := d.known(ctx, *e, p.conversation)
	if err != nil {
		return ticket.Outcome{}, false, err
	}
	m.mayExist = p.entry.State != "" || e.Replays > 0 || !known || d.old(p.conversation)
	intent := queue.Entry{State: queue.StateIntended, Purpose: p.draft.Purpose, IntendedAt: d.now()}.Of(*e).After(p.entry)
	outcome, err = m.make(ctx, intent)
	if !refusedAsDrawn(err) {
		return outcome, m.entry.State != p.entry.State, err
	}
	// The form or an agent may have changed since it was read.
	d.Directory.RefreshOld(ctx, e.Platform, e.ProjectID, d.now().Add(-deathRefresh))
	fresh, drawErr := d.draw(ctx, p.conversation, site, p.draft.Purpose)
	switch {
	case drawErr != nil:
		return outcome, true, drawErr
	case reflect.DeepEqual(fresh, p.draft):
		return outcome, true, err
	}
	m.draft, m.mayExist, intent.IntendedAt = fresh, false, d.now()
	outcome, err = m.make(ctx, intent)
	return outcome, true, err
}

// refusedAsDrawn tells whether Zendesk refused a ticket for what stands in it.
func refusedAsDrawn(err error) bool {
	var f *ticket.Failure
	return errors.As(err, &f) && f.Trouble == ticket.TroubleJob && f.Detail.Status == http.StatusUnprocessableEntity
}

// plan is a ticket that is wanted and can be made.
type plan struct {
	entry        queue.Entry // as it stands in the ledger
	conversation ticket.Conversation
	draft        ticket.Draft
}

// plan reads the conversation and draws its ticket up; entry is what the ledger knows of it. An outcome with a result says
// that there is nothing to be made. The event is marked when the conversation is an escalated one, even if its ticket
// cannot be drawn up.
func (d *Deliverer) plan(ctx context.Context, e *ticket.Event, site ticket.Site, entry queue.Entry, preview bool) (p plan, o ticket.Outcome, err error) {
	p.entry = entry
	switch entry.State {
	case queue.StateCreated:
		return p, ticket.Outcome{Result: ticket.ResultCreated, Purpose: p.entry.Purpose, Ticket: p.entry.Ref, Why: "the ticket exists already"}, nil
	case queue.StateSkipped:
		if !p.entry.ErasedAt.IsZero() {
			return p, ticket.Outcome{Result: ticket.ResultSkipped, Why: "the visitor's data was erased"}, nil
		}
		return p, ticket.Outcome{Result: ticket.ResultSkipped, Why: "the site wanted no ticket"}, nil
	case queue.StateDead:
		if e.Replays == 0 && !preview { // it repeats an event that nobody has in hand
			return p, ticket.Outcome{Result: ticket.ResultSkipped, Buried: true, Why: "it is a dead letter, or was one that was discarded: a replay tries it again"}, nil
		}
		fallthrough
	case queue.StateIntended:
		if err := d.mayBeInBulk(ctx, p.entry); err != nil {
			return p, o, err
		}
	}
	if p.conversation, err = d.read(ctx, *e, site); err != nil {
		return p, o, err
	}
	purpose := ticket.PurposeOf(p.conversation, site.Tickets)
	e.Escalated = purpose == ticket.PurposeEscalation
	if purpose == ticket.PurposeNone {
		o, err = d.skip(ctx, *e, p.entry, preview)
		return p, o, err
	}
	if p.draft, err = d.drawFresh(ctx, *e, p.conversation, site, purpose); err != nil {
		return p, o, err
	}
	if e.Replays == 0 { // a replay asks once more, in case the account has changed its ways
		err = d.habits.refuse(site.Account, p.draft.Doubtful, d.now())
	}
	return p, o, err
}

const (
	sinceAgain  = time.Second
	ledgerKeeps = 29 * 24 * time.Hour // a day less than an entry lives
)

// known tells whether the ledger would know of a ticket that an earlier try had made: it has been kept since the
// conversation ended and its event came, and forgets no entry so young.
func (d *Deliverer) known(ctx context.Context, e ticket.Event, c ticket.Conversation) (bool, error) {
	since, err := d.ledgerSince(ctx)
	young := c.ClosedAt.IsZero() || c.ClosedAt.After(since) && d.now().Sub(c.ClosedAt) < ledgerKeeps
	return young && e.ReceivedAt.After(since), err
}

// ledgerSince asks at most about once a second. A call that hangs keeps nobody else waiting.
func (d *Deliverer) ledgerSince(ctx context.Context) (time.Time, error) {
	d.sinceMu.Lock()
	since, now := d.since, d.now()
	fresh := now.Sub(d.asked) <= sinceAgain
	d.sinceMu.Unlock()
	if fresh {
		return since, nil
	}
	since, err := d.Ledger.LedgerSince(ctx)
	if err != nil {
		return time.Time{}, err
	}
	d.sinceMu.Lock()
	defer d.sinceMu.Unlock()
	if now.After(d.asked) { // the latest answer counts
		d.since, d.asked = since, now
	}
	return since, nil
}

// old conversations come from a replay or a backfill: somebody may have made their ticket long ago.
func (d *Deliverer) old(c ticket.Conversation) bool {
	return !c.ClosedAt.IsZero() && d.now().Sub(c.ClosedAt) > keyProtects
}

func notConfigured(gate, what string) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleAccount, Gate: gate, Here: true, Reason: ticket.ReasonSiteUnknown,
		Detail: ticket.Detail{Message: what + " is not in the configuration of this worker"},
		Hint:   "give all workers one configuration, and restart those that lack the account",
	}
}

func (d *Deliverer) skip(ctx context.Context, e ticket.Event, entry queue.Entry, preview bool) (ticket.Outcome, error) {
	outcome := ticket.Outcome{Result: ticket.ResultSkipped, Why: "the site wants no ticket of it"}
	if preview {
		return outcome, nil
	}
	_, err := d.Ledger.Write(ctx, e.Job(), entry, queue.Entry{State: queue.StateSkipped, At: d.now()}.Of(e).After(entry))
	return outcome, err
}

// deathRefresh is how old what is known of a form and of agents may be when it makes a dead letter.
const deathRefresh = 30 * time.Second

// mended is when a person had mended what an event that is replayed died of, at the latest. Clocks differ.
func mended(e ticket.Event) time.Time { return e.RevivedAt.Add(clockSlack) }

const clockSlack = time.Second

// drawFresh draws the ticket up, and once more with what the account says now before it is given up for lost: a form
// that was mended a moment ago must not make a dead letter.
func (d *Deliverer) drawFresh(ctx context.Context, e ticket.Event, c ticket.Conversation, site ticket.Site, purpose ticket.Purpose) (ticket.Draft, error) {
	draft, err := d.draw(ctx, c, site, purpose)
	var f *ticket.Failure
	if !errors.As(err, &f) || f.Trouble != ticket.TroubleJob {
		return draft, err
	}
	d.Directory.RefreshOld(ctx, e.Platform, e.ProjectID, d.now().Add(-deathRefresh))
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
