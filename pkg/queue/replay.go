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
)

// Replay puts the event back into the queue and only then takes the dead letter away; when the conversation's ticket
// exists meanwhile it only takes the letter away, and gives the ticket. It may be called again after a failure at any
// point: the worst case is an event that finds its ticket made.
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
	if _, err := q.Publish(ctx, b.Revive(now)); err != nil {
		return "", ticket.Ref{}, fmt.Errorf("replay %s: %w", b.ID, err)
	}
	return ReplayStored, ticket.Ref{}, q.takeAway(ctx, b)
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
