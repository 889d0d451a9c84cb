package worker

import (
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// refuse makes one call fail as if the job could never work.
func refuse(call string) func(string) error {
	return func(name string) error {
		if name != call {
			return nil
		}
		return &ticket.Failure{Trouble: ticket.TroubleJob, Reason: ticket.ReasonRejected, Detail: ticket.Detail{Message: "rejected", Status: 400}}
	}
}

func TestAJobThatHasATicketIsNoDeadLetterAtOnce(t *testing.T) {
	lost := func(call string) error {
		if call == "create" {
			return &ticket.Failure{Trouble: ticket.TroubleUncertain, Detail: ticket.Detail{Message: "lost"}}
		}
		return nil
	}
	for _, tc := range []struct {
		name   string
		first  func(*town) // how the first try goes, which leaves a ticket behind
		second func(*town)
	}{
		{"a comment is refused", func(w *town) { w.fail = refuse("comment") }, func(w *town) { w.fail = refuse("comment") }},
		{"the look-up is refused", func(w *town) { w.lose = lost }, func(w *town) { w.lose, w.fail = nil, refuse("find") }},
		{"the form is refused", func(w *town) { w.lose = lost }, func(w *town) { w.lose, w.formErr = nil, refuse("")("") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			world, q := newTown(), openQueue(t)
			world.read = withNote
			d := deliverer(world, q, Settings{})
			try := func(n int) ticket.Outcome { e := closed("c1"); e.Attempts = n; return d.Deliver(t.Context(), &e) }
			tc.first(world)
			if o := try(1); o.Result != ticket.ResultRetry {
				t.Fatalf("first: %+v", o)
			}
			tc.second(world)
			for n := 2; n < doubtTries; n++ {
				if o := try(n); o.Result != ticket.ResultRetry {
					t.Fatalf("try %d: %+v", n, o)
				}
			}
			if o := try(doubtTries); o.Result != ticket.ResultDead || o.Failure.Reason != ticket.ReasonRejected {
				t.Errorf("at last: %+v", o)
			}
			world.fail, world.lose, world.formErr = nil, nil, nil
			if o := try(doubtTries + 1); o.Result != ticket.ResultCreated || len(world.tickets) != 1 {
				t.Errorf("after it was mended: %+v, %d tickets", o, len(world.tickets))
			}
		})
	}
}

func TestAJobWithoutATicketDiesAtOnce(t *testing.T) {
	for attempts, call := range map[int]string{1: "create", 2: "create"} {
		world, q := newTown(), openQueue(t)
		d := deliverer(world, q, Settings{})
		if attempts > 1 {
			world.fail = func(string) error { return &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "zendesk/acme"} }
			e := closed("c1")
			d.Deliver(t.Context(), &e)
		}
		world.fail = refuse(call)
		e := closed("c1")
		e.Attempts = attempts
		if o := d.Deliver(t.Context(), &e); o.Result != ticket.ResultDead {
			t.Errorf("try %d: %+v", attempts, o)
		}
	}
}

// Two workers have one job, because the queue took the first one for dead. The second one buries it while the first one
// makes its ticket.
func TestATicketGoesBeforeTheDeadLetterOfAnotherWorker(t *testing.T) {
	world, q := newTown(), openQueue(t)
	d := deliverer(world, q, Settings{})
	w := New(q, d, zerolog.Nop(), nil)
	e := closed("c1")
	e.Attempts = 2
	world.fail = func(call string) error {
		if call != "create" {
			return nil
		}
		if err := w.bury(t.Context(), e, &ticket.Failure{Reason: ticket.ReasonRejected}); err != nil {
			t.Error(err)
		}
		return nil
	}
	o := d.Deliver(t.Context(), &e)
	if o.Result != ticket.ResultCreated {
		t.Fatalf("outcome = %+v", o)
	}
	if entry, _, err := q.Look(t.Context(), "c1"); err != nil || entry.State != queue.StateCreated || entry.ID == 0 {
		t.Errorf("entry = %+v, %v", entry, err)
	}
	if err := w.keep(t.Context(), e, o); err != nil {
		t.Fatal(err)
	}
	noLetter(t, q)
	// The other way round: the job is buried by a worker that does not know of the ticket.
	if err := w.bury(t.Context(), e, &ticket.Failure{Reason: ticket.ReasonRejected}); err != nil {
		t.Fatal(err)
	}
	noLetter(t, q)
}

func noLetter(t *testing.T, q *queue.Queue) {
	t.Helper()
	if _, err := q.DeadLetter(t.Context(), "c1"); !errors.Is(err, queue.ErrNoDeadLetter) {
		t.Errorf("the dead letter is still there: %v", err)
	}
}

func TestACommentThatIsRefusedAfterTheTicketWasMadeIsNoDeath(t *testing.T) {
	world, q := newTown(), openQueue(t)
	world.read = withNote
	d := deliverer(world, q, Settings{})
	e := closed("c1")
	e.Attempts = 2
	world.fail = refuse("comment")
	e.Replays = 1 // the ticket is looked up, and is not there
	if o := d.Deliver(t.Context(), &e); o.Result != ticket.ResultRetry || o.Lookup != ticket.LookupAbsent || len(world.tickets) != 1 {
		t.Errorf("outcome = %+v", o)
	}
}

