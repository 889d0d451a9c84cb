package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

// Delivery is one event, lent to this worker until it is settled.
type Delivery struct {
	Event ticket.Event
	Tries uint64 // how often it was handed out, this time included
	msg   jetstream.Msg
}

// Done takes the event out of the queue; it returns when the server has confirmed it.
func (d Delivery) Done(ctx context.Context) error {
	if err := d.msg.DoubleAck(ctx); err != nil {
		return fmt.Errorf("acknowledge event: %w", err)
	}
	return nil
}

// Later gives the event back, not to be handed out again before the delay is over.
func (d Delivery) Later(delay time.Duration) error { return d.msg.NakWithDelay(delay) }

// GiveBack gives the event back to whoever asks next, a moment later.
func (d Delivery) GiveBack() error { return d.msg.NakWithDelay(takenBack) }

// Working says that the work goes on, so that nobody else gets the event.
func (d Delivery) Working() error { return d.msg.InProgress() }

// Receiver hands out events. Its methods must not be called concurrently; Close may be called twice.
type Receiver struct {
	q    *Queue
	from *puller
}

// ErrUnreadable comes with a delivery whose content cannot be read. It was taken out of the queue.
var ErrUnreadable = errors.New("the event in the queue cannot be read")

// Receive opens a receiver. It asks the server for no more events than its user has room for, and only inside Next: so
// nothing lies in a buffer while its time to be acknowledged runs.
func (q *Queue) Receive(ctx context.Context) (*Receiver, error) {
	from, err := q.pull(ctx, q.events, workersConfig())
	if err != nil {
		return nil, err
	}
	return &Receiver{q: q, from: from}, nil
}

// Next waits for an event until ctx ends. room, 1 or more, is how many could be taken into work at once; what comes of one
// call takes one of it, and nothing else may. Another error than that of ctx means that the receiver must be opened anew,
// but for ErrUnreadable.
func (r *Receiver) Next(ctx context.Context, room int) (Delivery, error) {
	msg, err := r.from.next(ctx, room)
	if err != nil {
		return Delivery{}, err
	}
	d := Delivery{msg: msg, Tries: 1}
	if meta, err := msg.Metadata(); err == nil {
		d.Tries = meta.NumDelivered
	}
	if err := json.Unmarshal(msg.Data(), &d.Event); err != nil {
		return Delivery{}, r.q.setAside(ctx, msg)
	}
	return d, nil
}

// setAside keeps what cannot be read where a person finds it, and lets the queue go on.
func (q *Queue) setAside(ctx context.Context, msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return errors.Join(ErrUnreadable, msg.Term())
	}
	letter := unreadable("unreadable-", "", eventsStream, meta.Sequence.Stream, meta.Timestamp)
	if err := q.Bury(ctx, letter); err != nil {
		return errors.Join(err, msg.NakWithDelay(ackWait))
	}
	return errors.Join(ErrUnreadable, msg.DoubleAck(ctx))
}

// unreadable is the dead letter of what was found in a stream and is no event.
func unreadable(prefix, account, stream string, sequence uint64, received time.Time) ticket.DeadLetter {
	event := ticket.Event{ConversationID: fmt.Sprint(prefix, sequence), Kind: ticket.KindClosed, Account: account, ReceivedAt: received}
	return ticket.Bury(event, &ticket.Failure{
		Trouble: ticket.TroubleJob, Reason: ticket.ReasonMalformed,
		Detail: ticket.Detail{Message: "the event in the queue is not one this version can read"},
		Hint:   "something else wrote to the stream " + stream + ", or a newer version did; discard it, and let the sweep find the conversation",
	}, time.Now())
}

// Close ends the receiver. An event that arrived and was not handed out goes back to the server.
func (r *Receiver) Close() { r.from.close() }
