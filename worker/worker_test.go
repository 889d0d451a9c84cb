package worker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

func TestTheWorkerSettlesWhatItTakes(t *testing.T) {
	world, q := newTown(), openQueue(t)
	attempts, stop := start(t, world, q, Settings{Slots: 3})
	for i := range 20 {
		publish(t, q, closed(fmt.Sprintf("c%d", i)))
	}
	for range 20 {
		await(t, attempts, ticket.ResultCreated)
	}
	stop()
	if len(world.tickets) != 20 {
		t.Errorf("%d tickets, want 20", len(world.tickets))
	}
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	publish(t, q, closed("last"))
	if d, err := r.Next(t.Context(), 1); err != nil || d.Event.ConversationID != "last" {
		t.Errorf("something was left in the queue: %+v, %v", d.Event, err)
	}
}

func TestADeadLetterIsReplayedOnceTheCauseIsMended(t *testing.T) {
	world, q := newTown(), openQueue(t)
	world.form.Fields = append(world.form.Fields, ticket.Field{ID: 20, Type: ticket.FieldText, Title: "Order", Active: true, Required: true})
	attempts, _ := start(t, world, q, Settings{})
	publish(t, q, closed("c1"))
	await(t, attempts, ticket.ResultDead)
	d := awaitLetter(t, q, "c1")
	if d.Reason != ticket.ReasonRequiredFieldMissing || d.Detail.Fields[0] != (ticket.FieldRef{ID: 20, Title: "Order"}) || d.Attempts != 1 || d.Site != "acme-fr" {
		t.Errorf("letter = %+v", d)
	}
	if len(world.calls) != 0 {
		t.Errorf("calls = %v, want none", world.calls)
	}
	world.with(func() { world.site.Tickets.Defaults = map[int64]any{20: "none"} })
	b, err := q.DeadLetter(t.Context(), "c1")
	if err != nil {
		t.Fatal(err)
	}
	replayed := time.Now()
	if _, _, err := q.Replay(t.Context(), b, replayed); err != nil {
		t.Fatal(err)
	}
	await(t, attempts, ticket.ResultCreated)
	if _, err := q.DeadLetter(t.Context(), "c1"); !errors.Is(err, queue.ErrNoDeadLetter) {
		t.Errorf("the letter is still there: %v", err)
	}
	if len(world.tickets) != 1 {
		t.Errorf("%d tickets", len(world.tickets))
	}
	entry, _, err := q.Look(t.Context(), "c1")
	if err != nil || entry.State != queue.StateCreated || !entry.DiedAt.Equal(d.LastFailedAt) || entry.DiedOf != d.Reason || !entry.ReplayedAt.Equal(replayed) {
		t.Errorf("the ledger has forgotten what was before: %+v, %v", entry, err)
	}
}

// awaitLetter waits until the letter is stored, which is after the attempt was told.
func awaitLetter(t *testing.T, q *queue.Queue, id string) ticket.DeadLetter {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if b, err := q.DeadLetter(t.Context(), id); err == nil {
			if e, _, err := q.Look(t.Context(), ticket.JobOf(id)); err == nil && e.State == queue.StateDead {
				return b.DeadLetter
			}
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("no letter")
		}
	}
}

func TestAnAccountInTroubleKeepsItsEventsUntilItIsWell(t *testing.T) {
	world, q := newTown(), openQueue(t)
	down := &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "zendesk/acme", Reason: ticket.ReasonCredentialsRefused, Detail: ticket.Detail{Message: "refused", Status: 401}, Hint: "h"}
	world.fail = func(string) error { return down }
	attempts, _ := start(t, world, q, Settings{Slots: 4, LaneSlots: 2})
	for i := range 30 {
		publish(t, q, closed(fmt.Sprintf("c%d", i)))
	}
	await(t, attempts, ticket.ResultHeld)
	await(t, attempts, ticket.ResultHeld) // an alarm rang, and its probe failed
	if letters, err := q.Holding(t.Context()); err != nil || letters["acme"] == 0 {
		t.Errorf("holding = %v, %v", letters, err)
	}
	world.with(func() { world.fail = nil })
	for made := map[int64]bool{}; len(made) < 30; {
		made[await(t, attempts, ticket.ResultCreated).Ticket.ID] = true
	}
	if len(world.tickets) != 30 {
		t.Errorf("%d tickets, want 30", len(world.tickets))
	}
}

