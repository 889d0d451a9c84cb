package worker

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// Whatever comes of the calls that were under way, the time that the other side has named holds, in all processes.
func TestNothingOpensAGateBeforeTheTimeThatWasNamed(t *testing.T) {
	const gate = "zendesk/acme"
	limited := func(after time.Duration) *ticket.Failure {
		return &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: gate, Limited: true, After: after, Detail: ticket.Detail{Status: 429}}
	}
	down := func(after time.Duration, status int) *ticket.Failure {
		return &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: gate, After: after, Detail: ticket.Detail{Status: status}}
	}
	for name, c := range map[string]struct {
		first *ticket.Failure
		then  func(*gates)
	}{
		"503, then a success":         {down(time.Minute, 503), func(g *gates) { g.pass(gate) }},
		"429, then a success":         {limited(time.Minute), func(g *gates) { g.pass(gate) }},
		"429, then a 502":             {limited(time.Minute), func(g *gates) { g.fail(down(0, 502)) }},
		"429, then a 502 and success": {limited(time.Minute), func(g *gates) { g.fail(down(0, 502)); g.pass(gate) }},
		"503, then a shorter 429":     {down(time.Minute, 503), func(g *gates) { g.fail(limited(2 * time.Second)) }},
		"503, then a shorter 503":     {down(time.Minute, 503), func(g *gates) { g.fail(down(2*time.Second, 503)) }},
		"503, then none of our calls": {down(time.Minute, 503), func(g *gates) { g.waits(limited(time.Second)) }},
		"503, then another address":   {down(time.Minute, 503), func(g *gates) { g.anew(gate) }},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			clock := func() time.Time { return now }
			var here, there *gates
			here = newGates("here", clock, func(n queue.GateNews) { there.adopt(n) })
			there = newGates("there", clock, func(n queue.GateNews) { here.adopt(n) })
			here.fail(c.first)
			c.then(here)
			now = now.Add(time.Minute - time.Millisecond)
			for name, g := range map[string]*gates{"here": here, "there": there} {
				if _, _, shut := g.shut(gate); !shut || g.named(gate).Before(now) {
					t.Errorf("%s: shut %t, no call for %s", name, shut, g.named(gate).Sub(now))
				}
			}
			now = now.Add(time.Minute) // far more than what is added by chance
			here.shut(gate)
			here.pass(gate)
			if here.closed(gate) {
				t.Errorf("after that time, and a success: %+v", here.seen(gate))
			}
		})
	}
}

// A conversation is being read when iAdvize says that it wants to be left alone for a minute.
func TestAReadThatWasUnderWayDoesNotOpenTheConnection(t *testing.T) {
	q, world := openQueue(t), newTown()
	w := New(q, deliverer(world, q, Settings{}), zerolog.Nop(), nil)
	entered, goOn, done := make(chan bool), make(chan bool), make(chan ticket.Outcome)
	world.read = func(id string) (ticket.Conversation, error) {
		switch id {
		case "under way":
			entered <- true
			<-goOn
		case "limited":
			return ticket.Conversation{}, &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "iadvize/main", Reason: ticket.ReasonExpired, After: time.Minute, Detail: ticket.Detail{Status: 429}}
		}
		return conversation(id), nil
	}
	attempt := func(id string) ticket.Outcome {
		e := closed(id)
		return w.attempt(context.Background(), &e, errand{rank: limit.Live})
	}
	go func() { done <- attempt("under way") }()
	<-entered
	if o := attempt("limited"); o.Result != ticket.ResultHeld {
		t.Errorf("the one that was refused: %+v", o)
	}
	goOn <- true
	if o := <-done; o.Result != ticket.ResultCreated {
		t.Errorf("the one that was under way: %+v", o)
	}
	if o := attempt("next"); o.Result != ticket.ResultHeld {
		t.Errorf("iAdvize was asked within the time that it has named: %+v", o)
	}
}

// The alarm rings because the account is reached in another way, but it has named a time to another process.
func TestAChangeDoesNotCallAnAccountBeforeItsTime(t *testing.T) {
	q, world := openQueue(t), newTown()
	w := New(q, deliverer(world, q, Settings{}), zerolog.Nop(), nil)
	w.gates.adopt(queue.GateNews{Process: "other", Gate: "zendesk/acme", State: queue.LaneDown, Wait: 10 * time.Minute, Named: 10 * time.Minute, Status: 503, Reason: ticket.ReasonExpired})
	if err := q.Hold(t.Context(), closed("c1"), time.Now().Add(10*time.Minute)); err != nil {
		t.Fatal(err)
	}
	w.AccountChanged(t.Context(), "acme")
	runs, err := q.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer runs.Close()
	run, err := runs.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), t.Context(), run)
	if len(world.tickets) != 0 {
		t.Errorf("%d tickets within the time that the account has named", len(world.tickets))
	}
}
