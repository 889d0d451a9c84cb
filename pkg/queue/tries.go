package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"passerelle/pkg/ticket"
)

// triesSubject is where worker processes are asked what became of an event that they gave back. It is a plain request:
// nothing is stored, so that an event that is tried again costs no write.
const triesSubject = "standing.tries"

// Bounds of what is asked and taken.
const (
	maxAskedTries = 1000    // events of one conversation
	maxTryAnswer  = 1 << 20 // bytes
)

// Try is the last try of an event that failed and is tried again from the queue.
type Try struct {
	Key       string        `json:"key"` // of the event
	Attempts  int           `json:"attempts"`
	At        time.Time     `json:"at"`
	NextTryAt time.Time     `json:"next_try_at"`
	Reason    ticket.Reason `json:"reason,omitempty"`
	Failure   string        `json:"failure,omitempty"` // what it waits for, in words without personal data
	Hint      string        `json:"hint,omitempty"`
}

type triesQuestion struct {
	Keys []string `json:"keys"`
}

type triesAnswer struct {
	ID    string `json:"id"`
	Tries []Try  `json:"tries"`
}

// AnswerTries answers who asks for the tries of events, until the returned function is called. last gives those that this
// process knows of; it must not block. id is of this start of the process.
func (q *Queue) AnswerTries(id string, last func(keys []string) []Try) (stop func(), err error) {
	sub, err := q.nc.Subscribe(triesSubject, func(m *nats.Msg) {
		var question triesQuestion
		if json.Unmarshal(m.Data, &question) != nil {
			return
		}
		_ = respondJSON(m, triesAnswer{ID: id, Tries: last(question.Keys[:min(len(question.Keys), maxAskedTries)])}) // who gets none will ask again
	})
	if err != nil {
		return nil, fmt.Errorf("listen for who asks for tries: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// Tries asks every worker process for the last failed tries of events, by their keys. It gives the latest of each, and how
// many processes answered within that time. What was tried by a process that has ended is known after the next try.
func (q *Queue) Tries(ctx context.Context, keys []string, within time.Duration) (last map[string]Try, workers int, err error) {
	body, err := json.Marshal(triesQuestion{keys[:min(len(keys), maxAskedTries)]})
	if err != nil {
		return nil, 0, fmt.Errorf("ask for the tries: %w", err)
	}
	sub, err := q.askAll(triesSubject, body)
	if err != nil {
		return nil, 0, fmt.Errorf("ask for the tries: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	end := time.Now().Add(within)
	last = map[string]Try{}
	done := map[string]bool{}
	for wait := within; ctx.Err() == nil && len(done) < maxStandings; wait = reportsQuiet {
		m, err := sub.NextMsg(min(wait, time.Until(end)))
		if err != nil || m.Header.Get("Status") != "" { // the time is over, or nobody runs
			break
		}
		var a triesAnswer
		if len(m.Data) > maxTryAnswer || json.Unmarshal(m.Data, &a) != nil || a.ID == "" {
			continue
		}
		done[a.ID] = true
		for _, t := range a.Tries {
			if t.At.After(last[t.Key].At) {
				t.Reason = ticket.Reason(plain(string(t.Reason), maxGateName))
				t.Failure, t.Hint = plain(t.Failure, maxGateText), plain(t.Hint, maxGateText)
				last[t.Key] = t
			}
		}
	}
	return last, len(done), ctx.Err()
}
