package cache

import (
	"bytes"
	"encoding/json"
	"sync/atomic"
	"time"
)

// entry is what memory holds for a key. A nil entry is neither fresh nor usable. Only restUntil changes once it is stored.
type entry[T any] struct {
	value      T
	found      bool
	loadedAt   time.Time // when the source was asked, by the clock of the process that asked
	freshUntil time.Time
	staleUntil time.Time

	restUntil atomic.Int64 // Unix nanoseconds; the source is left alone until then
}

func (e *entry[T]) fresh(now time.Time) bool { return e != nil && now.Before(e.freshUntil) }

// usable says whether the value may stand in for a source that fails. "Not found" may not: it would hide what exists by now.
func (e *entry[T]) usable(now time.Time) bool {
	return e != nil && e.found && now.Before(e.staleUntil)
}

func (e *entry[T]) resting(now time.Time) bool { return now.UnixNano() < e.restUntil.Load() }

func (e *entry[T]) rest(until time.Time) { e.restUntil.Store(until.UnixNano()) }

// asOld gives the time after which the source must have been asked for what takes the entry's place, so that it is no older:
// while Redis was away, memory may have got what Redis does not have yet.
func (e *entry[T]) asOld() time.Time {
	if e == nil {
		return time.Time{}
	}
	return e.loadedAt.Add(-time.Nanosecond)
}

// live gives an entry that has just been read its lifetimes in memory: fresh for what the policy says, but not past latest.
func (e *entry[T]) live(policy Policy, now, latest time.Time) {
	if !e.found {
		e.freshUntil = earlier(now.Add(policy.Negative), latest)
		e.staleUntil = e.freshUntil
		return
	}
	e.freshUntil = earlier(now.Add(policy.Fresh), latest)
	e.staleUntil = e.freshUntil.Add(policy.Stale)
}

// takeOwn takes the process's own value if it is written in these words.
func (e *entry[T]) takeOwn(written []byte, own func() (T, bool)) bool {
	value, has := own()
	if !has {
		return false
	}
	words, err := json.Marshal(value)
	if err != nil || !bytes.Equal(words, written) {
		return false
	}
	e.value = value
	return true
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// shared is the form of an entry in Redis. It says when the value was loaded because the lifetime of the Redis key
// counts from when it was written and cannot be read in the same call.
type shared struct {
	At    int64           `json:"at"` // Unix nanoseconds
	Found bool            `json:"found"`
	Value json.RawMessage `json:"value,omitempty"`
}

func (p Policy) sharedLife(found bool) time.Duration {
	if found {
		return p.Shared
	}
	return min(p.Negative, p.Shared)
}

func encodeShared[T any](e *entry[T]) ([]byte, error) {
	out := shared{At: e.loadedAt.UnixNano(), Found: e.found}
	if e.found {
		value, err := json.Marshal(e.value)
		if err != nil {
			return nil, err
		}
		out.Value = value
	}
	return json.Marshal(out)
}

// decodeShared reads what Redis holds. It answers false for anything it cannot use: another form, too old, or not asked
// for after that time. A value that is written as the process's own is the process's own.
func decodeShared[T any](raw []byte, after time.Time, policy Policy, now time.Time, own func() (T, bool)) (*entry[T], bool) {
	var in shared
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, false
	}
	// Another process's clock may be ahead. That must not make its value live longer here.
	loadedAt := earlier(time.Unix(0, in.At), now)
	sharedUntil := loadedAt.Add(policy.sharedLife(in.Found))
	if !now.Before(sharedUntil) || !loadedAt.After(after) {
		return nil, false
	}
	e := &entry[T]{found: in.Found, loadedAt: loadedAt}
	if in.Found && !e.takeOwn(in.Value, own) {
		if len(in.Value) == 0 || json.Unmarshal(in.Value, &e.value) != nil {
			return nil, false
		}
	}
	e.live(policy, now, sharedUntil)
	return e, true
}
