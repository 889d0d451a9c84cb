package queue_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"passerelle/pkg/queue"
)

func holdFor(t *testing.T, q *queue.Queue, id string, wait time.Duration) {
	t.Helper()
	if err := q.Hold(t.Context(), closed(id), time.Now().Add(wait)); err != nil {
		t.Error(err)
	}
}

// rings checks when the account's alarm rings, about.
func rings(t *testing.T, q *queue.Queue, in time.Duration) {
	t.Helper()
	at, err := q.Alarm(t.Context(), "acme")
	if d := time.Until(at) - in; err != nil || d.Abs() > 5*time.Second {
		t.Fatalf("it rings in %s, %v; want %s", time.Until(at), err, in)
	}
}

// Of an account in trouble, each event is held: that an alarm is set need not be asked in a message of its own.
func TestAHeldEventTakesOneMessageWhileAnAlarmIsSet(t *testing.T) {
	q, _ := open(t)
	holdFor(t, q, "first", time.Hour)
	before := q.Sent()
	for i := range 10 {
		holdFor(t, q, fmt.Sprint("c", i), time.Hour)
	}
	if sent := q.Sent() - before; sent != 10 {
		t.Errorf("10 held events took %d messages", sent)
	}
	holdFor(t, q, "sooner", time.Minute)
	rings(t, q, time.Minute)
}

// What one process knows of an alarm must not keep an event without one.
func TestAHeldEventHasAnAlarmWhateverHappened(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, other *queue.Queue){
		"the alarm was taken away": func(t *testing.T, other *queue.Queue) {
			if err := other.EndAlarm(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
		},
		"another process had it ring at once": func(t *testing.T, other *queue.Queue) {
			runs, err := other.Runs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer runs.Close()
			if err := other.WakeNow(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
			run, err := runs.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Done(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			q, s := open(t)
			holdFor(t, q, "first", time.Hour)
			happens(t, connect(t, s))
			holdFor(t, q, "second", time.Hour)
			rings(t, q, time.Hour)
		})
	}
}

// A replicated stream refuses what concerns a subject of which another message is on its way to the replicas.
func TestManyEventsAreHeldAtOnceInACluster(t *testing.T) {
	nodes := startCluster(t)
	q, err := queue.Open(t.Context(), queue.Options{URL: nodes[0].ClientURL(), Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	const many = 100
	var wait sync.WaitGroup
	for i := range many {
		wait.Go(func() {
			in, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := q.Hold(in, closed(fmt.Sprint("c", i)), time.Now().Add(time.Hour-time.Duration(i)*time.Second)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	rings(t, q, time.Hour-many*time.Second)
	holdFor(t, q, "d0", time.Hour) // what is known of the alarm may be one of those that lost the race
	before := q.Sent()
	for i := range many {
		wait.Go(func() { holdFor(t, q, fmt.Sprint("d", i), time.Hour) })
	}
	wait.Wait()
	if sent := q.Sent() - before; sent > 2*many+10 { // each event, and a look at the alarm; some read when it rings
		t.Errorf("%d events took %d messages while an alarm is set", many, sent)
	}
	held := 0
	for h, err := q.NextHeld(t.Context(), "acme", false, nil); h != nil; h, err = q.NextHeld(t.Context(), "acme", false, h) {
		if err != nil {
			t.Fatal(err)
		}
		held++
	}
	if held != 2*many {
		t.Errorf("%d of %d are held", held, 2*many)
	}
}
