package worker

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// inTrouble gives a worker whose account was down a moment ago, and may be tried again.
func inTrouble(t *testing.T, q *queue.Queue, world *town) *Worker {
	t.Helper()
	w, ahead := holding(t, q, world, time.Now())
	w.gates.fail(accountDown())
	ahead.Store(int64(firstShut))
	return w
}

// An account in trouble is asked for a ticket before one is made, so that nothing is uncertain where it does not answer.
func TestAnAccountInTroubleIsAskedBeforeATicketIsMade(t *testing.T) {
	silent := accountDown()
	silent.Err = context.DeadlineExceeded
	refused, limited := accountDown(), accountDown()
	refused.Detail.Status = http.StatusForbidden
	limited.Limited, limited.Detail.Status = true, http.StatusTooManyRequests
	for name, c := range map[string]struct {
		answer error
		age    time.Duration
		calls  []string
		want   ticket.Result
	}{
		"silent":     {silent, 0, []string{"find"}, ticket.ResultHeld},
		"limited":    {limited, 0, []string{"find"}, ticket.ResultHeld},
		"it says no": {refused, 0, []string{"find", "create"}, ticket.ResultCreated},
		"well":       {nil, 0, []string{"find", "create"}, ticket.ResultCreated},
		"too late":   {silent, 73 * time.Hour, []string{"find"}, ticket.ResultDead},
	} {
		for _, rank := range []limit.Rank{limit.Live, limit.Backlog} {
			t.Run(name, func(t *testing.T) {
				q, world := openQueue(t), newTown()
				world.fail = func(call string) error {
					if call == "find" {
						return c.answer
					}
					return nil
				}
				w := inTrouble(t, q, world)
				e := closed("c1")
				e.ReceivedAt, e.OccurredAt = e.ReceivedAt.Add(-c.age), e.OccurredAt.Add(-c.age)
				o := w.attempt(t.Context(), &e, errand{rank: rank, held: rank == limit.Backlog, probe: rank == limit.Backlog})
				if o.Result != c.want || !slices.Equal(world.calls, c.calls) {
					t.Errorf("%s (%v) after %v, want %s after %v", o.Result, o.Failure, world.calls, c.want, c.calls)
				}
				entry, _, err := q.Look(t.Context(), e.Job())
				if err != nil || (entry.State == queue.StateCreated) != (c.want == ticket.ResultCreated) {
					t.Errorf("the ledger has %q, %v", entry.State, err)
				}
				if shut := w.gates.closed(queue.LaneGate("acme")); shut != (c.want != ticket.ResultCreated) {
					t.Errorf("shut: %t", shut)
				}
			})
		}
	}
}

// What was let through to an account that does not answer still goes ahead of the others when it is an escalation.
func TestASilentAccountKeepsTheOrderOfWhatWaits(t *testing.T) {
	q, world := openQueue(t), newTown()
	world.read = func(id string) (ticket.Conversation, error) {
		c := conversation(id)
		c.ClosingForm.Escalate = true
		return c, nil
	}
	world.fail = func(string) error { return accountDown() }
	w := inTrouble(t, q, world)
	e := closed("c1")
	if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}); o.Result != ticket.ResultHeld || !e.Escalated {
		t.Errorf("%s, an escalation: %t", o.Result, e.Escalated)
	}
}

// How long an answer is waited for grows with the trouble: an account that became slow is not down for ever.
func TestPatienceWithAnAccountInTrouble(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGates("p1", func() time.Time { return now }, func(queue.GateNews) {})
	f := accountDown()
	if got := g.patience(f.Gate); got != 0 {
		t.Errorf("%s with one that is well", got)
	}
	g.fail(f)
	for _, c := range []struct{ down, want time.Duration }{
		{0, knockTime}, {30 * time.Second, knockTime}, {2 * time.Minute, 15 * time.Second}, {10 * time.Minute, 75 * time.Second}, {time.Hour, 0},
	} {
		now = time.Unix(0, 0).Add(c.down)
		if got := g.patience(f.Gate); got != c.want {
			t.Errorf("down for %s: %s, want %s", c.down, got, c.want)
		}
	}
	now = time.Unix(0, 0).Add(2 * time.Minute)
	g.answered(f.Gate)
	if got := g.patience(f.Gate); got != 0 {
		t.Errorf("%s with one that has just answered", got)
	}
	g.fail(f)
	if got := g.patience(f.Gate); got == 0 {
		t.Error("one that answered and failed since is not asked")
	}
	limited := *f
	limited.Gate, limited.Limited = queue.LaneGate("other"), true
	g.fail(&limited)
	if got := g.patience(limited.Gate); got != 0 {
		t.Errorf("%s with one that is limited", got)
	}
}

// untilSeen notes how long a look-up may take.
type untilSeen struct {
	Tickets

	until time.Duration
}

func (u *untilSeen) Find(ctx context.Context, id string) (ticket.Ref, bool, error) {
	if at, ok := ctx.Deadline(); ok {
		u.until = time.Until(at)
	}
	return u.Tickets.Find(ctx, id)
}

func TestASilentAccountIsNotWaitedForLong(t *testing.T) {
	q, world := openQueue(t), newTown()
	seen := &untilSeen{Tickets: world}
	w := inTrouble(t, q, world)
	w.Tickets = func(string, limit.Rank, bool) (Tickets, bool) { return seen, true }
	e := closed("c1")
	if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}); o.Result != ticket.ResultCreated {
		t.Errorf("%s", o.Result)
	}
	if seen.until <= 0 || seen.until > knockTime {
		t.Errorf("an answer is waited for %s, want at most %s", seen.until, knockTime)
	}
}
