package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// LateAlarm is by how much an alarm may ring late, in a server that is busy. What is later has been lost. A nats-server that is
// killed in the moment in which an alarm rings, or has been seen to, can find its message again when it starts anew, and knows
// neither that it is to ring nor that somebody waits for it: it would lie there for good, and keep others from being set.
const LateAlarm = 10 * time.Second

// lost tells whether the alarm should have rung long ago. Of one that something else has set it is not known.
func (r ringing) lost(late time.Duration) bool { return !r.at.IsZero() && time.Since(r.at) > late }

// Reconnects tells each time that the connection is there again, until stop is called: the server may have been killed.
func (q *Queue) Reconnects() (again <-chan nats.Status, stop func()) {
	listener := q.nc.StatusChanged(nats.CONNECTED)
	return listener, func() { q.nc.RemoveStatusListener(listener) }
}

// Alarmless gives the accounts that hold events and have no alarm that rings, which would not be tried again: an alarm can be
// lost when nats-server is killed, when somebody takes it away in NATS, or when an old store comes back. Wake sets it anew.
func (q *Queue) Alarmless(ctx context.Context) ([]string, error) {
	seen, err := seenUpTo(ctx, q.hold, wakeConsumer)
	if err != nil {
		return nil, err
	}
	counts, err := q.laneCounts(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var accounts []string
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for token, c := range counts {
		if c.held == 0 {
			continue
		}
		group.Go(func() error {
			if rings, err := q.rings(ctx, token, c, seen); rings || err != nil {
				return err
			}
			e, found, err := q.inFront(ctx, token)
			if found && accountToken(e.Account) == token {
				token = e.Account
			}
			mu.Lock()
			defer mu.Unlock()
			accounts = append(accounts, token)
			return err
		})
	}
	err = group.Wait()
	slices.Sort(accounts)
	return accounts, err
}

// rings tells whether an account's alarm is going to ring, or rang and somebody sees to it. The alarms up to seen that rang
// have been seen to.
func (q *Queue) rings(ctx context.Context, account string, c laneCount, seen uint64) (bool, error) {
	if c.set {
		at, sequence, err := q.alarm(ctx, account)
		if err != nil || sequence != 0 && !(ringing{sequence, at}).lost(q.lateAlarm) {
			return true, err
		}
	}
	if !c.rang {
		return false, nil
	}
	return unseen(ctx, q.hold, runSubject(account), seen)
}

// seenUpTo gives up to which sequence all that a consumer was to hand out is dealt with.
func seenUpTo(ctx context.Context, stream jetstream.Stream, consumer string) (uint64, error) {
	from, err := stream.Consumer(ctx, consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) { // it is made by who takes the first one
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read how far consumer %s is: %w", consumer, err)
	}
	return from.CachedInfo().AckFloor.Stream, nil
}

// unseen tells whether the last message of a subject is not among those that were dealt with before.
func unseen(ctx context.Context, stream jetstream.Stream, subject string, seen uint64) (bool, error) {
	msg, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read which alarm rang: %w", err)
	}
	return msg.Sequence > seen, nil
}
