package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Wake sets the account's alarm clock, unless one is set that rings as early. It rings within a second of that time.
func (q *Queue) Wake(ctx context.Context, account string, at time.Time) error {
	set, last, err := q.setAlarm(ctx, account, at, 0)
	if set || err != nil {
		return err
	}
	if known, ok := q.alarms.of(account, last); ok && !known.After(at.Add(alarmStep)) {
		return nil
	}
	later, sequence, err := q.alarm(ctx, account)
	if err != nil {
		return err
	}
	q.alarms.learn(account, sequence, later)
	if !later.After(at.Add(alarmStep)) {
		return nil
	}
	_, _, err = q.setAlarm(ctx, account, at, sequence) // not set: it rang, or somebody else set it
	return err
}

// alarmStep is how much earlier an alarm must be for its sake to be set anew. Alarms count whole seconds.
const alarmStep = time.Second

// alarms remember when the alarm of each account rings that was read last: each held event would read it again. The zero
// value knows none. Its methods may be called concurrently.
type alarms struct {
	mu  sync.Mutex
	all map[string]ringing // guarded by mu; by account
}

type ringing struct {
	sequence uint64 // of its message: another alarm has another one
	at       time.Time
}

func (a *alarms) learn(account string, sequence uint64, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[string]ringing{}
	}
	a.all[account] = ringing{sequence, at}
}

// of gives when the alarm rings whose message has that sequence, if it is the one that was read.
func (a *alarms) of(account string, sequence uint64) (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.all[account]
	return known.at, ok && sequence != 0 && known.sequence == sequence
}

// setAlarm sets an alarm in the place of that one; 0 is none. It tells whether that was the last one, and if not, as far
// as the server says it, which one is.
func (q *Queue) setAlarm(ctx context.Context, account string, at time.Time, instead uint64) (set bool, last uint64, err error) {
	err = q.publishAlarm(ctx, account, at, jetstream.WithExpectLastSequencePerSubject(instead))
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		_, text, _ := strings.Cut(api.Description, ": ")
		last, _ = strconv.ParseUint(text, 10, 64) // 0: it does not say
		return false, last, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("set the alarm clock of account %q: %w", account, err)
	}
	return true, 0, nil
}

func (q *Queue) publishAlarm(ctx context.Context, account string, at time.Time, more ...jetstream.PublishOpt) error {
	schedule := []jetstream.PublishOpt{jetstream.WithScheduleAt(at), jetstream.WithScheduleTarget(runSubject(account))}
	_, err := q.js.Publish(ctx, wakeSubject(account), []byte(account), append(schedule, more...)...)
	return err
}

// WakeNow rings the account's alarm at once, whatever it was set to, if the account holds anything.
func (q *Queue) WakeNow(ctx context.Context, account string) error {
	holds, err := q.holds(ctx, account)
	if err != nil || !holds {
		return err
	}
	if err := q.publishAlarm(ctx, account, time.Now()); err != nil {
		return fmt.Errorf("wake account %q: %w", account, err)
	}
	return nil
}

// holds tells whether an account holds anything.
func (q *Queue) holds(ctx context.Context, account string) (bool, error) {
	for _, space := range heldSpaces {
		there, err := holds(ctx, q.hold, space+accountToken(account)+".>")
		if err != nil {
			return false, fmt.Errorf("look whether account %q holds anything: %w", account, err)
		}
		if there {
			return true, nil
		}
	}
	return false, nil
}

// alarm gives when the account's alarm clock rings, and the sequence of its message; zeros when none is set.
func (q *Queue) alarm(ctx context.Context, account string) (at time.Time, sequence uint64, err error) {
	msg, err := q.hold.GetLastMsgForSubject(ctx, wakeSubject(account))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return at, 0, nil
	}
	if err != nil {
		return at, 0, fmt.Errorf("read the alarm clock of account %q: %w", account, err)
	}
	at, err = time.Parse(time.RFC3339, strings.TrimPrefix(msg.Header.Get(jetstream.ScheduleHeader), "@at "))
	if err != nil {
		return time.Time{}, msg.Sequence, nil //nolint:nilerr // set by something else, in a form of its own
	}
	return at, msg.Sequence, nil
}
