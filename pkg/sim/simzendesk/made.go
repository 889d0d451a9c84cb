package simzendesk

import (
	"slices"
	"time"
)

// Made is what a benchmark wants to know of a ticket.
type Made struct {
	ID         int64
	ExternalID string
	CreatedAt  time.Time
	Escalated  bool // it is not solved
}

// MadeAfter returns the tickets with an id above that one, by id, archived ones included. Unlike Tickets it copies no
// ticket, so that it can be asked again and again while many are made.
func (a *AccountState) MadeAfter(id int64) []Made {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advanceJobs(a.now())
	from, _ := slices.BinarySearch(a.tickets.ids, id+1)
	out := make([]Made, 0, len(a.tickets.ids)-from)
	for _, id := range a.tickets.ids[from:] {
		t := a.tickets.get(id)
		out = append(out, Made{t.ID, t.ExternalID, t.CreatedAt, t.Status != "solved" && t.Status != "closed"})
	}
	return out
}
