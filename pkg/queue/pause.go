package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	lanesBucket = "lanes"
	maxPauseWhy = 500 // characters
)

// A resumed account keeps its entry: what it held counts as waiting from then on. So there is one entry for each account
// that was ever paused.
func lanesConfig(replicas int) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket: lanesBucket, Description: "accounts that an operator has paused, or resumed", History: 1,
		Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// LanePause says whether an operator has paused an account.
type LanePause struct {
	Account   string    `json:"account"`
	At        time.Time `json:"at,omitzero"` // paused since; zero when it is not
	Why       string    `json:"why,omitempty"`
	ResumedAt time.Time `json:"resumed_at,omitzero"` // zero when it never was

	ReplacedWhy string `json:"-"` // the reason that PauseLane put another one in the place of
	revision    uint64
}

// Paused tells whether it is.
func (p LanePause) Paused() bool { return !p.At.IsZero() }

// Before tells whether other was written later. A replica that lags behind may still tell of the older one.
func (p LanePause) Before(other LanePause) bool { return p.revision < other.revision }

// PauseLane pauses an account, for all processes and until ResumeLane. An account that is paused already stays so from
// when it was, with the new reason if one is given. It gives what is in force, and whether that was changed.
func (q *Queue) PauseLane(ctx context.Context, account, why string, now time.Time) (LanePause, bool, error) {
	if err := CheckPauseWhy(why); err != nil {
		return LanePause{}, false, err
	}
	why = plain(why, maxPauseWhy)
	return q.changePause(ctx, account, func(p LanePause) (LanePause, bool) {
		if p.Paused() && (why == "" || why == p.Why) {
			return p, false
		}
		if !p.Paused() {
			p.At, p.ResumedAt = now.UTC(), time.Time{}
		}
		p.Why, p.ReplacedWhy = why, p.Why
		return p, true
	})
}

// ErrWhyTooLong is a reason for a pause that would have to be cut.
var ErrWhyTooLong = fmt.Errorf("expected at most %d characters", maxPauseWhy)

// CheckPauseWhy gives ErrWhyTooLong for a reason of more than 500 characters.
func CheckPauseWhy(why string) error {
	if n := utf8.RuneCountInString(plain(why, len(why))); n > maxPauseWhy {
		return fmt.Errorf("%w, not %d", ErrWhyTooLong, n)
	}
	return nil
}

// ResumeLane ends a pause, and rings the account's alarm at once if it holds anything. It gives the pause that ended;
// the second result is false when the account was not paused.
func (q *Queue) ResumeLane(ctx context.Context, account string, now time.Time) (LanePause, bool, error) {
	var ended LanePause
	_, changed, err := q.changePause(ctx, account, func(p LanePause) (LanePause, bool) {
		ended = p
		if !p.Paused() {
			return p, false
		}
		p.At, p.Why, p.ResumedAt = time.Time{}, "", now.UTC()
		return p, true
	})
	if err != nil {
		return ended, false, err
	}
	return ended, changed, q.WakeNow(ctx, account)
}

// changePause writes what change makes of an account's entry. Of two operators at once, the second one's change is made
// on top of the first one's.
func (q *Queue) changePause(ctx context.Context, account string, change func(LanePause) (LanePause, bool)) (LanePause, bool, error) {
	for {
		old, err := q.pauseOf(ctx, account)
		if err != nil {
			return old, false, err
		}
		next, changed := change(old)
		if !changed {
			return old, false, nil
		}
		next.Account = account
		body, err := json.Marshal(next)
		if err != nil {
			return old, false, fmt.Errorf("store the pause of account %q: %w", account, err)
		}
		_, err = replace(ctx, q.lanes, accountToken(account), body, old.revision)
		switch {
		case err == nil:
			return next, true, nil
		case !errors.Is(err, errChanged):
			return old, false, fmt.Errorf("store the pause of account %q: %w", account, err)
		case ctx.Err() != nil:
			return old, false, ctx.Err()
		}
	}
}

func (q *Queue) pauseOf(ctx context.Context, account string) (LanePause, error) {
	entry, err := q.lanes.Get(ctx, accountToken(account))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return LanePause{Account: account}, nil
	}
	if err != nil {
		return LanePause{}, fmt.Errorf("read whether account %q is paused: %w", account, err)
	}
	return readPause(entry.Key(), entry.Value(), entry.Revision(), entry.Created(), true), nil
}

// readPause reads an entry. One that somebody else wrote, and that cannot be read, pauses its account: what is sent
// cannot be taken back.
func readPause(key string, value []byte, revision uint64, created time.Time, put bool) LanePause {
	var p LanePause
	switch err := json.Unmarshal(value, &p); {
	case !put:
		p = LanePause{ResumedAt: created}
	case err != nil:
		p = LanePause{At: created, Why: "an entry that cannot be read"}
	}
	if accountToken(p.Account) != key {
		p.Account = key
	}
	p.Why, p.revision = plain(p.Why, maxPauseWhy), revision
	return p
}

const kvOperation = "KV-Operation" // absent: a value was put

// LanePauses gives every account that was ever paused. It reads what is in force, not what a replica still has.
func (q *Queue) LanePauses(ctx context.Context) ([]LanePause, error) {
	stream, err := q.js.Stream(ctx, bucketPrefix+lanesBucket)
	if err != nil {
		return nil, fmt.Errorf("read which accounts are paused: %w", err)
	}
	prefix := bucketSubject(lanesBucket, "")
	var all []LanePause
	err = walk(ctx, stream, prefix+">", func(msg *jetstream.RawStreamMsg) error {
		all = append(all, readPause(msg.Subject[len(prefix):], msg.Data, msg.Sequence, msg.Time, msg.Header.Get(kvOperation) == ""))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read which accounts are paused: %w", err)
	}
	return all, nil
}

// FollowPauses tells of each account that is paused or resumed, and of those that were before, until ctx ends. It
// outlives lost connections, and tells of each change once. told must not block for long.
func (q *Queue) FollowPauses(ctx context.Context, told func(LanePause)) {
	seen := map[string]uint64{}
	tell := func(p LanePause) {
		if p.revision > seen[p.Account] {
			seen[p.Account] = p.revision
			told(p)
		}
	}
	keepWatching(ctx, q.nc, bucketWatch{
		open: func(ctx context.Context) (jetstream.KeyWatcher, error) { return q.lanes.WatchAll(ctx) },
		look: func(ctx context.Context) error {
			all, err := q.LanePauses(ctx)
			for _, p := range all {
				tell(p)
			}
			return err
		},
		see: func(entry jetstream.KeyValueEntry) {
			if entry != nil {
				tell(readPause(entry.Key(), entry.Value(), entry.Revision(), entry.Created(), entry.Operation() == jetstream.KeyValuePut))
			}
		},
	})
}
