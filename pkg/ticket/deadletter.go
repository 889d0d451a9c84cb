package ticket

import "time"

// DeadLetter is an event that can never succeed as it is, with the reason. It leaves only when its replay is stored or
// its ticket exists. Its JSON is part of the product's public face.
type DeadLetter struct {
	ID             string    `json:"id"`
	Site           string    `json:"site"`
	Account        string    `json:"account"`
	ConversationID string    `json:"conversation_id"`
	Reason         Reason    `json:"reason"`
	Detail         Detail    `json:"detail"`
	Hint           string    `json:"hint"` // what to do next
	Attempts       int       `json:"attempts"`
	FirstFailedAt  time.Time `json:"first_failed_at"`
	LastFailedAt   time.Time `json:"last_failed_at"`
	Replays        int       `json:"replays"`
	Event          Event     `json:"event"`
}

// Bury makes the dead letter of an event that failed at now.
func Bury(e Event, f *Failure, now time.Time) DeadLetter {
	first := e.FirstFailedAt
	if first.IsZero() {
		first = now
	}
	return DeadLetter{
		ID: e.Key(), Site: e.Site, Account: e.Account, ConversationID: e.ConversationID,
		Reason: f.Reason, Detail: f.Detail, Hint: f.Hint, Attempts: e.Attempts,
		FirstFailedAt: first, LastFailedAt: now, Replays: e.Replays, Event: e,
	}
}

// Revive gives the event that a replay at now puts back.
func (d DeadLetter) Revive(now time.Time) Event {
	e := d.Event
	e.Replays, e.FirstFailedAt, e.RevivedAt = d.Replays+1, d.FirstFailedAt, now
	e.NotBefore, e.HeldFor = time.Time{}, ""
	return e
}
