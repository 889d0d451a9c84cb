package worker

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// What has waited long is tried as soon as it is reached in another way.
func TestWhatIsReachedInAnotherWayIsTriedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		trouble *ticket.Failure
		change  func(*testing.T, *Worker)
	}{
		"an account":   {accountDown(), func(t *testing.T, w *Worker) { w.AccountChanged(t.Context(), "acme") }},
		"a connection": {connectionDown("main"), func(t *testing.T, w *Worker) { w.ConnectionChanged(t.Context(), "main", []string{"acme"}) }},
	} {
		t.Run(name, func(t *testing.T) {
			q, world := openQueue(t), newTown()
			d := deliverer(world, q, Settings{})
			w := New(q, d, zerolog.Nop(), nil)
			w.gates.fail(c.trouble)
			w.gates.adopt(queue.GateNews{Process: "other", Gate: c.trouble.Gate, State: queue.LaneDown, Wait: time.Hour}) // it has lasted
			e := closed("c1")
			if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}); o.Result != ticket.ResultHeld {
				t.Fatalf("before: %s", o.Result)
			}
			if err := q.Hold(t.Context(), e, d.now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			c.change(t, w)
			runs, err := q.Runs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer runs.Close()
			run, err := runs.Next(t.Context()) // long before the hour is over
			if err != nil || run.Account != "acme" {
				t.Fatalf("run = %+v, %v", run, err)
			}
			w.run(t.Context(), t.Context(), run)
			if accounts, connections := w.InTrouble(); len(world.tickets) != 1 || len(accounts)+len(connections) != 0 {
				t.Errorf("%d tickets, in trouble: %v %v", len(world.tickets), accounts, connections)
			}
		})
	}
}

func TestAChangeLeavesAloneWhatIsNotInTroubleOrNamedATime(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGates("p1", func() time.Time { return now }, func(queue.GateNews) {})
	limited := &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "zendesk/limited", Limited: true, After: time.Minute, Detail: ticket.Detail{Status: 429}}
	g.fail(limited)
	for _, name := range []string{"zendesk/well", limited.Gate} {
		if g.anew(name) {
			t.Errorf("%s was in trouble", name)
		}
	}
	if _, until, shut := g.shut(limited.Gate); !shut || until.Sub(now) < time.Minute {
		t.Errorf("the limited one: shut %t until %s", shut, until)
	}
	named := &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "iadvize/named", After: time.Minute, Detail: ticket.Detail{Status: 429}}
	g.fail(named)
	g.adopt(queue.GateNews{Process: "p2", Gate: "zendesk/told", State: queue.LaneDown, Wait: time.Minute, Named: time.Minute})
	for _, name := range []string{named.Gate, "zendesk/told"} {
		if g.anew(name); !g.closed(name) {
			t.Errorf("%s is not down any more", name)
		}
		if _, until, shut := g.shut(name); !shut || until.Sub(now) < time.Minute {
			t.Errorf("%s, which named a time: shut %t until %s", name, shut, until)
		}
		delete(g.all, name)
	}
	w := &Worker{gates: g}
	g.fail(&ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "zendesk/b"})
	g.fail(&ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "zendesk/a"})
	g.fail(&ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "iadvize/main"})
	if accounts, connections := w.InTrouble(); !slices.Equal(accounts, []string{"a", "b"}) || !slices.Equal(connections, []string{"main"}) {
		t.Errorf("in trouble: %v %v", accounts, connections)
	}
}

// A process that begins does not know what was in trouble before: the first ticket tells that it is over.
func TestTheFirstTicketOfAProcessWakesWhatIsHeld(t *testing.T) {
	t.Parallel()
	q, world := openQueue(t), newTown()
	w := New(q, deliverer(world, q, Settings{}), zerolog.Nop(), nil)
	hold := func(id string) {
		t.Helper()
		if err := q.Hold(t.Context(), closed(id), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	deliver := func(id string) {
		t.Helper()
		e := closed(id)
		if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}); o.Result != ticket.ResultCreated {
			t.Fatalf("%s: %+v", id, o)
		}
	}
	hold("c1")
	deliver("c2")
	runs, err := q.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer runs.Close()
	run, err := runs.Next(t.Context())
	if err != nil || run.Account != "acme" {
		t.Fatalf("run = %+v, %v", run, err)
	}
	w.run(t.Context(), t.Context(), run)
	hold("c3")
	deliver("c4")                                                   // no news
	soon, cancel := context.WithTimeout(t.Context(), 2*time.Second) // alarms ring at whole seconds
	defer cancel()
	if run, err := runs.Next(soon); err == nil {
		t.Errorf("the second ticket woke %s too", run.Account)
	}
	if len(world.tickets) != 3 {
		t.Errorf("%d tickets", len(world.tickets))
	}
}

// To have read a conversation says nothing of the account: it may have named a time that a process which begins has not heard.
func TestWhatIsReadAloneWakesNothing(t *testing.T) {
	t.Parallel()
	q, world := openQueue(t), newTown()
	world.fail = func(string) error { return accountDown() }
	w := New(q, deliverer(world, q, Settings{}), zerolog.Nop(), nil)
	if err := q.Hold(t.Context(), closed("c1"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	e := closed("c2")
	if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}); o.Result != ticket.ResultHeld {
		t.Fatalf("outcome = %+v", o)
	}
	runs, err := q.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer runs.Close()
	soon, cancel := context.WithTimeout(t.Context(), 2*time.Second) // alarms ring at whole seconds
	defer cancel()
	if run, err := runs.Next(soon); err == nil {
		t.Errorf("it woke %s, which is down", run.Account)
	}
}
