package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

// Stage is what is known of the end of a conversation.
type Stage string

// The stages of a conversation, in the words that the commands print.
const (
	StageMissing Stage = "missing" // nothing is known of it
	StageQueued  Stage = "queued"
	StageHeld    Stage = "held"
	StageCreated Stage = "created"
	StageSkipped Stage = "skipped"
	StageDead    Stage = "dead" // a dead letter, or one that was discarded
)

// Stage looks for the end of a conversation in the ledger, the queue, the held events and the dead letters. What moves
// meanwhile is seen: each is left only after the next one was entered, and the ledger is looked at again at the end.
func (q *Queue) Stage(ctx context.Context, e ticket.Event) (Stage, error) {
	if stage, err := q.settled(ctx, e); err != nil || stage != StageMissing {
		return stage, err
	}
	for _, at := range []struct {
		stream  jetstream.Stream
		subject string
		stage   Stage
	}{
		{q.events, eventSubject(e), StageQueued},
		{q.hold, heldSpace + "*." + e.Key(), StageHeld},
		{q.hold, firstSpace + "*." + e.Key(), StageHeld},
		{q.dead, "dead.*." + e.Key(), StageDead}, // for longer than in the ledger
	} {
		there, err := holds(ctx, at.stream, at.subject)
		if err != nil {
			return "", fmt.Errorf("look for the conversation among what is %s: %w", at.stage, err)
		}
		if there {
			return at.stage, nil
		}
	}
	return q.settled(ctx, e)
}

// settled tells what the ledger says.
func (q *Queue) settled(ctx context.Context, e ticket.Event) (Stage, error) {
	entry, _, err := q.Look(ctx, e.Job())
	if err != nil {
		return "", err
	}
	switch entry.State {
	case StateCreated:
		return StageCreated, nil
	case StateSkipped:
		return StageSkipped, nil
	case StateDead:
		return StageDead, nil
	case StateIntended: // its event may be anywhere, or lost
	}
	return StageMissing, nil
}

func holds(ctx context.Context, stream jetstream.Stream, subject string) (bool, error) {
	_, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Backlog is what waits to be dealt with.
type Backlog struct {
	Pending   int // events of all accounts that nobody has dealt with yet, those in work included
	Held      int // events that this account holds, escalated ones included
	Escalated int // of those, the ones that are known to be escalations
}

// Backlog tells how much waits.
func (q *Queue) Backlog(ctx context.Context, account string) (Backlog, error) {
	info, err := q.events.Info(ctx)
	if err != nil {
		return Backlog{}, fmt.Errorf("read how much is queued: %w", err)
	}
	backlog := Backlog{Pending: int(min(info.State.Msgs, 1<<30))}
	for _, space := range heldSpaces {
		held, err := q.hold.Info(ctx, jetstream.WithSubjectFilter(space+accountToken(account)+".>"))
		if err != nil {
			return Backlog{}, fmt.Errorf("read how much is held: %w", err)
		}
		backlog.Held += len(held.State.Subjects)
		if space == firstSpace {
			backlog.Escalated = len(held.State.Subjects)
		}
	}
	return backlog, nil
}

// Working tells whether a worker of some process takes events.
func (q *Queue) Working(ctx context.Context) (bool, error) {
	consumer, err := q.events.Consumer(ctx, workerConsumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for workers: %w", err)
	}
	info := consumer.CachedInfo()
	return info.NumWaiting > 0 || info.NumAckPending > 0, nil
}
