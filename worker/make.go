package worker

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// making is one ticket on its way into Zendesk.
type making struct {
	d        *Deliverer
	account  string
	tickets  Tickets
	draft    ticket.Draft
	job      ticket.Job
	entry    queue.Entry // as it stands in the ledger
	prior    queue.Entry // as it stood before this try
	mayExist bool        // an earlier try may have made the ticket
	lookup   ticket.Lookup
	stamp    string // of the ticket, when this try has made it
}

// make writes the intent, makes the ticket or finds it, and writes down that it exists. A crash between two of these
// steps leads back here with mayExist set. With an error the outcome still tells
// of the look-up, and of the ticket if it is known to exist.
func (m *making) make(ctx context.Context, intent queue.Entry) (ticket.Outcome, error) {
	intent.Ref = m.entry.Ref
	if err := m.note(ctx, intent); err != nil {
		return ticket.Outcome{}, err
	}
	err := m.create(ctx)
	if err != nil {
		var f *ticket.Failure
		if !m.mayExist && errors.As(err, &f) && f.Trouble == ticket.TroubleAccount {
			m.d.takeBack(ctx, m.job, m.entry, m.prior)
		}
	}
	outcome := ticket.Outcome{Lookup: m.lookup, Ticket: m.entry.Ref}
	if err != nil {
		return outcome, err
	}
	if err := m.complete(ctx); err != nil {
		return outcome, err
	}
	if err := m.noteCreated(ctx); err != nil {
		return outcome, err
	}
	outcome.Result, outcome.Purpose, outcome.Ticket = ticket.ResultCreated, m.draft.Purpose, m.entry.Ref
	return outcome, nil
}

// takeBack takes an intent back when Zendesk, or the account's budget, refused the call for the account's own sake: then
// nothing was made, and the next try need not look for it. What cannot be taken back costs a look-up.
func (d *Deliverer) takeBack(ctx context.Context, job ticket.Job, entry, prior queue.Entry) {
	if prior.State == "" {
		_ = d.Ledger.Forget(ctx, job, entry)
		return
	}
	_, _ = d.Ledger.Write(ctx, job, entry, prior)
}

// noteCreated writes down that the ticket exists. That is true whatever another worker wrote meanwhile (an intent, or
// that the job is dead), so it goes before it.
func (m *making) noteCreated(ctx context.Context) error {
	ref := m.entry.Ref
	for attempt := 1; ; attempt++ {
		created := m.entry
		created.State, created.At, created.Reason, created.Batch, created.Ref = queue.StateCreated, m.d.now(), "", "", ref
		err := m.note(ctx, created)
		if !errors.Is(err, queue.ErrMoved) || attempt == notings {
			return err
		}
		if m.entry, _, err = m.d.Ledger.Look(ctx, m.job); err != nil {
			return err
		}
		if m.entry.State == queue.StateCreated {
			return nil // by the worker that has the same job
		}
	}
}

// notings bounds how often an entry that others change is written.
const notings = 3

func (m *making) note(ctx context.Context, e queue.Entry) error {
	if e.At.IsZero() {
		e.At = m.d.now()
	}
	written, err := m.d.Ledger.Write(ctx, m.job, m.entry, e)
	if errors.Is(err, queue.ErrMoved) {
		return inHand(err)
	}
	if err == nil {
		m.entry = written
	}
	return err
}

func inHand(err error) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleHiccup, Err: err, Hint: "nothing: the other worker's result counts",
		Detail: ticket.Detail{Message: "another worker has this conversation in hand"},
	}
}

