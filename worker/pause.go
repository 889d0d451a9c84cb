package worker

import (
	"sync"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// pauses are the accounts that an operator has paused or resumed. It may be used concurrently.
type pauses struct {
	mu  sync.Mutex
	all map[string]queue.LanePause // guarded by mu; by account
}

// pausedLook is how long the alarm of a paused account is set ahead. Its end rings the alarm at once; this is for an
// alarm that got lost in between.
const pausedLook = time.Hour

// put notes an entry unless a later one is known, and tells whether a pause ended by it.
func (p *pauses) put(entry queue.LanePause) (ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.all[entry.Account]
	if entry.Before(before) {
		return false
	}
	if p.all == nil {
		p.all = map[string]queue.LanePause{}
	}
	p.all[entry.Account] = entry
	return before.Paused() && !entry.Paused()
}

// paused tells whether an account is paused.
func (p *pauses) paused(account string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[account].Paused()
}

// resumed gives when the account's last pause ended; the zero time when it never was paused.
func (p *pauses) resumed(account string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[account].ResumedAt
}

// pausedFailure is why an event of a paused account waits.
func pausedFailure(account string) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleAccount, Gate: queue.LaneGate(account), Reason: ticket.ReasonPaused,
		Detail: ticket.Detail{Message: "an operator has paused the account"}, Hint: "passerelle lanes resume " + account,
	}
}

// late tells whether an event has waited as long as it may, and so much more. After a pause of its account it may wait as
// long again: what could not be tried must not be given up.
func (d *Deliverer) late(e ticket.Event, more time.Duration) bool {
	now, most := d.now(), d.Expiry+more
	return e.Age(now) >= most && now.Sub(d.pauses.resumed(e.Account)) >= most
}
