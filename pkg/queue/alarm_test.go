package queue_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"passerelle/pkg/queue"
)

// An event that waits a moment only must not wait for the alarm of one that waits long.
func TestTheEarlierAlarmCounts(t *testing.T) {
	q, _ := open(t)
	for i, wait := range []time.Duration{time.Hour, 0} {
		if err := q.Hold(t.Context(), closed(fmt.Sprint("c", i)), time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Wake(t.Context(), "acme", time.Now().Add(time.Hour)); err != nil { // changes nothing
		t.Fatal(err)
	}
	runs, err := q.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer runs.Close()
	soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if run, err := runs.Next(soon); err != nil || run.Account != "acme" {
		t.Fatalf("run %+v, %v", run, err)
	}
}

// What one process remembers of an alarm is worth nothing once another one took its place.
func TestAnAlarmThatWasReplacedIsReadAnew(t *testing.T) {
	q, s := open(t)
	other := connect(t, s)
	now := time.Now()
	wake := func(q *queue.Queue, in time.Duration) {
		t.Helper()
		if err := q.Wake(t.Context(), "acme", now.Add(in)); err != nil {
			t.Fatal(err)
		}
	}
	wake(q, time.Hour)
	wake(other, 2*time.Hour) // which reads it
	rings(t, q, time.Hour)
	if err := q.EndAlarm(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	wake(q, 3*time.Hour)
	rings(t, q, 3*time.Hour)
	wake(other, 2*time.Hour)
	rings(t, q, 2*time.Hour)
}