// create makes the ticket, unless an earlier try did.
func (m *making) create(ctx context.Context) (err error) {
	if m.entry.ID != 0 {
		return nil
	}
	ref, found := ticket.Ref{}, false
	if m.mayExist {
		if ref, found, err = m.tickets.Find(ctx, m.draft.ExternalID); err != nil {
			var f *ticket.Failure
			if !errors.As(err, &f) || !f.Limited { // for want of a call it was not made
				m.lookup = ticket.LookupFailed
			}
			return err
		}
		m.lookup = ticket.LookupAbsent
		if found {
			m.lookup = ticket.LookupFound
		}
	}
	if !found {
		if m.d.now().Sub(m.entry.At) > freshIntent {
			return notYetMade()
		}
		if ref, m.stamp, err = m.tickets.Create(ctx, m.draft); err != nil {
			m.d.habits.learn(m.account, m.draft.Doubtful, err, m.d.now())
			return err
		}
	}
	m.entry.Ref = ref
	return nil
}

// freshIntent is how soon after the intent was written the ticket must be on its way. A process that was stopped in
// between (by its machine, by an operator) must not go on where it was: another worker has the job by then.
const freshIntent = time.Minute

func notYetMade() *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleHiccup, Hint: "nothing: the ledger is read again",
		Detail: ticket.Detail{Message: "this process was stopped before it could create the ticket"},
	}
}

// One worker at a time adds comments to a ticket, because Zendesk takes the same comment twice. Who was stopped and goes
// on later sends none.
const (
	commentLease = time.Minute
	commentTime  = commentLease / 2 // a comment is begun before; a call takes less than the other half
)

// complete adds the comments after the first one. The ticket's id is in the ledger before, so that a crash in between
// does not make a second ticket; comments that are there already are counted, and the ticket's stamp keeps those out that
// Zendesk writes later than anybody waits.
func (m *making) complete(ctx context.Context) error {
	if len(m.draft.Comments) == 1 {
		return nil
	}
	if err := m.note(ctx, m.entry); err != nil {
		return err
	}
	if m.stamp != "" {
		if missing, err := m.completeFresh(ctx); err != nil || !missing {
			return err
		}
	}
	leased := m.d.now()
	release, mine, err := m.d.Ledger.LeaseToken(ctx, "comments/"+string(m.job), commentLease)
	if err != nil {
		return err
	}
	if !mine {
		return notYet("another worker adds comments to the same ticket")
	}
	defer release()
	there, stamp, err := m.tickets.CountComments(ctx, m.entry.ID)
	if err != nil {
		return err
	}
	for i := there; i < len(m.draft.Comments); i++ {
		if m.d.now().Sub(leased) > commentTime {
			return notYet("the time to add comments is over")
		}
		if stamp, err = m.tickets.AddComment(ctx, m.entry.ID, m.draft.Comments[i], stamp); err != nil {
			return notSoon(err)
		}
	}
	return nil
}

// completeFresh adds the comments to the ticket that this try has made: it has the first one only, and nobody else knows
// of it. When the ticket has changed since, they are missing still, and must be counted.
func (m *making) completeFresh(ctx context.Context) (missing bool, err error) {
	made, stamp := m.d.now(), m.stamp
	for _, comment := range m.draft.Comments[1:] {
		if m.d.now().Sub(made) > commentTime || stamp == "" {
			return true, nil
		}
		if stamp, err = m.tickets.AddComment(ctx, m.entry.ID, comment, stamp); err != nil {
			var f *ticket.Failure
			if errors.As(err, &f) && f.Detail.Status == http.StatusConflict {
				return true, nil
			}
			return true, notSoon(err)
		}
	}
	return false, nil
}

// lateComment is longer than two changes of a ticket may lie apart and have the same stamp.
const lateComment = 2 * time.Second

// notSoon makes sure that a comment is not tried again while the one without an answer could still be written under the
// same stamp.
func notSoon(err error) error {
	var f *ticket.Failure
	if !errors.As(err, &f) {
		return err
	}
	again := *f
	if f.Trouble == ticket.TroubleAccount {
		again.After = cmp.Or(f.After, accountWait)
	}
	again.After = max(again.After, lateComment)
	return &again
}
