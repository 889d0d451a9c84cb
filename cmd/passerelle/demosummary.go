package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// summary is how the demonstration went.
type summary struct {
	Conversations int   `json:"conversations"`
	Tickets       int   `json:"tickets"`
	Archived      int   `json:"archived"`
	Escalated     int   `json:"escalated"`
	Skipped       int   `json:"skipped"`
	DeadLetters   int   `json:"dead_letters"`
	Doubled       int   `json:"doubled"`
	Lost          int   `json:"lost"`
	Waiting       int   `json:"waiting"`         // in the queue or for their account when the time was over
	FirstTicketMS int64 `json:"first_ticket_ms"` // from the start of the process

	reasons map[ticket.Reason]int
	open    []string // conversations that nothing has become of yet
}

func (s summary) print(std streams) {
	rows := []table.Row{
		{"Conversations that ended", s.Conversations}, {"Tickets", s.Tickets}, {"  archived, solved", s.Archived}, {"  escalated, open", s.Escalated},
		{"Skipped", s.Skipped}, {"Dead letters", s.DeadLetters},
	}
	for _, reason := range ticket.Reasons() {
		if n := s.reasons[reason]; n > 0 {
			rows = append(rows, table.Row{"  " + string(reason), n})
		}
	}
	if s.Waiting > 0 {
		rows = append(rows, table.Row{"Still waiting for their account", s.Waiting})
	}
	rows = append(rows, table.Row{"Doubled", s.Doubled}, table.Row{"Lost", s.Lost}, table.Row{"First ticket after", fmt.Sprintf("%d ms", s.FirstTicketMS)})
	printTable(std, table.Row{"Summary", ""}, rows)
}

// settle waits until each accepted conversation has its ticket, its dead letter, or was skipped. It counts once more when
// its time is over, so that there is a summary then, too.
func (d *demo) settle(ctx context.Context) (summary, error) {
	accepted := d.traffic.Accepted()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		over := ctx.Err() != nil
		sum, err := d.count(context.WithoutCancel(ctx), accepted)
		switch {
		case err != nil || sum.Lost == 0:
			return sum, err
		case over:
			return d.waiting(context.WithoutCancel(ctx), sum)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// waiting tells those that wait, for an account that is paused or has no calls left, from those that are lost.
func (d *demo) waiting(ctx context.Context, sum summary) (summary, error) {
	for _, id := range sum.open {
		t, err := d.service.queue.Trace(ctx, id)
		if err != nil {
			return sum, err
		}
		if len(t.Pending)+len(t.Held) > 0 {
			sum.Waiting++
			sum.Lost--
		}
	}
	return sum, nil
}

func (d *demo) count(ctx context.Context, accepted []string) (summary, error) {
	sum := summary{Conversations: len(accepted), reasons: map[ticket.Reason]int{}}
	dead := map[string]bool{}
	err := d.service.queue.DeadLetters(ctx, queue.Filter{}, func(b queue.Buried) error {
		if b.Event.Kind == ticket.KindClosed {
			dead[b.ConversationID] = true
		}
		sum.DeadLetters++
		sum.reasons[b.Reason]++
		return nil
	})
	if err != nil {
		return sum, err
	}
	for _, id := range accepted {
		made := 0
		for _, a := range d.zendesk.Accounts() {
			for _, t := range a.TicketByExternalID(ticket.ExternalID(id)) {
				made++
				if t.Status == ticket.StatusSolved {
					sum.Archived++
				} else {
					sum.Escalated++
				}
			}
		}
		sum.Tickets += made
		sum.Doubled += max(made-1, 0)
		if made > 0 || dead[id] {
			continue
		}
		entry, _, err := d.service.queue.Look(ctx, ticket.JobOf(id))
		if err != nil {
			return sum, err
		}
		if entry.State == queue.StateSkipped {
			sum.Skipped++
		} else {
			sum.open = append(sum.open, id)
		}
	}
	sum.Lost = len(sum.open)
	return sum, nil
}
