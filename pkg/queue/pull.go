package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	pullFor       = 31 * time.Second // a request lives a second less on the server
	pullHeartbeat = 5 * time.Second  // two that are missing tell that the request is gone

	// The client says that a request is ended before the server knows. A message given back in that moment would be handed
	// out for that very request, to nobody, and rest as if it were in work.
	takenBack = 250 * time.Millisecond
)

var errClosed = errors.New("wait for an event: the receiver is closed")

// puller asks a consumer for messages, for as many at a time as the caller has room for. Each request has an inbox of its
// own. The client's own iterator has one for all, as wide as one request; after a connection was made anew it asks twice,
// and drops the second message, which then rests until its time to be acknowledged is over.
type puller struct {
	conn     *nats.Conn
	consumer jetstream.Consumer
	back     chan nats.Status // tells that the connection was made anew, or closed
	asked    jetstream.MessageBatch
	cancel   context.CancelFunc
}

func (q *Queue) pull(ctx context.Context, stream jetstream.Stream, config jetstream.ConsumerConfig) (*puller, error) {
	consumer, err := stream.Consumer(ctx, config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = stream.CreateOrUpdateConsumer(ctx, config)
	}
	if err != nil {
		return nil, fmt.Errorf("open consumer %s: %w", config.Durable, err)
	}
	return &puller{conn: q.nc, consumer: consumer, back: q.nc.StatusChanged(nats.CONNECTED, nats.CLOSED)}, nil
}

// next waits for a message until ctx ends. What arrives after that is given by the next call. room is for how many there
// is room, this one included, were they to come at once. An error other than that of ctx means that the consumer must be
// opened anew.
func (p *puller) next(ctx context.Context, room int) (jetstream.Msg, error) {
	for {
		if p.asked == nil && p.conn.IsReconnecting() {
			// A request that is sent now arrives with the new connection, and is taken back at once: what comes for it would rest.
			if err := p.reconnected(ctx); err != nil {
				return nil, err
			}
		}
		if err := p.ask(room); err != nil { //nolint:contextcheck // a request outlives the call that sent it
			return nil, err
		}
		select {
		case msg, is := <-p.asked.Messages():
			if is {
				return msg, nil
			}
			err := p.asked.Error()
			p.forget()
			switch {
			case err == nil, errors.Is(err, jetstream.ErrNoHeartbeat), errors.Is(err, jetstream.ErrConsumerLeadershipChanged),
				errors.Is(err, context.DeadlineExceeded): // ask again
			default:
				return nil, fmt.Errorf("wait for an event: %w", err)
			}
		case _, is := <-p.back:
			p.takeBack() // the server may have forgotten the request
			if !is {
				return nil, errClosed
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for an event: %w", ctx.Err())
		}
	}
}

func (p *puller) reconnected(ctx context.Context) error {
	select {
	case _, is := <-p.back:
		if !is {
			return errClosed
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for an event: %w", ctx.Err())
	}
}

// ask sends a request, unless one is out. That one is for no more than there is room still: room only grows, but for what
// was handed over.
func (p *puller) ask(room int) error {
	if p.asked != nil {
		return nil
	}
	for len(p.back) > 0 { // before this request
		<-p.back
	}
	life, cancel := context.WithTimeout(context.Background(), pullFor)
	asked, err := p.consumer.Fetch(room, jetstream.FetchContext(life), jetstream.FetchHeartbeat(pullHeartbeat))
	if err != nil {
		cancel()
		return fmt.Errorf("ask for an event: %w", err)
	}
	p.asked, p.cancel = asked, cancel
	return nil
}

func (p *puller) forget() {
	p.cancel()
	p.asked = nil
}

// takeBack ends the request; a message that came for it goes back to the server.
func (p *puller) takeBack() {
	if p.asked == nil {
		return
	}
	p.cancel()
	for msg := range p.asked.Messages() {
		_ = msg.NakWithDelay(takenBack) // at worst it comes back after the acknowledgement's time
	}
	p.asked = nil
}

// close may be called twice.
func (p *puller) close() {
	p.takeBack()
	p.conn.RemoveStatusListener(p.back)
}
