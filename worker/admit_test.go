package worker

import (
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// What waits for an account, for whichever reason, is known for an escalation: those go first later on.
func TestWhatMustWaitIsSorted(t *testing.T) {
	for name, trouble := range map[string]func(*Worker){
		"down": func(w *Worker) {
			w.gates.fail(&ticket.Failure{Gate: queue.LaneGate("acme"), Trouble: ticket.TroubleAccount})
		},
		"crowded": func(w *Worker) { crowdIn(t, w, "acme") },
	} {
		for _, escalated := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				world := newTown()
				read := world.read
				world.read = func(id string) (ticket.Conversation, error) {
					c, err := read(id)
					c.ClosingForm.Escalate = escalated
					return c, err
				}
				q := openQueue(t)
				w := New(q, deliverer(world, q, Settings{}), zerolog.Nop(), nil)
				trouble(w)
				e := closed("c1")
				if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}, false); o.Result != ticket.ResultHeld || e.Escalated != escalated {
					t.Errorf("%s, escalated: %t", o.Result, e.Escalated)
				}
			})
		}
	}
}

// crowdIn fills an account with deliveries that are late.
func crowdIn(t *testing.T, w *Worker, account string) {
	t.Helper()
	clock := w.crowd.now
	w.crowd.now = func() time.Time { return clock().Add(-time.Minute) }
	if _, ok := w.crowd.await(t.Context(), false, queue.LaneGate(account)); !ok {
		t.Fatal("no place")
	}
	w.crowd.now = clock
}

// A call of the backlog may wait long for leave. What has just happened has calls, and does not wait for that.
func TestTheBacklogIsNotInTheWayOfLiveEvents(t *testing.T) {
	q := openQueue(t)
	w := New(q, deliverer(newTown(), q, Settings{Crowd: 1}), zerolog.Nop(), nil)
	clock := w.crowd.now
	w.crowd.now = func() time.Time { return clock().Add(-time.Minute) }
	if _, ok := w.findPlace(t.Context(), errand{rank: limit.Backlog}, queue.LaneGate("acme")); !ok {
		t.Fatal("no place")
	}
	w.crowd.now = clock
	e := closed("c1")
	if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}, false); o.Result != ticket.ResultCreated {
		t.Errorf("%s: %v", o.Result, o.Failure)
	}
}
