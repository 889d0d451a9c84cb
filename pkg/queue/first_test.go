package queue_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

func escalated(id string) ticket.Event {
	e := closed(id)
	e.Escalated = true
	return e
}

// heldIn gives the conversations of one of the two places, in their order.
func heldIn(t *testing.T, q *queue.Queue, escalated bool) (ids []string) {
	t.Helper()
	var at *queue.Held
	for {
		held, err := q.NextHeld(t.Context(), "acme", escalated, at)
		if err != nil {
			t.Fatal(err)
		}
		if held == nil {
			return ids
		}
		ids, at = append(ids, held.Event.ConversationID), held
	}
}

func hold(t *testing.T, q *queue.Queue, events ...ticket.Event) {
	t.Helper()
	for _, e := range events {
		if err := q.Hold(t.Context(), e, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEscalatedEventsWaitAheadOfTheOthers(t *testing.T) {
	q, _ := open(t)
	hold(t, q, closed("c1"), escalated("c2"), closed("c3"), escalated("c4"))
	if first, others := heldIn(t, q, true), heldIn(t, q, false); !slices.Equal(first, []string{"c2", "c4"}) || !slices.Equal(others, []string{"c1", "c3"}) {
		t.Errorf("first %v, others %v", first, others)
	}
	if held, err := q.Holding(t.Context()); err != nil || held["acme"] != 4 {
		t.Errorf("holding = %v, %v", held, err)
	}
	if _, held, err := q.Pending(t.Context()); err != nil || held != 4 {
		t.Errorf("pending: %d held, %v", held, err)
	}
	if backlog, err := q.Backlog(t.Context(), "acme"); err != nil || backlog != (queue.Backlog{Held: 4, Escalated: 2}) {
		t.Errorf("backlog = %+v, %v", backlog, err)
	}
	for _, e := range []ticket.Event{closed("c1"), escalated("c2")} {
		if stage, err := q.Stage(t.Context(), e); err != nil || stage != queue.StageHeld {
			t.Errorf("stage of %s: %s, %v", e.ConversationID, stage, err)
		}
		if trace, err := q.Trace(t.Context(), e.ConversationID); err != nil || len(trace.Held) != 1 || trace.Held[0].Escalated != e.Escalated || trace.Alarm.IsZero() {
			t.Errorf("trace of %s: %+v, %v", e.ConversationID, trace, err)
		}
	}
	seen := 0
	if err := q.Resting(t.Context(), func(ticket.Event) error { seen++; return nil }); err != nil || seen != 4 {
		t.Errorf("%d at rest, %v", seen, err)
	}
	if erased, err := q.Erase(t.Context(), "c2", time.Now()); err != nil || erased.Held != 1 {
		t.Errorf("erased = %+v, %v", erased, err)
	}
	if first := heldIn(t, q, true); !slices.Equal(first, []string{"c4"}) {
		t.Errorf("first %v", first)
	}
}

func TestAHeldEventThatTurnsOutToBeAnEscalationMovesAhead(t *testing.T) {
	q, _ := open(t)
	hold(t, q, closed("c1"), closed("c2"))
	held, err := q.NextHeld(t.Context(), "acme", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := held.Event
	e.Attempts++
	if err := q.Rehold(t.Context(), *held, e); err != nil {
		t.Fatal(err)
	}
	if held, err = q.NextHeld(t.Context(), "acme", false, held); err != nil || held.Event.ConversationID != "c2" {
		t.Fatalf("held = %+v, %v", held, err)
	}
	moved := held.Event
	moved.Escalated = true
	if err := q.Rehold(t.Context(), *held, moved); err != nil {
		t.Fatal(err)
	}
	if first, others := heldIn(t, q, true), heldIn(t, q, false); !slices.Equal(first, []string{"c2"}) || !slices.Equal(others, []string{"c1"}) {
		t.Errorf("first %v, others %v", first, others)
	}
	// A worker may have died between the two steps of a move.
	hold(t, q, closed("c2"))
	if trace, err := q.Trace(t.Context(), "c2"); err != nil || len(trace.Held) != 1 || !trace.Held[0].Escalated {
		t.Errorf("trace = %+v, %v", trace, err)
	}
	if erased, err := q.Erase(t.Context(), "c2", time.Now()); err != nil || erased.Held != 2 {
		t.Errorf("erased = %+v, %v", erased, err)
	}
}

func TestWakeNowSeesWhatIsEscalated(t *testing.T) {
	q, _ := open(t)
	hold(t, q, escalated("c1"))
	if err := errors.Join(q.WakeNow(t.Context(), "acme"), q.WakeNow(t.Context(), "empty")); err != nil {
		t.Fatal(err)
	}
	runs, err := q.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer runs.Close()
	if run, err := runs.Next(t.Context()); err != nil || run.Account != "acme" {
		t.Errorf("run = %+v, %v", run, err)
	}
}

func TestAStoreOfAnEarlierVersionIsBroughtUpToDate(t *testing.T) {
	_, server := open(t)
	changeStream(t, raw(t, server), "HOLD", func(c *jetstream.StreamConfig) { c.Subjects = []string{"hold.>", "wake.*", "run.*"} }, false)
	q := connect(t, server)
	hold(t, q, escalated("c1"))
	if all := differences(t, q); len(all) != 0 {
		t.Errorf("differences: %v", all)
	}
}
