package worker

import (
	"net/http"
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
		"down":    func(w *Worker) { w.gates.fail(accountDown()) },
		"crowded": func(w *Worker) { crowdIn(t, w, limit.Live) },
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
				if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}); o.Result != ticket.ResultHeld || e.Escalated != escalated {
					t.Errorf("%s, escalated: %t", o.Result, e.Escalated)
				}
			})
		}
	}
}

// crowdIn has a delivery to acme that is late.
func crowdIn(t *testing.T, w *Worker, rank limit.Rank) {
	t.Helper()
	clock := w.crowd.now
	w.crowd.now = func() time.Time { return clock().Add(-time.Minute) }
	if _, ok := w.findPlace(t.Context(), errand{rank: rank, held: rank == limit.Backlog}, queue.LaneGate("acme")); !ok {
		t.Fatal("no place")
	}
	w.crowd.now = clock
}

// A call of the backlog may wait long for leave. What has just happened has calls, and does not wait for that.
func TestTheBacklogIsNotInTheWayOfLiveEvents(t *testing.T) {
	q := openQueue(t)
	w := New(q, deliverer(newTown(), q, Settings{Crowd: 1}), zerolog.Nop(), nil)
	crowdIn(t, w, limit.Backlog)
	e := closed("c1")
	if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}); o.Result != ticket.ResultCreated {
		t.Errorf("%s: %v", o.Result, o.Failure)
	}
}

// A closing form comes a moment after the end of its conversation. Until then it is not known whether the event goes first.
func TestAnEventIsNotHeldBeforeItsClosingFormIsKnown(t *testing.T) {
	world, q := newTown(), openQueue(t)
	read := world.read
	form := ticket.ClosingForm{}
	world.read = func(id string) (ticket.Conversation, error) {
		c, err := read(id)
		c.ClosingForm = form
		return c, err
	}
	d := deliverer(world, q, Settings{FormWait: 20 * time.Second})
	now := time.Now()
	putAhead(d, now)
	w := New(q, d, zerolog.Nop(), nil)
	f := accountDown()
	f.After = time.Minute
	until, _ := w.gates.fail(f)
	shut := until.Sub(now)
	for _, step := range []struct {
		age       time.Duration
		form      ticket.ClosingForm
		result    ticket.Result
		after     time.Duration
		escalated bool
	}{
		{time.Second, ticket.ClosingForm{}, ticket.ResultRetry, 19 * time.Second, false},
		{time.Second, ticket.ClosingForm{Known: true, Escalate: true}, ticket.ResultHeld, shut, true},
		{time.Second, ticket.ClosingForm{Known: true}, ticket.ResultHeld, shut, false},
		{21 * time.Second, ticket.ClosingForm{}, ticket.ResultHeld, shut, false},
	} {
		e := closed("c1")
		e.ReceivedAt, form = now.Add(-step.age), step.form
		o := w.attempt(t.Context(), &e, errand{rank: limit.Live})
		if o.Result != step.result || o.After != step.after || e.Escalated != step.escalated {
			t.Errorf("%+v: %s after %s, escalated %t", step, o.Result, o.After, e.Escalated)
		}
	}
}

// An escalated conversation does not wait behind the backlog's use of the account's calls. It does wait when the account
// has refused a call: it would be refused too.
func TestAnEscalationGoesAheadOfOurOwnCountOnly(t *testing.T) {
	for _, step := range []struct {
		status int
		want   ticket.Result
	}{{0, ticket.ResultCreated}, {http.StatusTooManyRequests, ticket.ResultHeld}} {
		world, q := newTown(), openQueue(t)
		read := world.read
		world.read = func(id string) (ticket.Conversation, error) {
			c, err := read(id)
			c.ClosingForm.Escalate = true
			return c, err
		}
		w := New(q, deliverer(world, q, Settings{}), zerolog.Nop(), nil)
		f := accountDown()
		f.Limited, f.After, f.Detail.Status = true, time.Minute, step.status
		w.gates.fail(f)
		behind := *f // what was under way is turned away by our own count
		behind.Detail.Status = 0
		w.gates.fail(&behind)
		e := closed("c1")
		if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}); o.Result != step.want || !e.Escalated {
			t.Errorf("status %d: %s, escalated %t", step.status, o.Result, e.Escalated)
		}
		if _, noted, err := q.Look(t.Context(), e.Job()); err != nil || noted != (step.want == ticket.ResultCreated) {
			t.Errorf("status %d: noted in the ledger: %t, %v", step.status, noted, err)
		}
	}
}
