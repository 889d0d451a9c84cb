package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Stock is how much the store holds, but for what waits for its account.
type Stock struct {
	Pending     int // events that nobody has taken up yet
	InWork      int // events that were taken up and are not settled: in work, or waiting for their next try
	DeadLetters int
}

// Stock counts by two requests, whatever there is to count.
func (q *Queue) Stock(ctx context.Context) (Stock, error) {
	dead, err := q.dead.Info(ctx)
	if err != nil {
		return Stock{}, fmt.Errorf("count the dead letters: %w", err)
	}
	stock := Stock{DeadLetters: int(min(dead.State.Msgs, 1<<30))}
	consumer, err := q.events.Consumer(ctx, workerConsumer)
	switch {
	case err == nil:
		info := consumer.CachedInfo() // which came with the consumer
		stock.Pending, stock.InWork = int(min(info.NumPending, 1<<30)), info.NumAckPending
		return stock, nil
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return Stock{}, fmt.Errorf("count the events in the queue: %w", err)
	}
	events, err := q.events.Info(ctx) // no worker ever ran
	if err != nil {
		return Stock{}, fmt.Errorf("count the events in the queue: %w", err)
	}
	stock.Pending = int(min(events.State.Msgs, 1<<30))
	return stock, nil
}
