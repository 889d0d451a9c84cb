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

// Hold keeps an event until its account is well again, and sets the account's alarm clock unless one rings as early. An
// event that is known to be an escalation waits ahead of the others. When it returns without an error, both are on the
// disk.
//
// The alarm that is known is looked at in the same message, where the stream has no replicas. With replicas the leader looks
// before the others have confirmed: one message of an account could be on its way at a time, and would not see that the
// alarm is about to ring. https://github.com/nats-io/nats-server/blob/v2.15.2/server/jetstream_batching.go
func (q *Queue) Hold(ctx context.Context, e ticket.Event, until time.Time) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("hold event: %w", err)
	}
	subject := holdSubject(e.Escalated, e.Account, e.Key())
	if set, ok := q.alarms.early(e.Account, until, time.Now()); ok && q.holdAlone {
		_, err := q.js.Publish(ctx, subject, body, jetstream.WithExpectLastSequenceForSubject(set.sequence, wakeSubject(e.Account)))
		if err == nil {
			return nil // stored while that alarm was still set: in one message to the server instead of two
		}
		if _, other := anotherSequence(err); !other {
			return fmt.Errorf("hold event: %w", err)
		}
		q.alarms.forget(e.Account, set.sequence) // it rang, or somebody set another one
	}
	if _, err := q.js.Publish(ctx, subject, body); err != nil {
		return fmt.Errorf("hold event: %w", err)
	}
	return q.Wake(ctx, e.Account, until)
}

// Run is an account's alarm that rang. Whoever has it works off the account's held events until Done. Two may do so at
// once, when an alarm was set anew or its holder was stopped for a while: a held event must bear being delivered twice.
type Run struct {
	Account string
	msg     jetstream.Msg
}

// Done ends the run; the next alarm must be set before.
func (r Run) Done(ctx context.Context) error {
	if err := r.msg.DoubleAck(ctx); err != nil {
		return fmt.Errorf("end the run of account %q: %w", r.Account, err)
	}
	return nil
}

// Working says that the run goes on.
func (r Run) Working() error { return r.msg.InProgress() }

// GiveBack lets another worker have the run, a moment later: whatever failed would fail at once again.
func (r Run) GiveBack() error { return r.msg.NakWithDelay(runRest) }

const runRest = 2 * time.Second

// Runs hands out alarms. Next must not be called concurrently.
type Runs struct{ from *puller }

// Runs opens the stream of alarms.
func (q *Queue) Runs(ctx context.Context) (*Runs, error) {
	from, err := q.pull(ctx, q.hold, runnersConfig())
	if err != nil {
		return nil, err
	}
	return &Runs{from: from}, nil
}

// Next waits for an alarm until ctx ends.
func (r *Runs) Next(ctx context.Context) (Run, error) {
	msg, err := r.from.next(ctx, 1)
	if err != nil {
		return Run{}, err
	}
	return Run{Account: string(msg.Data()), msg: msg}, nil
}

// Close ends it.
func (r *Runs) Close() { r.from.close() }

// Held is an event that waits.
type Held struct {
	Event    ticket.Event
	subject  string
	sequence uint64
}

// NextHeld gives the first held event of an account after the one given; nil starts at the oldest. It gives nil at the
// end. Those that are known to be escalations lie apart, and are to be worked off first; after must be one of the same
// place.
func (q *Queue) NextHeld(ctx context.Context, account string, escalated bool, after *Held) (*Held, error) {
	seq := uint64(1)
	if after != nil {
		seq = after.sequence + 1
	}
	for {
		msg, err := q.hold.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(holdSubject(escalated, account, ">")))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil, nil //nolint:nilnil // the end is no error, and there is no event
		}
		if err != nil {
			return nil, fmt.Errorf("read what account %q holds: %w", account, err)
		}
		if held, err := heldOf(msg); err == nil {
			return held, nil
		}
		if err := q.setHeldAside(ctx, account, msg); err != nil {
			return nil, err
		}
		seq = msg.Sequence + 1
	}
}

// setHeldAside keeps what cannot be read where a person finds it, and lets the account's events go on.
func (q *Queue) setHeldAside(ctx context.Context, account string, msg *jetstream.RawStreamMsg) error {
	if err := q.Bury(ctx, unreadable("unreadable-held-", account, holdStream, msg.Sequence, msg.Time)); err != nil {
		return err
	}
	return q.Release(ctx, Held{subject: msg.Subject, sequence: msg.Sequence})
}

func heldOf(msg *jetstream.RawStreamMsg) (*Held, error) {
	held := &Held{subject: msg.Subject, sequence: msg.Sequence}
	if err := json.Unmarshal(msg.Data, &held.Event); err != nil {
		return nil, fmt.Errorf("read held event %s: %w", msg.Subject, err)
	}
	return held, nil
}

// Rehold replaces a held event, to note what was tried, or that it turned out to be an escalation: then it moves ahead.
// A crash in the middle of that leaves it in both places; its ticket is made once all the same, because the ledger is
// looked at.
func (q *Queue) Rehold(ctx context.Context, h Held, e ticket.Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("hold event: %w", err)
	}
	subject := holdSubject(e.Escalated, h.Event.Account, h.Event.Key())
	if _, err := q.js.Publish(ctx, subject, body); err != nil {
		return fmt.Errorf("hold event: %w", err)
	}
	if subject == h.subject {
		return nil
	}
	return q.Release(ctx, h)
}

// Release takes a held event away, once it is dealt with.
func (q *Queue) Release(ctx context.Context, h Held) error {
	err := q.hold.DeleteMsg(ctx, h.sequence)
	if err == nil || errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if _, still := q.hold.GetMsg(ctx, h.sequence); errors.Is(still, jetstream.ErrMsgNotFound) {
		return nil
	}
	return fmt.Errorf("release held event: %w", err)
}
