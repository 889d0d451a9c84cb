package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"passerelle/deploy/stand"
	"passerelle/pkg/queue"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

// outcome is what the accounts hold, conversation by conversation. It is for one goroutine.
type outcome struct {
	world *world
	seen  []int64 // ticket of each account that was seen last
	made  map[string][]simzendesk.Made
}

func (w *world) outcome() *outcome {
	return &outcome{world: w, seen: make([]int64, len(w.accounts)), made: map[string][]simzendesk.Made{}}
}

// look takes in the tickets that were made since.
func (o *outcome) look() {
	for i, a := range o.world.accounts {
		for _, m := range a.MadeAfter(o.seen[i]) {
			o.seen[i] = m.ID
			o.made[m.ExternalID] = append(o.made[m.ExternalID], m)
		}
	}
}

// ticket gives a conversation's first ticket.
func (o *outcome) ticket(s sent) (simzendesk.Made, bool) {
	list := o.made[ticket.ExternalID(s.id)]
	if len(list) == 0 {
		return simzendesk.Made{}, false
	}
	return list[0], true
}

// settle waits until all have a ticket. It gives how many have none when nothing happened for that long.
func (o *outcome) settle(ctx context.Context, all []sent, quiet time.Duration) int {
	pending := slices.Clone(all)
	moved := time.Now()
	for {
		o.look()
		before := len(pending)
		pending = slices.DeleteFunc(pending, func(s sent) bool { _, ok := o.ticket(s); return ok })
		if len(pending) < before {
			moved = time.Now()
		}
		if len(pending) == 0 || time.Since(moved) > quiet || !stand.Rest(ctx, 200*time.Millisecond) {
			return len(pending)
		}
	}
}

// last gives when the last of them got its ticket.
func (o *outcome) last(all []sent) time.Time {
	var last time.Time
	for _, s := range all {
		if m, ok := o.ticket(s); ok && m.CreatedAt.After(last) {
			last = m.CreatedAt
		}
	}
	return last
}

// waits gives how long each took from event to ticket, in order of length.
func (o *outcome) waits(all []sent) waits {
	var out waits
	for _, s := range all {
		if m, ok := o.ticket(s); ok {
			out = append(out, max(m.CreatedAt.Sub(s.due), 0))
		}
	}
	slices.Sort(out)
	return out
}

// waits are times in order of length.
type waits []time.Duration

// at gives the time within which that share of all was done.
func (w waits) at(share float64) time.Duration {
	if len(w) == 0 {
		return 0
	}
	return w[min(int(share*float64(len(w))), len(w)-1)]
}

// faults are what must never be.
type faults struct {
	lost, doubled, dead int
	wrong               []string // the first of them
}

// judge compares, conversation by conversation: each that was stored has one ticket.
func (r *rig) judge(ctx context.Context, o *outcome, all []sent) (faults, error) {
	o.look()
	var f faults
	note := func(format string, v ...any) {
		if len(f.wrong) < 20 {
			f.wrong = append(f.wrong, fmt.Sprintf(format, v...))
		}
	}
	for _, s := range all {
		switch n := len(o.made[ticket.ExternalID(s.id)]); {
		case n == 0:
			f.lost++
			entry, _, err := r.queue.Look(ctx, ticket.JobOf(s.id))
			if err != nil {
				return f, err
			}
			note("lost: conversation %s of %s, in the ledger: %q", s.id, r.sites[s.account].Account, entry.State)
		case n > 1:
			f.doubled += n - 1
			note("doubled: conversation %s of %s has %d tickets", s.id, r.sites[s.account].Account, n)
		}
	}
	err := r.queue.DeadLetters(ctx, queue.Filter{}, func(b queue.Buried) error {
		f.dead++
		note("dead letter: conversation %s, %s: %s", b.ConversationID, b.Reason, b.Detail.Message)
		return nil
	})
	return f, err
}
