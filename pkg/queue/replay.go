package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

// Replayed says what a replay did with a dead letter.
type Replayed string

// What a replay can do.
const (
	ReplayStored  Replayed = "replayed" // its event is in the queue again
	ReplayCreated Replayed = "created"  // its ticket exists meanwhile: nothing was queued
	ReplayGone    Replayed = "gone"     // somebody else replayed or discarded it, or a newer one took its place
	ReplayWaits   Replayed = "waits"    // an event of its conversation is still in the queue: the letter stays
)

const (
	replayPatience = 5 * time.Second
	replayAgain    = 50 * time.Millisecond
)

// Replay puts the event back into the queue and only then takes the dead letter away; when the conversation's ticket
// exists meanwhile it only takes the letter away, and gives the ticket. It may be called again after a failure at any
// point: the worst case is an event that finds its ticket made.
//
// A letter is written a moment before the worker takes its event out of the queue. Until then the queue takes no other of
// the conversation, and Replay waits, for five seconds at most.
func (q *Queue) Replay(ctx context.Context, b Buried, now time.Time) (Replayed, ticket.Ref, error) {
	lies, err := q.lies(ctx, b)
	if err != nil || !lies {
		return ReplayGone, ticket.Ref{}, err
	}
	if b.Event.Kind == ticket.KindClosed {
		entry, found, err := q.Look(ctx, b.Event.Job())
		if err != nil {
			return "", ticket.Ref{}, fmt.Errorf("replay %s: %w", b.ID, err)
		}
		if found && entry.State == StateCreated {
			return ReplayCreated, entry.Ref, q.takeAway(ctx, b)
		}
	}
	pending, err := q.putBack(ctx, b.Revive(now))
	if err != nil {
		return "", ticket.Ref{}, fmt.Errorf("replay %s: %w", b.ID, err)
	}
	if pending {
		return ReplayWaits, ticket.Ref{}, nil
	}
	return ReplayStored, ticket.Ref{}, q.takeAway(ctx, b)
}

// putBack publishes a revived event. It gives up after a while when another of its subject is still pending.
func (q *Queue) putBack(ctx context.Context, e ticket.Event) (pending bool, err error) {
	patience, cancel := context.WithTimeout(ctx, replayPatience)
	defer cancel()
	tick := time.NewTicker(replayAgain)
	defer tick.Stop()
	for {
		if _, pending, err = q.publish(ctx, e); !pending || err != nil {
			return false, err
		}
		select {
		case <-tick.C:
		case <-patience.Done():
			return true, ctx.Err()
		}
	}
}

// lies tells whether the dead letter is still where it was read. A walk may have read it long ago.
func (q *Queue) lies(ctx context.Context, b Buried) (bool, error) {
	_, err := q.dead.GetMsg(ctx, b.sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read dead letter %s: %w", b.ID, err)
	}
	return true, nil
}
