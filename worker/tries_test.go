package worker

import (
	"fmt"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// An event that is given back lies in the queue as it came: only the worker knows why.
func TestTheWorkerTellsWhyAnEventIsTriedAgain(t *testing.T) {
	server := openServer(t)
	world, asker := newTown(), connect(t, server)
	world.read = func(id string) (ticket.Conversation, error) {
		c := conversation(id)
		c.ClosingForm.Known = false
		return c, nil
	}
	if last, workers, err := asker.Tries(t.Context(), []string{"c1"}, 10*time.Second); err != nil || workers != 0 || len(last) != 0 {
		t.Fatalf("nobody runs: %v, %d, %v", last, workers, err)
	}
	attempts, _ := start(t, world, connect(t, server), Settings{FormWait: time.Hour})
	publish(t, asker, closed("c1"))
	var last map[string]queue.Try
	ask := func() (workers int) {
		t.Helper()
		var err error
		if last, workers, err = asker.Tries(t.Context(), []string{"c1", "c2"}, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		return workers
	}
	eventually(t, "the second try is known", func() bool { return ask() == 1 && last["c1"].Attempts == 2 })
	if try := last["c1"]; len(last) != 1 || try.Reason != ticket.ReasonNotCompleteYet || try.Failure == "" || try.Hint == "" || !try.NextTryAt.After(try.At) {
		t.Errorf("tries = %+v", last)
	}
	if trace, err := asker.Trace(t.Context(), "c1"); err != nil || len(trace.Pending) != 1 || trace.Pending[0].Attempts != 0 || trace.Found {
		t.Errorf("something was written: %+v, %v", trace, err)
	}
	world.with(func() { world.read = func(id string) (ticket.Conversation, error) { return conversation(id), nil } })
	await(t, attempts, ticket.ResultCreated)
	eventually(t, "it is forgotten", func() bool { ask(); return len(last) == 0 })
}

func TestTriesAreBounded(t *testing.T) {
	var all tries
	now := time.Now()
	retry := ticket.Outcome{After: time.Second, Failure: notYet("it waits")}
	for i := range mostTries + 5 {
		all.failed(closed(fmt.Sprint("c", i)), retry, now)
	}
	if n := len(all.all); n != mostTries {
		t.Errorf("%d are known", n)
	}
	all.failed(closed("late"), retry, now.Add(2*triesStale))
	if known := all.last([]string{"c1", "late"}); len(known) != 1 || known[0].Key != "late" {
		t.Errorf("after the others went elsewhere: %+v", known)
	}
}
