package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Wake sets the account's alarm clock, unless one is set that rings as early. It rings within a second of that time. One that
// was lost rings at once instead.
func (q *Queue) Wake(ctx context.Context, account string, at time.Time) error {
	instead := uint64(0)
	for try := 0; ; try++ {
		if try > 1 { // others set it at the same time
			if err := awaitReplicas(ctx); err != nil {
				return fmt.Errorf("set the alarm clock of account %q: %w", account, err)
			}
		}
		set, last, err := q.setAlarm(ctx, account, at, instead)
		if set || err != nil {
			return err
		}
		if known, ok := q.alarms.of(account, last); ok && known.early(at) && !known.lost(q.lateAlarm) {
			return nil
		}
		other, sequence, err := q.alarm(ctx, account)
		if err != nil {
			return err
		}
		known := ringing{sequence, other}
		q.alarms.learn(account, known)
		switch {
		case sequence == 0: // it rang just now
			return nil
		case known.lost(q.lateAlarm):
			at = other // over as it is, it rings at once; and were our clock ahead of the server's, it would ring no later than it does
		case known.early(at):
			return nil
		}
		instead = sequence // and if somebody else sets it meanwhile, perhaps not as early, once more
	}
}

// alarmStep is how much earlier an alarm must be for its sake to be set anew. Alarms count whole seconds.
const alarmStep = time.Second

// alarms remember when the alarm of each account rings that was set or read last: each held event would read it again. The
// zero value knows none. Its methods may be called concurrently.
type alarms struct {
	mu  sync.Mutex
	all map[string]ringing // guarded by mu; by account
}

type ringing struct {
	sequence uint64 // of its message: another alarm has another one
	at       time.Time
}

// early tells whether it rings as early as one for that time would, or nearly.
func (r ringing) early(at time.Time) bool { return !r.at.After(at.Add(alarmStep)) }

func (a *alarms) learn(account string, known ringing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[string]ringing{}
	}
	a.all[account] = known
}

// of gives the alarm whose message has that sequence, if it is the one that is known.
func (a *alarms) of(account string, sequence uint64) (ringing, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.all[account]
	return known, ok && sequence != 0 && known.sequence == sequence
}

// early gives the alarm that is known, if it rings early enough for something that waits until then, and not yet: else to
// look whether it is still set would be in vain.
func (a *alarms) early(account string, until, now time.Time) (ringing, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.all[account]
	return known, ok && known.sequence != 0 && known.early(until) && known.at.After(now.Add(alarmStep))
}

// forget removes what is known, if it is that alarm.
func (a *alarms) forget(account string, sequence uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all[account].sequence == sequence {
		delete(a.all, account)
	}
}

// setAlarm sets an alarm in the place of that one; 0 is none. It tells whether that was the last one, and if not, as far
// as the server says it, which one is.
func (q *Queue) setAlarm(ctx context.Context, account string, at time.Time, instead uint64) (set bool, last uint64, err error) {
	var sequence uint64
	for try := 0; ; try++ {
		sequence, err = q.publishAlarm(ctx, account, at, jetstream.WithExpectLastSequencePerSubject(instead))
		if !busy(err) || try == busyTries {
			break
		}
		if err := awaitReplicas(ctx); err != nil {
			return false, 0, fmt.Errorf("set the alarm clock of account %q: %w", account, err)
		}
	}
	if last, other := anotherSequence(err); other {
		return false, last, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("set the alarm clock of account %q: %w", account, err)
	}
	q.alarms.learn(account, ringing{sequence, at.Truncate(time.Second)}) // alarms count whole seconds
	return true, 0, nil
}

// busy tells whether a replicated stream refused a message because another one that concerns the same subject is on its way
// to the replicas: it does not know yet which is the last one.
// https://github.com/nats-io/nats-server/blob/v2.15.2/server/jetstream_batching.go
func busy(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}

const (
	busyWait  = 5 * time.Millisecond // about what a message takes to the replicas
	busyTries = 200                  // a second, about
)

// awaitReplicas waits for a message that is on its way, until ctx ends.
func awaitReplicas(ctx context.Context) error {
	timer := time.NewTimer(busyWait/2 + rand.N(busyWait)) //nolint:gosec // apart, which needs no secrecy
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// anotherSequence tells whether a message was refused because its subject, or the one that it names, has another last
// message than was expected, and, as far as the server says it, which one.
func anotherSequence(err error) (last uint64, other bool) {
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence {
		return 0, false
	}
	_, text, _ := strings.Cut(api.Description, ": ")
	last, _ = strconv.ParseUint(text, 10, 64) // 0: it does not say
	return last, true
}

func (q *Queue) publishAlarm(ctx context.Context, account string, at time.Time, more ...jetstream.PublishOpt) (sequence uint64, err error) {
	schedule := []jetstream.PublishOpt{jetstream.WithScheduleAt(at), jetstream.WithScheduleTarget(runSubject(account))}
	ack, err := q.js.Publish(ctx, wakeSubject(account), []byte(account), append(schedule, more...)...)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// WakeNow rings the account's alarm at once, whatever it was set to, if the account holds anything.
func (q *Queue) WakeNow(ctx context.Context, account string) error {
	holds, err := q.holds(ctx, account)
	if err != nil || !holds {
		return err
	}
	if _, err := q.publishAlarm(ctx, account, time.Now()); err != nil {
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
