package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

// Trace is all that is known of a conversation now, wherever it lies.
type Trace struct {
	Pending []ticket.Event // wait in the queue, or are in work
	Held    []ticket.Event // wait for their account
	Alarm   time.Time      // when the account of the held ones is tried again; zero when nothing is held
	Dead    []ticket.DeadLetter
	Entry   Entry
	Found   bool // the ledger has an entry
}

// Empty tells whether nothing is known.
func (t Trace) Empty() bool {
	return !t.Found && len(t.Pending) == 0 && len(t.Held) == 0 && len(t.Dead) == 0
}

// Trace looks a conversation up in the queue, among what is held, in the dead letters and in the ledger. It looks in
// the order in which work moves, so that what moves meanwhile is seen at its old or its new place.
func (q *Queue) Trace(ctx context.Context, conversationID string) (Trace, error) {
	var t Trace
	job := string(ticket.JobOf(conversationID))
	for _, place := range []struct {
		stream   jetstream.Stream
		subjects []string
		into     *[]ticket.Event
	}{
		{q.events, []string{"ev.*." + job + ".>"}, &t.Pending},
		{q.hold, []string{heldSpace + "*." + job, heldSpace + "*." + job + ".>", firstSpace + "*." + job, firstSpace + "*." + job + ".>"}, &t.Held},
	} {
		for _, subject := range place.subjects {
			err := walk(ctx, place.stream, subject, func(msg *jetstream.RawStreamMsg) error {
				var e ticket.Event
				if err := json.Unmarshal(msg.Data, &e); err != nil {
					return fmt.Errorf("%s: %w", msg.Subject, err)
				}
				// One that was moving ahead among the held ones may lie in both places.
				same := func(known ticket.Event) bool { return place.stream == q.hold && known.Key() == e.Key() }
				if at := slices.IndexFunc(*place.into, same); at >= 0 {
					(*place.into)[at] = e
					return nil
				}
				*place.into = append(*place.into, e)
				return nil
			})
			if err != nil {
				return t, fmt.Errorf("trace conversation %s: %w", job, err)
			}
		}
	}
	for _, subject := range []string{"dead.*." + job, "dead.*." + job + ".>"} {
		if err := q.walkDead(ctx, subject, func(b Buried) error { t.Dead = append(t.Dead, b.DeadLetter); return nil }); err != nil {
			return t, fmt.Errorf("trace conversation %s: %w", job, err)
		}
	}
	var err error
	if len(t.Held) > 0 {
		if t.Alarm, _, err = q.alarm(ctx, t.Held[0].Account); err != nil {
			return t, err
		}
	}
	t.Entry, t.Found, err = q.Look(ctx, ticket.JobOf(conversationID))
	return t, err
}
