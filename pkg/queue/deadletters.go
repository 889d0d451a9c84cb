package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

// ErrNoDeadLetter says that there is none with that id.
var ErrNoDeadLetter = errors.New("no such dead letter")

// Buried is a dead letter where it lies.
type Buried struct {
	ticket.DeadLetter
	subject  string
	sequence uint64
}

// Filter chooses dead letters. Its zero value takes all.
type Filter struct {
	Site   string
	Reason ticket.Reason
	Since  time.Time // last failed at or after it
	Limit  int       // 0: no limit
}

func (f Filter) takes(d ticket.DeadLetter) bool {
	return (f.Site == "" || f.Site == d.Site) && (f.Reason == "" || f.Reason == d.Reason) &&
		(f.Since.IsZero() || !d.LastFailedAt.Before(f.Since))
}

// Bury stores a dead letter durably. The reason stands in a header as well, for people with NATS' own tools.
func (q *Queue) Bury(ctx context.Context, d ticket.DeadLetter) error {
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("store dead letter: %w", err)
	}
	msg := nats.NewMsg(deadSubject(d.Event))
	msg.Data = body
	msg.Header.Set("Passerelle-Reason", string(d.Reason))
	msg.Header.Set("Passerelle-Site", d.Site)
	if _, err := q.js.PublishMsg(ctx, msg); err != nil {
		return fmt.Errorf("store dead letter: %w", err)
	}
	return nil
}

// DeadLetters hands those that the filter takes to see, oldest first, one by one. An error of see ends it.
func (q *Queue) DeadLetters(ctx context.Context, filter Filter, see func(Buried) error) error {
	n := 0
	return q.walkDead(ctx, "dead.>", func(b Buried) error {
		if !filter.takes(b.DeadLetter) {
			return nil
		}
		if err := see(b); err != nil {
			return err
		}
		if n++; n == filter.Limit {
			return errStop
		}
		return nil
	})
}

// DeadLetter gives the one with that id; the error wraps ErrNoDeadLetter when there is none.
func (q *Queue) DeadLetter(ctx context.Context, id string) (Buried, error) {
	var found *Buried
	subject := "dead.*." + id
	if !validSubject(subject) {
		return Buried{}, fmt.Errorf("%w: %q", ErrNoDeadLetter, id)
	}
	err := q.walkDead(ctx, subject, func(b Buried) error { found = &b; return nil })
	if err == nil && found == nil {
		err = fmt.Errorf("%w: %s", ErrNoDeadLetter, id)
	}
	if err != nil {
		return Buried{}, err
	}
	return *found, nil
}

func validSubject(subject string) bool {
	for _, r := range subject[len("dead.*."):] {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.') {
			return false
		}
	}
	return len(subject) > len("dead.*.")
}

func (q *Queue) walkDead(ctx context.Context, subject string, see func(Buried) error) error {
	var seeing error
	err := walk(ctx, q.dead, subject, func(msg *jetstream.RawStreamMsg) error {
		b := Buried{subject: msg.Subject, sequence: msg.Sequence}
		if err := json.Unmarshal(msg.Data, &b.DeadLetter); err != nil {
			return fmt.Errorf("%s: %w", msg.Subject, err)
		}
		seeing = see(b)
		return seeing
	})
	if err != nil && seeing == nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	return err
}

// Discard throws a dead letter away for good, unless it was replayed or a newer one has taken its place. The ledger keeps
// that it was discarded, so that neither a sweep nor a backfill takes the conversation up again.
func (q *Queue) Discard(ctx context.Context, b Buried, now time.Time) error {
	lies, err := q.lies(ctx, b)
	if err != nil || !lies {
		return err
	}
	if b.Event.Kind == ticket.KindClosed && b.Reason != ticket.ReasonMalformed { // whose conversation is not known
		if err := q.noteDiscarded(ctx, b, now); err != nil {
			return fmt.Errorf("discard dead letter %s: %w", b.ID, err)
		}
	}
	return q.takeAway(ctx, b)
}

// noteDiscarded writes it into the ledger, unless the conversation has become something else meanwhile. The ledger may
// have forgotten the job, which the dead letter outlives.
func (q *Queue) noteDiscarded(ctx context.Context, b Buried, now time.Time) error {
	for {
		old, found, err := q.Look(ctx, b.Event.Job())
		if err != nil {
			return err
		}
		e := old
		if !found {
			e = Entry{State: StateDead, Reason: b.Reason, At: b.LastFailedAt}.Of(b.Event)
		}
		if e.State != StateDead {
			return nil
		}
		e.Past = e.History()
		e.DiscardedAt = now
		if _, err = q.Write(ctx, b.Event.Job(), old, e); !errors.Is(err, ErrMoved) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// takeAway takes a dead letter from where it lies, unless a newer one has taken its place.
func (q *Queue) takeAway(ctx context.Context, b Buried) error {
	err := q.dead.DeleteMsg(ctx, b.sequence)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return fmt.Errorf("take dead letter %s away: %w", b.ID, err)
	}
	if err != nil {
		if _, still := q.dead.GetMsg(ctx, b.sequence); still == nil {
			return fmt.Errorf("take dead letter %s away: %w", b.ID, err)
		}
	}
	return nil
}

// Unbury takes the dead letter of the event with that key away, whatever its account was then, once its ticket exists.
func (q *Queue) Unbury(ctx context.Context, key string) error {
	subject := "dead.*." + key
	if _, err := q.dead.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(subject)); errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // a look costs no write to the disk
	}
	if err := q.dead.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
		return fmt.Errorf("take dead letter %s away: %w", key, err)
	}
	return nil
}
