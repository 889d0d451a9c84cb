package worker

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// What needs no call to the account says nothing of it: what lies behind is tried in the same run.
func TestWhatNeedsNoTicketDoesNotKeepBackALane(t *testing.T) {
	q, world := openQueue(t), newTown()
	world.site.Tickets.Archive = false
	world.read = func(id string) (ticket.Conversation, error) {
		c := conversation(id)
		c.ClosingForm.Escalate = id == "c5" // its form could not be read when it was held
		return c, nil
	}
	d := deliverer(world, q, Settings{})
	var ahead atomic.Int64
	begin := time.Now()
	d.now = func() time.Time { return begin.Add(time.Duration(ahead.Load())) }
	for _, id := range []string{"c1", "c2", "c3", "c4", "c5", "c6"} {
		if err := q.Hold(t.Context(), closed(id), begin); err != nil {
			t.Fatal(err)
		}
	}
	w := New(q, d, zerolog.Nop(), nil)
	w.gates.fail(&ticket.Failure{Trouble: ticket.TroubleAccount, Gate: queue.LaneGate("acme"), Detail: ticket.Detail{Message: "down"}})
	ahead.Store(int64(3 * time.Second))
	next, err := w.drain(t.Context(), t.Context(), "acme")
	if err != nil || !next.IsZero() || len(world.tickets) != 1 {
		t.Errorf("after one run: %d tickets, the next run at %s, %v", len(world.tickets), next, err)
	}
}

// Trouble that nobody saw end is not counted to the next one.
func TestTroubleLastsNoLongerThanItIsSeen(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGates("p1", func() time.Time { return now }, func(queue.GateNews) {})
	f := &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "zendesk/acme"}
	for range 2 {
		g.fail(f)
		now = now.Add(72 * time.Hour)
		if _, _, shut := g.shut("zendesk/acme"); shut {
			t.Fatal("nobody is let through")
		}
		if until, _ := g.fail(f); until.Sub(now) > firstShut {
			t.Errorf("one failed call shuts the account for %s", until.Sub(now))
		}
		now = now.Add(72 * time.Hour) // the next one is not let through before it fails
	}
}
