package worker

import (
	"errors"
	"slices"
	"sync"
	"time"

	"passerelle/pkg/ticket"
)

// habits remember how accounts decided where Zendesk's documentation is silent, so that one refused call is enough to
// know. The zero value remembers nothing yet. Its methods may be called concurrently.
type habits struct {
	mu    sync.Mutex
	until map[habit]time.Time // guarded by mu; the account refuses, and is believed to until then
}

type habit struct {
	account string
	doubt   ticket.Doubt
}

// habitLife bounds how long an answer is believed: Zendesk changes its ways without notice.
const habitLife = 6 * time.Hour

// learn takes in that an account refused a ticket for fields that were in doubt.
func (h *habits) learn(account string, doubtful []ticket.Doubtful, err error, now time.Time) {
	var f *ticket.Failure
	if !errors.As(err, &f) || f.Reason != ticket.ReasonRequiredFieldMissing {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range doubtful {
		if slices.ContainsFunc(f.Detail.Fields, func(r ticket.FieldRef) bool { return r.ID == d.Field.ID }) {
			if h.until == nil {
				h.until = map[habit]time.Time{}
			}
			h.until[habit{account, d.Doubt}] = now.Add(habitLife)
		}
	}
}

// refuse gives the failure that the account would answer with, as far as is known.
func (h *habits) refuse(account string, doubtful []ticket.Doubtful, now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var fields []ticket.FieldRef
	for _, d := range doubtful {
		if now.Before(h.until[habit{account, d.Doubt}]) {
			fields = append(fields, d.Field)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return ticket.RequiredMissing(fields)
}
