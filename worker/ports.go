// Package worker makes tickets of the events in the queue.
package worker

import (
	"context"
	"time"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// Conversations reads from iAdvize. Errors are *ticket.Failure.
type Conversations interface {
	Read(ctx context.Context, id string) (ticket.Conversation, error)
	// ClosingForm reads only that part, which is short.
	ClosingForm(ctx context.Context, id string) (ticket.ClosingForm, error)
}

// Tickets writes to one Zendesk account. Errors are *ticket.Failure.
type Tickets interface {
	Create(ctx context.Context, d ticket.Draft) (ref ticket.Ref, stamp string, err error)
	Find(ctx context.Context, externalID string) (ticket.Ref, bool, error)
	// CountComments counts our comments in a ticket. The stamp says how the ticket was before.
	CountComments(ctx context.Context, id int64) (n int, stamp string, err error)
	// AddComment adds nothing to a ticket that changed since the stamp. It gives the next stamp.
	AddComment(ctx context.Context, id int64, c ticket.Comment, stamp string) (next string, err error)
	SetFields(ctx context.Context, id int64, fields []ticket.FieldValue) error
}

// Directory knows sites, agents and forms.
type Directory interface {
	Site(ctx context.Context, platform string, projectID int64) (ticket.Site, bool)
	// Refresh makes sure that what a person had mended at that time is seen.
	Refresh(ctx context.Context, platform string, projectID int64, mended time.Time)
	// RefreshOld is Refresh for what was known before that time.
	RefreshOld(ctx context.Context, platform string, projectID int64, before time.Time)
	Agent(ctx context.Context, account, email string) (ticket.AgentUser, bool, error)
	Form(ctx context.Context, account string, id int64) (ticket.Form, error)
}

// World is everything outside that a delivery needs. The functions give the client of a connection or account by its
// name, and whether it is configured.
type World struct {
	Directory     Directory
	Conversations func(connection string) (Conversations, bool)
	Tickets       func(account string, rank limit.Rank, patient bool) (Tickets, bool) // patient: its calls may wait for others
	Ledger        Ledger
	Bulk          func(account string) (Bulk, BulkTerms, bool)  // may be nil: no bulk jobs
	Budget        func(account string) (queue.LaneBudget, bool) // for people who look; may be nil
}

// Ledger is what became of each job.
type Ledger interface {
	Look(ctx context.Context, job ticket.Job) (queue.Entry, bool, error)
	Write(ctx context.Context, job ticket.Job, old, e queue.Entry) (queue.Entry, error)
	// LedgerSince tells since when the ledger has been kept; it is now when it was wiped.
	LedgerSince(ctx context.Context) (time.Time, error)
	// Forget takes an entry out, unless another worker has written it meanwhile.
	Forget(ctx context.Context, job ticket.Job, e queue.Entry) error
	// BatchOpen tells whether a bulk job is still to be settled.
	BatchOpen(ctx context.Context, account, id string) (bool, error)
	// LeaseToken makes sure that only one worker at a time writes late facts into a ticket.
	LeaseToken(ctx context.Context, name string, life time.Duration) (release func(), ok bool, err error)
}

// Settings are the worker's bounds. The zero value of each means its default.
type Settings struct {
	Slots       int           // events in work at once, and as many candidates for bulk jobs; default 32
	Patience    time.Duration // how long a conversation may stay unreadable; default 15 min
	FormWait    time.Duration // how long an agent's closing form may lag behind the close; default 20 s
	Expiry      time.Duration // how long an event may wait in all; default 72 h
	LaneSlots   int           // held events of one account in work at once; default 16
	LaneQuantum time.Duration // how long one account is drained before others that wait have their turn; default 10 s
	Lanes       int           // accounts whose held events are worked off at once; default 64
	Crowd       int           // deliveries of one account at once, before the bound is learned; default 8
	BulkDoubt   time.Duration // how long a bulk job may work whose id is not known, or that Zendesk does not know; default 5 min
	LaneSweep   time.Duration // how often to look for accounts that hold events and have no alarm; default 10 min
	SlotTime    time.Duration // an event that takes longer gives its slot to another one; default 100 ms: what waits for an answer needs no processor
}

func (s Settings) withDefaults() Settings {
	setDefault(&s.Slots, 32)
	setDefault(&s.Patience, 15*time.Minute)
	setDefault(&s.FormWait, 20*time.Second)
	setDefault(&s.Expiry, 72*time.Hour)
	setDefault(&s.LaneSlots, 16)
	setDefault(&s.LaneQuantum, 10*time.Second)
	setDefault(&s.Lanes, 64)
	setDefault(&s.Crowd, 8)
	setDefault(&s.BulkDoubt, 5*time.Minute)
	setDefault(&s.LaneSweep, 10*time.Minute)
	setDefault(&s.SlotTime, 100*time.Millisecond)
	return s
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
