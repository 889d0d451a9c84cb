package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

// Stored says what became of a publish.
type Stored int

// What can become of a publish that gave no error.
const (
	Accepted  Stored = iota + 1 // on the disk
	Duplicate                   // the same event is on the disk already, or was lately
)

// Publish stores an event durably: when it returns without an error, the event is on the disk of the server. An error
// means that it may not be; it wraps ErrFull when there is no room, and [Passing] tells whether another try may help.
//
// The same event may be published again and again, after an error too: its Nats-Msg-Id makes the server answer a repeat
// as a duplicate for ten minutes, and one subject for each end of a conversation does as long as that waits. One that
// comes even later finds the ledger.
func (q *Queue) Publish(ctx context.Context, e ticket.Event) (Stored, error) {
	stored, _, err := q.publish(ctx, e)
	return stored, err
}

// publish tells of a duplicate, too, whether it is one because an event of its subject is still in the queue.
func (q *Queue) publish(ctx context.Context, e ticket.Event) (stored Stored, pending bool, err error) {
	body, err := json.Marshal(e)
	if err != nil {
		return 0, false, fmt.Errorf("store event: %w", err)
	}
	id := e.Key()
	if e.Replays > 0 {
		id += ".replay-" + strconv.Itoa(e.Replays) // the window would take a replay for the event it replays
	}
	ack, err := q.js.Publish(ctx, eventSubject(e), body, jetstream.WithMsgID(id), jetstream.WithRetryAttempts(0))
	switch {
	case err == nil && ack.Duplicate:
		return Duplicate, false, nil
	case err == nil:
		return Accepted, false, nil
	case stillPending(err):
		return Duplicate, true, nil
	case full(err):
		return 0, false, fmt.Errorf("store event: %w: %w", ErrFull, err)
	default:
		return 0, false, fmt.Errorf("store event: %w", err)
	}
}

func stillPending(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == codeStreamRefused && strings.Contains(api.Description, "per subject")
}
