package main

import (
	"slices"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

func TestTraceTellsWhyAnEventIsQueuedStill(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	closed := ticket.Event{Kind: ticket.KindClosed, ConversationID: "c1", ReceivedAt: at}
	again := closed
	again.Attempts, again.Replays, again.RevivedAt = 3, 1, at.Add(time.Hour)
	answer := closed
	answer.Kind, answer.ID = ticket.KindSatisfaction, "s1"
	try := queue.Try{Attempts: 3, At: at.Add(time.Minute), NextTryAt: at.Add(2 * time.Minute), Reason: ticket.ReasonNotCompleteYet, Failure: "the form is not there", Hint: "nothing"}
	for name, tc := range map[string]struct {
		event    ticket.Event
		workers  int
		known    bool
		waitsFor string
		attempts int
		steps    []string
	}{
		"tried":                 {closed, 1, true, "the form is not there", 3, []string{"received", "tried"}},
		"an answer, tried":      {answer, 1, true, "the form is not there", 3, []string{"answer_received"}},
		"not tried":             {closed, 1, false, "its turn: no worker process knows of a failed try", 0, []string{"received"}},
		"nobody works":          {closed, 0, false, "a worker process: none answers", 0, []string{"received"}},
		"tried before, not now": {again, 1, true, "its turn: no worker process knows of a failed try", 3, []string{"received", "replayed"}},
	} {
		tries := queueTries{last: map[string]queue.Try{}, workers: tc.workers}
		if tc.known {
			tries.last[tc.event.Key()] = try
		}
		s := tell("c1", queue.Trace{Pending: []ticket.Event{tc.event}}, tries)
		waitsFor, attempts, next := s.WaitsFor, s.Attempts, s.NextTryAt
		if len(s.Answers) > 0 {
			waitsFor, attempts, next = s.Answers[0].WaitsFor, s.Answers[0].Attempts, s.Answers[0].NextTryAt
		}
		var steps []string
		for _, step := range s.Steps {
			steps = append(steps, step.Step)
		}
		if waitsFor != tc.waitsFor || attempts != tc.attempts || !slices.Equal(steps, tc.steps) || next.Equal(try.NextTryAt) != (waitsFor == try.Failure) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
