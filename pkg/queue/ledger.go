package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

// State is how far a job has come.
type State string

// The states of a ledger entry.
const (
	StateIntended State = "intended" // a call that creates the ticket may have been made
	StateCreated  State = "created"
	StateSkipped  State = "skipped"
	StateDead     State = "dead"
)

// Entry is what the ledger knows of a job. It holds no personal data.
type Entry struct {
	State      State          `json:"state"`
	Site       string         `json:"site,omitempty"`
	Account    string         `json:"account,omitempty"`
	Purpose    ticket.Purpose `json:"purpose,omitempty"`
	Reason     ticket.Reason  `json:"reason,omitempty"`     // of a dead letter
	ReceivedAt time.Time      `json:"received_at,omitzero"` // when the event was stored that says the conversation ended
	Attempts   int            `json:"attempts,omitempty"`   // tries, over all deliveries
	Replays    int            `json:"replays,omitempty"`    // how often it came back from the dead letters
	IntendedAt time.Time      `json:"intended_at,omitzero"`
	Batch      string         `json:"batch,omitempty"` // the bulk job that the intent is part of
	At         time.Time      `json:"at"`
	ErasedAt   time.Time      `json:"erased_at,omitzero"` // when the visitor's data was erased; no ticket is made any more
	ticket.Ref
	Past

	// When the answers that are in the ticket were given, by iAdvize's clock.
	ScoreAt          time.Time `json:"score_at,omitzero"`
	RecommendationAt time.Time `json:"recommendation_at,omitzero"`
	CommentAt        time.Time `json:"comment_at,omitzero"`

	revision uint64 // 0: not in the ledger yet
}

// Past is what happened to a job's dead letters, and outlives them. Of each only the last time is kept.
type Past struct {
	DiedAt      time.Time     `json:"died_at,omitzero"`
	DiedOf      ticket.Reason `json:"died_of,omitempty"`
	ReplayedAt  time.Time     `json:"replayed_at,omitzero"`
	DiscardedAt time.Time     `json:"discarded_at,omitzero"` // an operator threw the dead letter away
}

// ErrMoved says that another worker has written the same entry meanwhile.
var ErrMoved = errors.New("the ledger entry was changed by another worker")

// Look gives a job's entry, and whether there is one.
func (q *Queue) Look(ctx context.Context, job ticket.Job) (Entry, bool, error) {
	kv, err := q.ledger.Get(ctx, string(job))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, fmt.Errorf("read ledger: %w", err)
	}
	var e Entry
	if err := json.Unmarshal(kv.Value(), &e); err != nil {
		return Entry{}, false, fmt.Errorf("read ledger entry of %s: %w", job, err)
	}
	e.revision = kv.Revision()
	return e, true, nil
}

// Write replaces the entry that was looked up; old is the zero Entry for a job that had none. Of two workers that hold
// one job only the first one gets through; the other one gets ErrMoved.
func (q *Queue) Write(ctx context.Context, job ticket.Job, old, e Entry) (Entry, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return Entry{}, fmt.Errorf("write ledger: %w", err)
	}
	e.revision, err = replace(ctx, q.ledger, string(job), body, old.revision)
	switch {
	case err == nil:
		return e, nil
	case errors.Is(err, errChanged):
		return Entry{}, ErrMoved
	default:
		return Entry{}, fmt.Errorf("write ledger: %w", err)
	}
}

// Forget takes an entry out of the ledger, as if nothing had been intended. It gives ErrMoved when another worker has
// written the entry meanwhile.
func (q *Queue) Forget(ctx context.Context, job ticket.Job, e Entry) error {
	err := q.ledger.Delete(ctx, string(job), jetstream.LastRevision(e.revision))
	switch {
	case overtaken(err):
		return ErrMoved
	case err != nil:
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// Of notes in the entry what is known of the event that it is about.
func (e Entry) Of(event ticket.Event) Entry {
	e.Site, e.Account = event.Site, event.Account
	e.ReceivedAt, e.Attempts, e.Replays = event.ReceivedAt, event.Attempts, event.Replays
	if event.RevivedAt.After(e.ReplayedAt) {
		e.ReplayedAt = event.RevivedAt
	}
	return e
}

// After keeps in the entry what happened to the job before, where prior is the entry that it takes the place of.
func (e Entry) After(prior Entry) Entry {
	replayed := e.ReplayedAt
	e.Past = prior.History()
	if replayed.After(e.ReplayedAt) {
		e.ReplayedAt = replayed
	}
	return e
}

// History gives the entry's past; of one that an older version wrote as much as it says.
func (e Entry) History() Past {
	if e.State == StateDead && e.DiedAt.IsZero() {
		e.DiedAt, e.DiedOf = e.At, e.Reason
	}
	return e.Past
}

// Newer tells whether an answer given at that time is later than what is in the ticket.
func (e Entry) Newer(s ticket.Satisfaction, at time.Time) bool {
	return s.Score != nil && at.After(e.ScoreAt) ||
		s.Recommendation != nil && at.After(e.RecommendationAt) ||
		s.Comment != "" && at.After(e.CommentAt)
}

// Answered notes that an answer given at that time is in the ticket.
func (e Entry) Answered(s ticket.Satisfaction, at time.Time) Entry {
	if s.Score != nil {
		e.ScoreAt = at
	}
	if s.Recommendation != nil {
		e.RecommendationAt = at
	}
	if s.Comment != "" {
		e.CommentAt = at
	}
	return e
}
