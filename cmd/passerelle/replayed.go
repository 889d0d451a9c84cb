package main

import (
	"fmt"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// replayed is what a replay says of one dead letter.
type replayed struct {
	ID     string         `json:"id"`
	Result string         `json:"result"` // replayed, created (the ticket exists already), gone, or in a dry run: created, updated, skipped, dead, held, retry
	Why    string         `json:"why,omitempty"`
	Reason ticket.Reason  `json:"reason,omitempty"`
	Detail *ticket.Detail `json:"detail,omitempty"`
	Hint   string         `json:"hint,omitempty"`
	ticket.Ref
}

func (r replayed) text(dry bool) string {
	text := r.Result
	if dry {
		text = would(r.Result)
	}
	if r.Ref.ID != 0 {
		text += fmt.Sprintf(", ticket %d", r.Ref.ID)
	}
	if r.Why != "" {
		text += ": " + r.Why
	}
	if r.Detail != nil {
		text += ": " + string(r.Reason) + ": " + r.Detail.Text()
	}
	return text
}

// would says what a look without a change found.
func would(result string) string {
	switch result {
	case resultUnknown, string(queue.ReplayGone):
		return result
	case string(ticket.ResultDead):
		return "would be dead again"
	case string(ticket.ResultRetry):
		return "would be tried again later"
	default:
		return "would be " + result
	}
}
