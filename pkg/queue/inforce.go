package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"passerelle/pkg/ticket"
)

// inForceSubject is where one running process is asked for what its configuration says. It is a plain request: nothing
// is stored.
const inForceSubject = "standing.inforce."

// Bounds of what is told and taken.
const (
	inForcePart  = 256 << 10 // bytes of names and sites in a message
	mostInForce  = 1_000_000 // accounts, or sites
	maxInForceIn = 1 << 20   // bytes of a message
)

// InForce is what a running process has in force, as far as a command needs it: no addresses, and no secrets.
type InForce struct {
	File     string // that it was read from, or applied from
	Accounts []string
	Sites    []ticket.Site
}

type inForceQuestion struct {
	Sites bool `json:"sites"`
}

type inForceAnswer struct {
	File     string            `json:"file"`
	Accounts []string          `json:"accounts,omitempty"`
	Sites    []json.RawMessage `json:"sites,omitempty"`
	More     bool              `json:"more,omitempty"` // another part follows
}

// AnswerInForce answers who asks this process, until the returned function is called. id is what its Standing says.
func (q *Queue) AnswerInForce(id string, tell func() InForce) (stop func(), err error) {
	sub, err := q.nc.Subscribe(inForceSubject+accountToken(id), func(m *nats.Msg) {
		var question inForceQuestion
		if json.Unmarshal(m.Data, &question) != nil {
			return
		}
		told := tell()
		if !question.Sites {
			told.Sites = nil
		}
		parts, err := told.parts()
		for i := 0; i < len(parts) && err == nil; i++ { // who gets none will ask again
			err = respondJSON(m, parts[i])
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listen for who asks for the configuration: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// parts gives messages that are small enough.
func (f InForce) parts() ([]inForceAnswer, error) {
	parts, size := []inForceAnswer{{File: f.File}}, 0
	part := func(more int) *inForceAnswer {
		if size += more; size > inForcePart {
			parts[len(parts)-1].More = true
			parts, size = append(parts, inForceAnswer{File: f.File}), more
		}
		return &parts[len(parts)-1]
	}
	for _, account := range f.Accounts {
		p := part(len(account))
		p.Accounts = append(p.Accounts, account)
	}
	for _, s := range f.Sites {
		body, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		p := part(len(body))
		p.Sites = append(p.Sites, body)
	}
	return parts, nil
}

// InForce asks the process of a Standing for its accounts, and for its sites if they are wanted. Each part of the
// answer may take so long.
func (q *Queue) InForce(ctx context.Context, id string, sites bool, within time.Duration) (InForce, error) {
	question, err := json.Marshal(inForceQuestion{sites})
	if err != nil {
		return InForce{}, fmt.Errorf("ask a running process for its configuration: %w", err)
	}
	sub, err := q.askAll(inForceSubject+accountToken(id), question)
	if err != nil {
		return InForce{}, fmt.Errorf("ask a running process for its configuration: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	var told InForce
	for more := true; more; {
		var part inForceAnswer
		if part, err = nextInForce(ctx, sub, within); err != nil {
			return InForce{}, fmt.Errorf("read the configuration of a running process: %w", err)
		}
		told.File, more = part.File, part.More && len(told.Accounts) < mostInForce && len(told.Sites) < mostInForce
		told.Accounts = append(told.Accounts, part.Accounts...)
		for _, body := range part.Sites {
			var s ticket.Site
			if err := json.Unmarshal(body, &s); err != nil {
				return InForce{}, fmt.Errorf("read the configuration of a running process: %w", err)
			}
			told.Sites = append(told.Sites, s)
		}
	}
	return told, nil
}

func nextInForce(ctx context.Context, sub *nats.Subscription, within time.Duration) (inForceAnswer, error) {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var part inForceAnswer
	m, err := sub.NextMsgWithContext(limited)
	switch {
	case err != nil:
		return part, err
	case m.Header.Get("Status") != "":
		return part, nats.ErrNoResponders
	case len(m.Data) > maxInForceIn:
		return part, nats.ErrMaxPayload
	}
	return part, json.Unmarshal(m.Data, &part)
}
