package queue

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Pending gives how many ends of conversations nobody has settled yet: those in the queue, which includes what is in
// work, and those that are held for their accounts. Visitors' answers, which may wait for a ticket for days, do not count.
func (q *Queue) Pending(ctx context.Context) (queued, held int, err error) {
	events, err := q.events.Info(ctx, jetstream.WithSubjectFilter("ev.*.*.closed"))
	if err != nil {
		return 0, 0, fmt.Errorf("count the events in the queue: %w", err)
	}
	for _, space := range heldSpaces {
		hold, err := q.hold.Info(ctx, jetstream.WithSubjectFilter(space+"*.*"))
		if err != nil {
			return 0, 0, fmt.Errorf("count the held events: %w", err)
		}
		held += len(hold.State.Subjects)
	}
	return len(events.State.Subjects), held, nil
}
