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

// LateAlarm is by how much an alarm may ring late, in a server that is busy. What is later has been lost.
//
// A nats-server that is killed can find messages again when it starts anew that were removed before: of a message that another
// one of its subject has replaced it writes down nothing on the disk, and once that one is removed, too, the first is the last
// one there is. Of an alarm that is back like that it does not know that it is to ring, and of one that rang the consumer is
// done: either would lie there for good, and look as if an alarm were set.
// https://github.com/nats-io/nats-server/blob/v2.15.2/server/filestore.go (removeMsgFromBlock)
const LateAlarm = 10 * time.Second

// lost tells whether the alarm should have rung long ago. Of one that something else has set it is not known.
func (r ringing) lost(late time.Duration) bool { return !r.at.IsZero() && time.Since(r.at) > late }

// Reconnects tells each time that the connection is there again, until stop is called: the server may have been killed.
func (q *Queue) Reconnects() (again <-chan nats.Status, stop func()) {
	listener := q.nc.StatusChanged(nats.CONNECTED)
	return listener, func() { q.nc.RemoveStatusListener(listener) }
}

// Alarmless gives the accounts that hold events and have no alarm that rings, which would not be tried again: an alarm can be
// lost when nats-server is killed, when somebody takes it away in NATS, or when an old store comes back. Wake sets it anew. With
// an error come those that were found all the same.
func (q *Queue) Alarmless(ctx context.Context) ([]string, error) {
	return q.lookAtAlarms(ctx, func(context.Context, string, ringing) error { return nil })
}

// Rearm does what Alarmless does, and sets each alarm that is to ring later anew, to its own time: when nats-server was killed,
// nobody knows which of them it has lost until they are late.
func (q *Queue) Rearm(ctx context.Context) ([]string, error) {
	return q.lookAtAlarms(ctx, func(ctx context.Context, token string, set ringing) error {
		account, err := q.named(ctx, token)
		if err == nil {
			_, _, err = q.setAlarm(ctx, account, set.at, set.sequence) // somebody else may set it meanwhile
		}
		return err
	})
}

// lookAtAlarms gives the accounts that hold events and have no alarm that rings, and hands over the alarms of the others that are
// set.
func (q *Queue) lookAtAlarms(ctx context.Context, see func(ctx context.Context, token string, set ringing) error) ([]string, error) {
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
	var failed error
	var hands errgroup.Group
	hands.SetLimit(readAtOnce)
	for token, c := range counts {
		if c.held == 0 {
			continue
		}
		hands.Go(func() error {
			account, rings, err := q.lookAtAlarm(ctx, token, c, seen, see)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				failed = err
			case !rings:
				accounts = append(accounts, account)
			}
			return nil
		})
	}
	_ = hands.Wait()
	slices.Sort(accounts)
	return accounts, failed
}

// lookAtAlarm tells whether an account's alarm is going to ring, or rang and somebody sees to it, and the account's name if not.
// The alarms up to seen that rang have been seen to.
func (q *Queue) lookAtAlarm(ctx context.Context, token string, c laneCount, seen uint64, see func(context.Context, string, ringing) error) (account string, rings bool, err error) {
	if c.set {
		at, sequence, err := q.alarm(ctx, token)
		set := ringing{sequence, at}
		switch {
		case err != nil:
			return "", false, err
		case sequence == 0, at.IsZero(): // it rang just now, or something else has set it
			return "", true, nil
		case !set.lost(q.lateAlarm):
			return "", true, see(ctx, token, set)
		}
		// The one that rang before may be in hand for long. Set anew, this one costs a second look at the account at most.
	} else if c.rang {
		if rings, err := unseen(ctx, q.hold, runSubject(token), seen); rings || err != nil {
			return "", rings, err
		}
	}
	account, err = q.named(ctx, token)
	return account, false, err
}

// named gives the name of an account of which something is held; its token where no event says it.
func (q *Queue) named(ctx context.Context, token string) (string, error) {
	e, found, err := q.inFront(ctx, token)
	if found && accountToken(e.Account) == token {
		return e.Account, nil
	}
	return token, err
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
