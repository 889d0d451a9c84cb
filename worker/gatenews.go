package worker

import (
	"math/rand/v2"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

const (
	mostGates = 50_000 // of which others may tell
	// adoptLater spreads the moment in which the processes try an account again: the first one's result reaches the others
	// before their turn.
	adoptLater = 5 * time.Second
)

// adopt takes over what another process says of a gate. It tells whether it changed the gate's state here. It is not
// passed on.
func (g *gates) adopt(n queue.GateNews) (changed bool) {
	if n.Process == g.process {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.all[n.Gate]
	if n.State == queue.LaneOpen {
		if !at.down() || g.now().Before(at.named) {
			return false // a limit ends by itself, and what was named to this process counts
		}
		delete(g.all, n.Gate)
		return true
	}
	if at == nil && len(g.all) >= mostGates {
		return false // it is found out here when it is met
	}
	now := g.now()
	if at == nil {
		at = &gate{}
		g.all[n.Gate] = at
	}
	if changed = at.state != n.State; changed {
		at.begin(n.State, now)
	}
	if since := now.Add(-n.Lasted); since.Before(at.since) {
		at.since = since
	}
	until := now.Add(n.Wait + rand.N(min(n.Wait/4, adoptLater)+1)) //nolint:gosec // jitter needs no secrecy
	if n.Named > 0 {
		at.named = latest(at.named, now.Add(n.Named))
	}
	if changed || until.After(at.until) || at.probing {
		at.until = latest(until, at.named)
	}
	at.told = at.until
	at.probing = false
	at.last = &ticket.Failure{
		Trouble: ticket.TroubleAccount, Gate: n.Gate, Reason: n.Reason, Limited: n.State == queue.LaneLimited,
		Detail: ticket.Detail{Message: n.Failure, Status: n.Status}, Hint: n.Hint,
	}
	return changed
}

// reports gives the gates that are not open. One that nobody tried since its time was over long ago may be well.
func (g *gates) reports() []queue.LaneReport {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	all := make([]queue.LaneReport, 0, len(g.all)+len(g.turns))
	reported := make(map[string]bool, len(g.all))
	for name, at := range g.all {
		over := now.Sub(at.until)
		if over > staleGate || at.state == queue.LaneLimited && over > limitGap {
			continue
		}
		reported[name] = true
		all = append(all, queue.LaneReport{
			Gate: name, State: at.state, Since: at.since.UTC(), Until: at.until.UTC(), Reason: at.last.ReasonNow(), Failure: at.last.Error(), Hint: at.last.Hint,
		})
	}
	for name, at := range g.turns {
		if now.Sub(at.until) > limitGap {
			delete(g.turns, name)
		} else if !reported[name] {
			all = append(all, queue.LaneReport{
				Gate: name, State: queue.LaneOpen, Until: at.until.UTC(), Failure: at.last.Error(), Hint: at.last.Hint,
			})
		}
	}
	return all
}

// waits notes that what an account holds has no call before that time, although others may have one.
func (g *gates) waits(f *ticket.Failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turns[f.Gate] = turn{g.now().Add(max(f.After, shortLimit)), f}
	if at := g.all[f.Gate]; at.down() { // it was the one that was let through
		at.postpone(g.now(), f.After)
	}
}
