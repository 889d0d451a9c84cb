package limit

// tally is what is known of an account's window, and decides who gets leave. exchange.lua is the same for all processes
// together, line by line; a test holds the two against each other. Times are milliseconds on the clock of whoever keeps
// the tally. It is not safe for concurrent use.
type tally struct {
	limit float64 // by the account's own word; 0: it has not said
	left  float64 // calls left in the window, by the word that counts
	heard bool    // false: the account has not said in this window; left is what was left of the one before, if any
	at    float64 // when left was heard, or the window turned

	// The window ends after lo and by hi. hi is 0 as long as nothing is known of it.
	lo, hi float64

	used             float64 // leaves given in this window
	above            float64 // of these, to ranks above backlog
	surprise, before float64 // calls of others that came between leave and answer, at worst: in this window, the one before
	leaps            bool    // a well used window was followed by a full one: the account counts in fixed windows
	roundsUp         bool    // the account rounds reset up, by proof: its window ended before it could if it rounded down
	slides           bool    // it was not: the account seems to count the last minute at any time
	mute             float64 // answers in a row that said nothing of limits
	tat              float64 // GCRA's theoretical arrival time, for as long as the account has not said
	blocked          float64 // no calls before
	last             float64 // when leave was given last
	copied           float64 // since when this is a copy of a tally that cannot be asked, and no answer has borne it out; or 0
}

const (
	minute    = 60_000.0
	slack     = 1_000.0  // reset is in whole seconds, rounded up or down
	longest   = 35_000.0 // a call is under way for
	leftovers = 6_000.0  // the end of a window, in which backlog gets what is left over
	fresh     = 250.0    // for so long others cannot have taken much since left was heard
	again     = 1_000.0  // between two calls that ask what is left
	recovery  = 10_000.0 // in which a window that slides has calls again
	longBlock = 900_000.0
)

// word is what an answer says, as it enters a tally.
type word struct {
	granted float64 // when its call got leave, on the tally's clock; 0: on another
	age     float64 // how long ago it was heard
	limit   float64 // unsaid
	left    float64 // unsaid, or lost
	reset   float64 // milliseconds; unsaid
	bound   float64 // the least that could be left after the call, were there nobody else; unsaid
}

// lost stands for left when no answer came: the call may have been counted.
const lost = -2

// turn notes that windows have ended.
func (t *tally) turn(now float64) {
	// After the clock went back, what lies ahead would lie too far ahead.
	t.at, t.last, t.tat = min(t.at, now), min(t.last, now), min(t.tat, now+minute)
	t.blocked = min(t.blocked, now+longBlock)
	if t.hi > now+minute+slack {
		t.hi = now + minute
		t.lo = min(t.lo, t.hi)
	}
	if t.hi == 0 || now < t.hi {
		return
	}
	windows := float64(int64((now-t.hi)/minute)) + 1
	t.lo += windows * minute
	t.hi += windows * minute
	t.before = 0
	if windows == 1 {
		t.before = t.surprise
	}
	t.heard, t.at, t.used, t.above, t.surprise = false, now-1, 0, 0, 0 // a call that gets leave in this very moment is later
}

// hear takes in what an answer says. Answers come late and out of order: of two calls that were under way at the same
// time the one that leaves less was counted later; a call that got leave after the last word was heard is later anyway.
func (t *tally) hear(now float64, w word) {
	t.turn(now)
	if w.left >= 0 && w.granted >= t.copied {
		t.copied = 0
	}
	if w.limit >= 1 {
		t.limit = w.limit
	}
	if w.left == lost {
		if t.heard {
			t.left = max(t.left-1, 0)
		}
		return
	}
	if w.left == unsaid {
		t.mute++
		return
	}
	t.mute = 0
	t.merge(now-w.age, w)
}

// merge takes in what was left, as heard at that time.
func (t *tally) merge(now float64, w word) {
	lo, hi := t.end(now, w)
	later := w.granted > t.at
	switch {
	case !later && t.hi > 0 && hi < t.lo:
		return // of a window that is over
	case !t.heard:
		if later && t.hi > 0 && t.limit > 0 && t.left < t.limit/2 {
			t.leaps, t.slides = w.left >= t.limit*0.9, w.left < t.limit/2
		}
		t.set(now, w.left, lo, hi)
	case lo > t.hi:
		t.roundsUp = t.roundsUp || now < t.lo+slack
		t.before, t.surprise, t.used, t.above = t.surprise, 0, 0, 0
		t.set(now, w.left, lo, hi)
	case later && (w.left > t.left || hi < t.lo):
		if t.limit > 0 && w.left >= t.limit*0.9 {
			t.used, t.above = 0, 0 // a new window, although nobody said when the last one ended
		}
		t.set(now, w.left, lo, hi) // windows that slide, or whose end is not told
	default:
		if later || w.left < t.left {
			t.left, t.at = min(t.left, w.left), max(t.at, now)
		}
		t.lo, t.hi = max(t.lo, lo), min(t.hi, hi)
	}
	if w.bound > w.left {
		t.surprise = max(t.surprise, w.bound-w.left)
	}
}

// end gives after when, and by when, the window ends in which a call was counted.
func (t *tally) end(now float64, w word) (lo, hi float64) {
	lo = w.granted
	if lo == 0 {
		lo = now - longest
	}
	hi = now + minute
	if w.reset >= 0 {
		lo = lo + w.reset - slack
		hi = min(hi, now+w.reset+t.slackAfter(w.reset))
	}
	return lo, hi
}

// slackAfter is how much later than reset says the window may end.
func (t *tally) slackAfter(reset float64) float64 {
	if reset == 0 {
		t.roundsUp = false
	}
	if t.roundsUp {
		return 50 // clocks run unevenly
	}
	return slack
}

func (t *tally) set(now, left, lo, hi float64) {
	t.left, t.heard, t.at, t.lo, t.hi = left, true, max(t.at, now), lo, hi
	if t.slides {
		t.hi = max(hi, now+recovery)
	}
}

// block stops the account for so long.
func (t *tally) block(now, wait float64) { t.blocked = max(t.blocked, now+wait) }
