package queue_test

import (
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

func TestAReplaySeesWhatHappenedMeanwhile(t *testing.T) {
	q, _ := open(t)
	now := time.Unix(5000, 0).UTC()
	failure := &ticket.Failure{Reason: ticket.ReasonRejected}
	for _, id := range []string{"gone", "newer", "made", "sound"} {
		if err := q.Bury(t.Context(), ticket.Bury(closed(id), failure, now)); err != nil {
			t.Fatal(err)
		}
	}
	read := letters(t, q, queue.Filter{})
	if err := q.Unbury(t.Context(), closed("gone").Key()); err != nil {
		t.Fatal(err)
	}
	if err := q.Bury(t.Context(), ticket.Bury(closed("newer"), failure, now.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Write(t.Context(), "made", queue.Entry{}, queue.Entry{State: queue.StateCreated, Ref: ticket.Ref{ID: 7}}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []queue.Replayed{queue.ReplayGone, queue.ReplayGone, queue.ReplayCreated, queue.ReplayStored} {
		got, ref, err := q.Replay(t.Context(), read[i], now)
		if err != nil || got != want || (ref.ID == 7) != (want == queue.ReplayCreated) {
			t.Errorf("%s: %q, %+v, %v; want %q", read[i].ID, got, ref, err, want)
		}
	}
	if got := letters(t, q, queue.Filter{}); len(got) != 1 || got[0].ID != "newer" {
		t.Errorf("left: %+v", got)
	}
	if got, _, err := q.Replay(t.Context(), read[3], now); got != queue.ReplayGone || err != nil {
		t.Errorf("a second replay of the same: %q, %v", got, err)
	}
	r := receive(t, q)
	if d := take(t, r); d.Event.ConversationID != "sound" || d.Event.Replays != 1 {
		t.Errorf("event = %+v", d.Event)
	}
}

// The letter of an event is written before the event leaves the queue, which takes no second one of its subject.
func TestAReplayDoesNotGetLostBehindItsOwnEvent(t *testing.T) {
	q, _ := open(t)
	publish(t, q, closed("c1"), queue.Accepted)
	r := receive(t, q)
	d := take(t, r)
	if err := q.Bury(t.Context(), ticket.Bury(d.Event, &ticket.Failure{Reason: ticket.ReasonRejected}, time.Now())); err != nil {
		t.Fatal(err)
	}
	letter := letters(t, q, queue.Filter{})[0]
	if got, _, err := q.Replay(t.Context(), letter, time.Now()); got != queue.ReplayWaits || err != nil {
		t.Fatalf("while its event is in the queue: %q, %v", got, err)
	}
	if left := letters(t, q, queue.Filter{}); len(left) != 1 {
		t.Fatalf("letters left: %+v", left)
	}
	done := make(chan error)
	go func() { done <- d.Done(t.Context()) }()
	got, _, err := q.Replay(t.Context(), letter, time.Now())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got != queue.ReplayStored || err != nil {
		t.Fatalf("once its event leaves the queue: %q, %v", got, err)
	}
	if again := take(t, r); again.Event.Replays != 1 {
		t.Errorf("event = %+v", again.Event)
	}
	if left := letters(t, q, queue.Filter{}); len(left) != 0 {
		t.Errorf("letters left: %+v", left)
	}
}

// A replay may die again at once: its new dead letter must not be part of the same run, which would never end.
func TestAWalkEndsWhereItBegan(t *testing.T) {
	q, _ := open(t)
	failure := &ticket.Failure{Reason: ticket.ReasonRejected}
	for _, id := range []string{"c1", "c2"} {
		if err := q.Bury(t.Context(), ticket.Bury(closed(id), failure, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	err := q.DeadLetters(t.Context(), queue.Filter{}, func(b queue.Buried) error {
		seen++
		if _, _, err := q.Replay(t.Context(), b, time.Now()); err != nil {
			return err
		}
		return q.Bury(t.Context(), ticket.Bury(b.Revive(time.Now()), failure, time.Now()))
	})
	if err != nil || seen != 2 {
		t.Errorf("saw %d, %v; want the two that lay there at the beginning", seen, err)
	}
}
