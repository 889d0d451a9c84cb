package worker

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/ticket"
)

// A person waits for an escalation: it must not wait for the end of a long backlog because its first try failed.
func TestWhatIsTriedAgainDoesNotWaitForTheWholeBacklog(t *testing.T) {
	q := openQueue(t)
	world := newTown()
	d := deliverer(world, q, Settings{LaneSlots: 1})
	ahead := putAhead(d, time.Now().Add(-time.Hour)) // in the past, so that alarms ring at once
	var order []string
	world.fail = func(call string) error {
		if call != "create" {
			return nil
		}
		ahead.Add(int64(time.Second)) // each ticket takes a second
		if len(order) == 0 {
			order = append(order, "refused")
			return &ticket.Failure{Trouble: ticket.TroubleHiccup, After: 3 * time.Second, Detail: ticket.Detail{Message: "conflict"}}
		}
		return nil
	}
	const backlog = 60
	for i := range backlog + 1 {
		e := closed("c" + decimal(int64(i)))
		e.Escalated, e.ReceivedAt = i == 0, d.now()
		if err := q.Hold(t.Context(), e, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	escalated := ticket.ExternalID("c0")
	read := world.read
	world.read = func(id string) (ticket.Conversation, error) {
		c, err := read(id)
		c.ClosedAt = d.now()
		c.ClosingForm.Escalate = id == "c0"
		return c, err
	}
	d.Tickets = func(string, limit.Rank, bool) (Tickets, bool) { return world, true }
	made := make(results, 1000)
	w := New(q, d, zerolog.New(zerolog.NewTestWriter(t)), made)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx, ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	for range backlog + 1 {
		await(t, made, ticket.ResultCreated)
	}
	world.with(func() {
		ids := make([]int64, 0, len(world.tickets))
		for _, m := range world.tickets {
			ids = append(ids, m.id)
		}
		slices.Sort(ids)
		if place := slices.Index(ids, world.tickets[escalated].id); place > backlog/2 {
			t.Errorf("the escalation came %d of %d", place+1, len(ids))
		}
	})
}
