package worker

import (
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// An event whose ticket was there before makes no call but the question whether the account answers, and does not show that
// tickets can be made there.
func TestATicketThatWasThereOpensNoGate(t *testing.T) {
	q := openQueue(t)
	world := newTown()
	w := New(q, deliverer(world, q, Settings{}), zerolog.Nop(), nil)
	e := closed("c1")
	if _, err := q.Write(t.Context(), e.Job(), queue.Entry{}, queue.Entry{State: queue.StateCreated, At: time.Now(), Ref: ticket.Ref{ID: 7}}); err != nil {
		t.Fatal(err)
	}
	gate := queue.LaneGate("acme")
	w.gates.fail(&ticket.Failure{Gate: gate, Detail: ticket.Detail{Message: "down"}})
	if o := w.attempt(t.Context(), &e, errand{rank: limit.Backlog, held: true, probe: true}); o.Result != ticket.ResultCreated || !slices.Equal(world.calls, []string{"find"}) {
		t.Fatalf("%+v, %v", o, world.calls)
	}
	if !w.gates.closed(gate) {
		t.Error("the account counts as well, and nothing was made in it")
	}
}
