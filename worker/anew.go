package worker

import (
	"context"
	"slices"
	"strings"
	"time"

	"passerelle/pkg/queue"
)

// InTrouble names the accounts and the connections to iAdvize that nothing got through to when they were tried last, in
// the order of their names. It may be called concurrently.
func (w *Worker) InTrouble() (accounts, connections []string) {
	for _, gate := range w.gates.troubled() {
		if name, ok := strings.CutPrefix(gate, connectionGate("")); ok {
			connections = append(connections, name)
		} else if name, ok := strings.CutPrefix(gate, queue.LaneGate("")); ok {
			accounts = append(accounts, name)
		}
	}
	return accounts, connections
}

// AccountChanged has an account in trouble tried at once, because it is reached in another way than before. It may be called
// concurrently.
func (w *Worker) AccountChanged(ctx context.Context, name string) {
	w.tryAnew(ctx, queue.LaneGate(name), name)
}

// ConnectionChanged does the same for a connection to iAdvize, whose conversations wait in the lanes of accounts.
func (w *Worker) ConnectionChanged(ctx context.Context, name string, accounts []string) {
	w.tryAnew(ctx, connectionGate(name), accounts...)
}

// tryAnew lets one event through a gate that is shut for trouble, and rings the alarms. Each process does so once it knows of
// the change: an alarm that rang before may have been heard by one that did not know yet.
func (w *Worker) tryAnew(ctx context.Context, gate string, accounts ...string) {
	if !w.gates.anew(gate) {
		return
	}
	w.log.Info().Str("account", gate).Msg("the settings of what was in trouble have changed: it is tried at once")
	for _, account := range accounts {
		if err := w.queue.WakeNow(ctx, account); err != nil && ctx.Err() == nil {
			w.log.Warn().Err(err).Str("account", account).Msg("cannot wake the account early; its alarm still rings")
		}
	}
}

// troubled gives the gates that are shut for trouble, sorted.
func (g *gates) troubled() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	for name, at := range g.all {
		if at.down() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// anew forgets how long trouble has lasted, and lets one event through, once the time is over that the other side has named
// itself. It tells whether there was trouble.
func (g *gates) anew(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, now := g.all[name], g.now()
	if !at.down() {
		return false
	}
	at.since, at.until, at.told, at.probing, at.answers = now, latest(now, at.named), now, false, time.Time{}
	return true
}

// meet notes that something got through. It tells whether that is the first time since the process began.
func (g *gates) meet(name string) (first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first = !g.met[name]
	g.met[name] = true
	return first
}
