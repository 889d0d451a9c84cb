package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// standingSubject is where running processes are asked for the configuration that they have in force. It is a plain
// request: nothing is stored, and only who runs answers.
const standingSubject = "standing.config"

// Bounds of what is taken from others.
const (
	maxStanding  = 16 << 10 // bytes of an answer
	maxStandings = 10_000
)

// Standing is the configuration that a running process has in force. Its JSON is part of the commands' output.
type Standing struct {
	Process  string   `json:"process"` // host and process id
	ID       string   `json:"id"`      // of this start of the process
	Roles    []string `json:"roles"`
	Revision uint64   `json:"revision"` // of the applied configuration; 0: its own file
	Content  string   `json:"content"`  // what site.Config.Revision says
	Refused  uint64   `json:"refused,omitempty"`
	Why      string   `json:"why,omitempty"` // it was refused
}

// AnswerStanding answers others until the returned function is called.
func (q *Queue) AnswerStanding(standing func() Standing) (stop func(), err error) {
	sub, err := q.nc.Subscribe(standingSubject, func(m *nats.Msg) {
		_ = respondJSON(m, standing()) // who gets none will try again
	})
	if err != nil {
		return nil, fmt.Errorf("listen for who asks for the configuration in force: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// Standings asks every running process, and gives the answers that come within that time.
func (q *Queue) Standings(ctx context.Context, within time.Duration) ([]Standing, error) {
	sub, err := q.askAll(standingSubject, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the running processes: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var all []Standing
	for len(all) < maxStandings {
		m, err := sub.NextMsgWithContext(limited)
		if err != nil || m.Header.Get("Status") != "" { // the time is over, or nobody runs
			break
		}
		var s Standing
		if len(m.Data) <= maxStanding && json.Unmarshal(m.Data, &s) == nil && s.ID != "" {
			all = append(all, s)
		}
	}
	return all, ctx.Err()
}

// askAll asks every process that listens to the subject. Their answers come to the subscription, which the caller ends.
func (q *Queue) askAll(subject string, question []byte) (*nats.Subscription, error) {
	inbox := q.nc.NewInbox()
	sub, err := q.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	if err := q.nc.PublishRequest(subject, inbox, question); err != nil {
		_ = sub.Unsubscribe()
		return nil, err
	}
	return sub, nil
}

// respondJSON answers who asks the running processes.
func respondJSON(m *nats.Msg, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return m.Respond(body)
}
