package ingest

import (
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// calm is how long the store must have worked before its trouble counts as over (one at its limit takes an event and
// refuses the next), and how often what repeats is logged.
const calm = 10 * time.Second

// trouble logs when events cannot be stored and when they can be again, and not each of them. Its methods may be called
// concurrently.
type trouble struct {
	log zerolog.Logger

	mu          sync.Mutex
	since, last time.Time // guarded by mu; of the trouble there is; zero: none
	lost        int       // guarded by mu; webhooks answered 503 in it
}

// failed takes note of a try that failed; the webhook may still be stored.
func (t *trouble) failed(err error, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(err, now)
}

// refused takes note of a webhook that was not stored.
func (t *trouble) refused(err error, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(err, now)
	t.lost++
}

func (t *trouble) note(err error, now time.Time) {
	if t.last = now; t.since.IsZero() {
		t.since = now
		t.log.Warn().Err(err).Msg("events cannot be stored: webhooks wait, and are answered 503 where that does not help")
	}
}

// passed takes note of an event that was stored.
func (t *trouble) passed(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since.IsZero() || now.Sub(t.last) < calm {
		return
	}
	t.log.Info().Int("refused", t.lost).Time("since", t.since).Time("until", t.last).Msg("events are stored again; the sweep finds what iAdvize did not send again")
	t.since, t.lost = time.Time{}, 0
}

// seldom lets a line of each kind into the log once in a while: anybody may send requests that are refused. The zero
// value is ready. Its methods may be called concurrently.
type seldom struct {
	mu   sync.Mutex
	seen map[string]*repeated // guarded by mu
}

type repeated struct {
	until  time.Time // nothing is logged before
	silent int       // times that were not logged since the last line
}

// due tells whether a line of this kind is due, and how many were left out since the last one. Kinds are words of this
// package, so that there are few.
func (s *seldom) due(kind string, now time.Time) (silent int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]*repeated{}
	}
	seen := s.seen[kind]
	if seen == nil {
		seen = &repeated{}
		s.seen[kind] = seen
	}
	if now.Before(seen.until) {
		seen.silent++
		return 0, false
	}
	silent = seen.silent
	seen.until, seen.silent = now.Add(calm), 0
	return silent, true
}
