package limit

import (
	"net/http"
	"time"
)

// For an account that says to wait, but not how long.
const (
	limitedPause = time.Minute // after a 429, when the window's end is not known
	troublePause = 5 * time.Second
	leastPause   = time.Second
)

// answered takes in what came of a call. It does not wait for Redis.
func (a *account) answered(k *call, status int, header http.Header) {
	said := read(header, a.budgets.now())
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.budgets.ms()
	a.underWay--
	a.endpoints.end(k.limits)
	a.endpoints.hear(k.endpoint, now, k.granted, a.workers(), said.endpoints)

	w := word{granted: k.granted, limit: float64(said.limit), left: float64(said.left), reset: unsaid, bound: k.bound}
	if said.reset >= 0 {
		w.reset = float64(said.reset.Milliseconds())
	}
	if status == 0 {
		w.left = lost
	}
	a.hear(now, k, w, status)
	if pause := a.pause(now, status, said.retryAfter); pause > 0 {
		a.local.block(now, pause)
		a.block = max(a.block, now+pause)
	}
	if a.mayWait(w) {
		a.local.hear(now, w)
		a.words[len(a.words)-1].local = true
		return
	}
	a.ask()
}

func (a *account) hear(now float64, k *call, w word, status int) {
	silent := w.left == unsaid && w.limit == unsaid
	if silent && (status >= http.StatusInternalServerError || status == http.StatusTooManyRequests) {
		return // what refuses a call may stand before the account, and not know its limit
	}
	if a.budgets.redis == nil {
		a.local.hear(now, w)
		return
	}
	a.heard++
	u := unheard{word: w, granted: w.granted, at: now, number: a.heard}
	u.word.granted = k.shared
	if len(a.words) >= maxWords {
		a.words = a.words[1:]
	}
	a.words = append(a.words, u)
}

// pause is for how many milliseconds an answer stops the account: 429 and 503 do, whatever limit it was, for as long as
// the answer asks for, 15 minutes at most.
// https://developer.zendesk.com/api-reference/introduction/rate-limits/
func (a *account) pause(now float64, status int, after time.Duration) float64 {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0
	}
	switch {
	case after != unsaid:
	case status == http.StatusServiceUnavailable:
		after = troublePause
	case a.local.hi > now:
		return max(a.local.hi-now, float64(leastPause.Milliseconds()))
	default:
		after = limitedPause
	}
	return float64(max(after, leastPause).Milliseconds())
}