func TestHeldEventsOfALostWorkerAreFound(t *testing.T) {
	world, q := newTown(), openQueue(t)
	e := closed("c1")
	waits := closed("c2")
	waits.NotBefore = time.Now().Add(2 * time.Second)
	dead := closed("c3")
	dead.ProjectID = 99
	for _, e := range []ticket.Event{e, waits, dead} {
		if err := q.Hold(t.Context(), e, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.WakeNow(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	attempts, _ := start(t, world, q, Settings{})
	for range 2 {
		await(t, attempts, ticket.ResultCreated)
	}
	if d := awaitLetter(t, q, "c3"); d.Reason != ticket.ReasonSiteUnknown {
		t.Errorf("letter = %+v", d)
	}
}

func TestAHiccupOfAHeldEventIsTriedAgain(t *testing.T) {
	world, q := newTown(), openQueue(t)
	n := 0
	world.fail = func(call string) error {
		if n++; n == 1 {
			return &ticket.Failure{Trouble: ticket.TroubleUncertain, Detail: ticket.Detail{Message: "lost"}}
		}
		return nil
	}
	if err := q.Hold(t.Context(), closed("c1"), time.Now()); err != nil {
		t.Fatal(err)
	}
	attempts, _ := start(t, world, q, Settings{})
	await(t, attempts, ticket.ResultRetry)
	await(t, attempts, ticket.ResultCreated)
	if len(world.tickets) != 1 {
		t.Errorf("%d tickets", len(world.tickets))
	}
}

func TestWorkInHandIsFinishedAtTheEnd(t *testing.T) {
	world, q := newTown(), openQueue(t)
	inside, goOn := make(chan struct{}), make(chan struct{})
	world.read = func(id string) (ticket.Conversation, error) {
		close(inside)
		<-goOn
		return conversation(id), nil
	}
	_, stop := start(t, world, q, Settings{Slots: 1})
	publish(t, q, closed("c1"))
	<-inside
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(goOn)
	<-stopped
	if len(world.tickets) != 1 {
		t.Errorf("%d tickets", len(world.tickets))
	}
}

func TestWorkThatIsCutOffIsGivenBack(t *testing.T) {
	world, q := newTown(), openQueue(t)
	work, cut := context.WithCancel(t.Context())
	fetch, stopFetching := context.WithCancel(t.Context())
	inside := make(chan struct{})
	world.read = func(string) (ticket.Conversation, error) {
		close(inside)
		<-work.Done()
		return ticket.Conversation{}, &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "iadvize/main", Err: work.Err(), Detail: ticket.Detail{Message: "no answer"}}
	}
	w := New(q, deliverer(world, q, Settings{}), zerolog.Nop(), nil)
	done := make(chan struct{})
	go func() { defer close(done); w.Run(fetch, work) }()
	publish(t, q, closed("c1"))
	<-inside
	stopFetching()
	cut()
	<-done
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// At once means before the acknowledgement's time is over. The receiver that is being closed may have been handed
	// the event once more in between, and gave it back unseen.
	soon, cancel := context.WithTimeout(t.Context(), queue.WorkingEvery)
	defer cancel()
	if d, err := r.Next(soon, 1); err != nil || d.Event.ConversationID != "c1" || d.Tries < 2 {
		t.Errorf("delivery = %+v, %v; want it back at once", d, err)
	}
	if held, err := q.Holding(t.Context()); err != nil || len(held) != 0 {
		t.Errorf("held = %v, %v", held, err)
	}
}

func TestGates(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGates("p1", func() time.Time { return now }, func(queue.GateNews) {})
	f := &ticket.Failure{Gate: "zendesk/acme", After: 10 * time.Second}
	first, news := g.fail(f)
	if !news || first.Before(now.Add(f.After)) {
		t.Errorf("the first failure: until = %v, news = %v", first, news)
	}
	if until, news := g.fail(f); news || !until.Equal(first) {
		t.Errorf("until = %v, news = %v", until, news)
	}
	if _, _, shut := g.shut("zendesk/other", "iadvize/main"); shut {
		t.Error("another gate is shut")
	}
	if _, _, shut := g.shut("zendesk/acme"); !shut {
		t.Error("the gate is open")
	}
	now = first
	if _, _, shut := g.shut("zendesk/acme"); shut {
		t.Error("nobody is let through when the time is over")
	}
	if _, _, shut := g.shut("zendesk/acme"); !shut {
		t.Error("a second one is let through")
	}
	f.After = 0
	for range 20 {
		if until, _ := g.fail(f); until.After(now.Add(longShut)) {
			t.Errorf("shut until %v", until)
		}
	}
	if opened, _ := g.pass("zendesk/acme", "zendesk/other"); len(opened) != 1 {
		t.Errorf("opened = %v", opened)
	}
}

func TestBackOffGrowsAndIsBounded(t *testing.T) {
	for attempts := range 100 {
		if d := backOff(attempts); d < firstDelay/2 || d > longestNak {
			t.Errorf("after %d attempts: %v", attempts, d)
		}
	}
}