func TestOneWorkerAtATimeAddsComments(t *testing.T) {
	world, q := newTown(), openQueue(t)
	world.read = withNote
	d := deliverer(world, q, Settings{})
	other := deliverer(world, q, Settings{})
	inside, goOn := make(chan struct{}), make(chan struct{})
	first := true
	world.fail = func(call string) error {
		if call == "comment" && first {
			return &ticket.Failure{Trouble: ticket.TroubleHiccup, Detail: ticket.Detail{Message: "lost"}}
		}
		if call == "count" && first {
			first = false
			world.mu.Unlock() // the other worker calls meanwhile
			close(inside)
			<-goOn
			world.mu.Lock()
		}
		return nil
	}
	made := closed("c1")
	if o := d.Deliver(t.Context(), &made); o.Result != ticket.ResultRetry {
		t.Fatalf("without the note: %+v", o)
	}
	slow := make(chan ticket.Outcome)
	go func() { e := triedBefore("c1"); slow <- d.Deliver(t.Context(), &e) }()
	<-inside
	e := triedBefore("c1")
	if o := other.Deliver(t.Context(), &e); o.Result != ticket.ResultRetry {
		t.Errorf("the other: %+v", o)
	}
	close(goOn)
	<-slow
	if o := other.Deliver(t.Context(), &e); o.Result != ticket.ResultCreated {
		t.Errorf("at last: %+v", o)
	}
	if n := world.tickets["iadvize:c1"].comments; n != 2 || len(world.tickets) != 1 {
		t.Errorf("%d comments in %d tickets, want 2 in one", n, len(world.tickets))
	}
}

func withNote(id string) (ticket.Conversation, error) {
	c := conversation(id)
	c.ClosingForm = ticket.ClosingForm{Known: true, Escalate: true, PrivateNote: "note"}
	return c, nil
}

// A ticket whose making had no answer is looked for before its conversation, whose time is over, is given up.
func TestWhatMayHaveATicketIsNotGivenUpAtOnce(t *testing.T) {
	down := accountDown()
	for name, tc := range map[string]struct {
		age  time.Duration // at the second try; the first one's is the longest that a conversation waits
		find *ticket.Failure
		want ticket.Result
	}{
		"found":               {age: 72*time.Hour + time.Minute, want: ticket.ResultCreated},
		"cannot be looked up": {age: 72*time.Hour + time.Minute, find: down, want: ticket.ResultHeld},
		"found late":          {age: 80 * time.Hour, want: ticket.ResultCreated},
		"never looked up":     {age: 80 * time.Hour, find: down, want: ticket.ResultDead},
	} {
		t.Run(name, func(t *testing.T) {
			world := newTown()
			d := deliverer(world, openQueue(t), Settings{Expiry: 72 * time.Hour})
			try := func(n int, age time.Duration) ticket.Outcome {
				e := closed("c1")
				e.Attempts, e.ReceivedAt, e.OccurredAt = n, e.ReceivedAt.Add(-age), e.OccurredAt.Add(-age)
				return d.Deliver(t.Context(), &e)
			}
			world.lose = func(string) error { return &ticket.Failure{Trouble: ticket.TroubleUncertain} }
			if o := try(1, 72*time.Hour); o.Result != ticket.ResultRetry {
				t.Fatalf("the ticket's making had no answer: %+v", o)
			}
			world.lose = nil
			if tc.find != nil {
				world.fail = func(string) error { return tc.find }
			}
			if o := try(2, tc.age); o.Result != tc.want || len(world.tickets) != 1 {
				t.Errorf("outcome = %+v, %d tickets", o, len(world.tickets))
			}
		})
	}
}

// A look-up for which the account has no call left did not fail: it was not made.
func TestOnlyALookUpThatWasMadeCanFail(t *testing.T) {
	down := &ticket.Failure{Trouble: ticket.TroubleAccount, Reason: ticket.ReasonExpired, Detail: ticket.Detail{Status: 503}}
	for name, tc := range map[string]struct {
		err  *ticket.Failure
		want ticket.Lookup
	}{
		"down":    {down, ticket.LookupFailed},
		"no call": {&ticket.Failure{Trouble: ticket.TroubleAccount, Limited: true, Reason: ticket.ReasonExpired}, ""},
		"refused": {&ticket.Failure{Trouble: ticket.TroubleAccount, Limited: true, Reason: ticket.ReasonExpired, Detail: ticket.Detail{Status: 429}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			world := newTown()
			d := deliverer(world, openQueue(t), Settings{})
			try := func(n int) ticket.Outcome { e := closed("c1"); e.Attempts = n; return d.Deliver(t.Context(), &e) }
			world.lose = func(string) error { return &ticket.Failure{Trouble: ticket.TroubleUncertain} }
			try(1)
			world.lose, world.fail = nil, func(call string) error {
				if call == "find" {
					return tc.err
				}
				return nil
			}
			if o := try(2); o.Result != ticket.ResultHeld || o.Lookup != tc.want {
				t.Errorf("outcome = %+v", o)
			}
			world.fail = nil
			if o := try(3); o.Result != ticket.ResultCreated || o.Lookup != ticket.LookupFound || len(world.tickets) != 1 {
				t.Errorf("at last: %+v, %d tickets", o, len(world.tickets))
			}
		})
	}
}
