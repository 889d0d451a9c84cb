package main

import (
	"context"
	"fmt"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// queueTries is what the worker processes know of events that wait in the queue: there they lie as they came, however often
// they were tried.
type queueTries struct {
	last    map[string]queue.Try // by the event's key
	workers int                  // processes that answered
}

func askTries(ctx context.Context, q *queue.Queue, events []ticket.Event) (queueTries, error) {
	keys := make([]string, len(events))
	for i, e := range events {
		keys[i] = e.Key()
	}
	last, workers, err := q.Tries(ctx, keys, lanesWithin)
	return queueTries{last, workers}, err
}

// tried says why an event is queued still, and when it is tried again. A try from before a replay does not count.
func (s *traced) tried(e ticket.Event, tries queueTries) {
	try, known := tries.last[e.Key()]
	known = known && try.Attempts > e.Attempts
	waitsFor := try.Failure
	switch {
	case !known && tries.workers == 0:
		waitsFor = "a worker process: none answers"
	case !known:
		waitsFor = "its turn: no worker process knows of a failed try"
	}
	if !known {
		try = queue.Try{}
	}
	if e.Kind != ticket.KindClosed {
		a := &s.Answers[len(s.Answers)-1]
		a.WaitsFor, a.NextTryAt, a.Attempts, a.Hint = waitsFor, try.NextTryAt, try.Attempts, try.Hint
		return
	}
	s.WaitsFor, s.NextTryAt = waitsFor, try.NextTryAt
	if known {
		s.Waiting, s.Hint, s.Attempts = try.Reason, try.Hint, max(s.Attempts, try.Attempts)
		s.add(try.At, "tried", fmt.Sprintf("try %d did not end it: %s; it is tried again", try.Attempts, try.Failure))
	}
}
