package worker

import (
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
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
	begin := time.Now()
	ahead := putAhead(d, begin)
	for _, id := range []string{"c1", "c2", "c3", "c4", "c5", "c6"} {
		if err := q.Hold(t.Context(), closed(id), begin); err != nil {
			t.Fatal(err)
		}
	}
	w := New(q, d, zerolog.Nop(), nil)
	w.gates.fail(accountDown())
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

// A connection that answers is well, whether a ticket comes of it or not.
func TestAnyAnswerOpensTheGateOfAConnection(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*town)
		want   ticket.Result
	}{
		"no ticket is wanted": {func(w *town) { w.site.Tickets.Archive = false }, ticket.ResultSkipped},
		"not complete yet":    {func(w *town) { w.read = withoutForm }, ticket.ResultRetry},
		"the account is down": {func(w *town) { w.fail = func(string) error { return accountDown() } }, ticket.ResultHeld},
		"a ticket is made":    {func(*town) {}, ticket.ResultCreated},
		"it is in trouble yet": {func(w *town) {
			w.read = func(string) (ticket.Conversation, error) { return ticket.Conversation{}, connectionDown("main") }
		}, ticket.ResultHeld},
	} {
		t.Run(name, func(t *testing.T) {
			q, world := openQueue(t), newTown()
			c.change(world)
			d := deliverer(world, q, Settings{})
			ahead := putAhead(d, time.Now())
			w := New(q, d, zerolog.Nop(), nil)
			w.gates.fail(connectionDown("main"))
			ahead.Store(int64(firstShut))
			e := closed("c1")
			if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}); o.Result != c.want {
				t.Errorf("%s", o.Result)
			}
			if shut := w.gates.closed(connectionGate("main")); shut != (name == "it is in trouble yet") {
				t.Errorf("shut: %t", shut)
			}
		})
	}
}

func withoutForm(id string) (ticket.Conversation, error) {
	c := conversation(id)
	c.ClosingForm = ticket.ClosingForm{}
	return c, nil
}

// A connection in trouble is asked for one conversation, and not for all that a lane holds.
func TestALaneLeavesAConnectionInTroubleAlone(t *testing.T) {
	q, world := openQueue(t), newTown()
	reads := 0
	world.read = func(string) (ticket.Conversation, error) {
		reads++
		return ticket.Conversation{}, connectionDown("main")
	}
	for _, id := range []string{"c1", "c2", "c3", "c4"} {
		if err := q.Hold(t.Context(), closed(id), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	w := New(q, deliverer(world, q, Settings{}), zerolog.Nop(), nil)
	if next, err := w.drain(t.Context(), t.Context(), "acme"); err != nil || next.IsZero() || reads != 1 {
		t.Errorf("%d reads, next run at %s, %v", reads, next, err)
	}
}
