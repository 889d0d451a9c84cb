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

// GiveBack gives the event back at once, to whoever asks next.
func (d Delivery) GiveBack() error { return d.msg.Nak() }

// Working says that the work goes on, so that nobody else gets the event.
func (d Delivery) Working() error { return d.msg.InProgress() }

// Receiver hands out events. Next must not be called concurrently; Close may be called at any time, twice too.
type Receiver struct {
	q    *Queue
	iter jetstream.MessagesContext
}

// ErrUnreadable comes with a delivery whose content cannot be read. It was taken out of the queue.
var ErrUnreadable = errors.New("the event in the queue cannot be read")

// Receive opens a receiver. It asks the server for one event at a time, and only inside Next: so nothing lies in a
// buffer while its time to be acknowledged runs.
func (q *Queue) Receive(ctx context.Context) (*Receiver, error) {
	iter, err := q.messages(ctx, q.events, workersConfig())
	if err != nil {
		return nil, err
	}
	return &Receiver{q: q, iter: iter}, nil
}

func (q *Queue) messages(ctx context.Context, stream jetstream.Stream, config jetstream.ConsumerConfig) (jetstream.MessagesContext, error) {
	consumer, err := stream.Consumer(ctx, config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = stream.CreateOrUpdateConsumer(ctx, config)
	}
	if err != nil {
		return nil, fmt.Errorf("open consumer %s: %w", config.Durable, err)
	}
	iter, err := consumer.Messages(jetstream.PullMaxMessages(1))
	if err != nil {
		return nil, fmt.Errorf("read from consumer %s: %w", config.Durable, err)
	}
	return iter, nil
}

// Next waits for an event until ctx ends. A missing heartbeat is waited out; an error means that the receiver must be
// opened anew, but for ErrUnreadable.
func (r *Receiver) Next(ctx context.Context) (Delivery, error) {
	msg, err := next(ctx, r.iter)
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

// next waits for a message until ctx ends. The client asks the server once a call, at its beginning, and not at all
// while its last request is still being written: with one message a request that happens every few hundred messages,
// and nothing would be asked for until the heartbeat is missed, 30 seconds later. So the first waits are short, and
// each is followed by another call. The last one is as long as ctx, so that a heartbeat can be missed in it.
func next(ctx context.Context, iter jetstream.MessagesContext) (jetstream.Msg, error) {
	for wait := firstWait; ; wait = min(8*wait, 8*longWait) {
		msg, err := nextWithin(ctx, iter, wait)
		switch {
		case err == nil:
			return msg, nil
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		case errors.Is(err, jetstream.ErrNoHeartbeat): // the client asks again by itself
		default:
			return nil, fmt.Errorf("wait for an event: %w", err)
		}
	}
}

const (
	firstWait = time.Millisecond
	longWait  = 5 * time.Second
)

func nextWithin(ctx context.Context, iter jetstream.MessagesContext, wait time.Duration) (jetstream.Msg, error) {
	if wait <= longWait {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	return iter.Next(jetstream.NextContext(ctx))
}

// setAside keeps what cannot be read where a person finds it, and lets the queue go on.
func (q *Queue) setAside(ctx context.Context, msg jetstream.Msg) error {
	now := time.Now()
	meta, err := msg.Metadata()
	if err != nil {
		return errors.Join(ErrUnreadable, msg.Term())
	}
	event := ticket.Event{ConversationID: fmt.Sprintf("unreadable-%d", meta.Sequence.Stream), Kind: ticket.KindClosed, ReceivedAt: meta.Timestamp}
	letter := ticket.Bury(event, &ticket.Failure{
		Trouble: ticket.TroubleJob, Reason: ticket.ReasonMalformed,
		Detail: ticket.Detail{Message: "the event in the queue is not one this version can read"},
		Hint:   "something else wrote to the stream EVENTS, or a newer version did; discard it, and let the sweep find the conversation",
	}, now)
	if err := q.Bury(ctx, letter); err != nil {
		return errors.Join(err, msg.NakWithDelay(ackWait))
	}
	return errors.Join(ErrUnreadable, msg.DoubleAck(ctx))
}

// Close ends the receiver. An event that arrived and was not handed out goes back to the server.
func (r *Receiver) Close() {
	r.iter.Drain()
	for {
		msg, err := r.iter.Next(jetstream.NextMaxWait(time.Second))
		if err != nil {
			break
		}
		_ = msg.Nak() // at worst it comes back after the acknowledgement's time
	}
	r.iter.Stop()
}
