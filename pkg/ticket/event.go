package ticket

import (
	"encoding/base32"
	"regexp"
	"strings"
	"time"
)

// ExternalIDPrefix stands before the conversation's id in a ticket's external_id.
const ExternalIDPrefix = "iadvize:"

// Kind says what an event reports.
type Kind string

// The kinds of event that lead to work.
const (
	KindClosed       Kind = "closed"       // the conversation ended
	KindSatisfaction Kind = "satisfaction" // the visitor gave a score or a comment
)

// Event is one thing that iAdvize said and that must have an effect on a ticket. It carries ids and scores only,
// no name and no e-mail; Satisfaction may hold the visitor's comment.
type Event struct {
	ID             string        `json:"id"`                       // iAdvize's eventId
	Kind           Kind          `json:"kind"`                     // what happened
	Platform       string        `json:"platform"`                 // "ha" or "sd", lower case
	ProjectID      int64         `json:"project_id"`               // iAdvize's id of the site
	ConversationID string        `json:"conversation_id"`          // as iAdvize spells it
	OperatorIDs    []int64       `json:"operator_ids,omitempty"`   // agents who took part, in iAdvize's order
	Channel        string        `json:"channel,omitempty"`        // CHAT, CALL, ...; an open list
	OccurredAt     time.Time     `json:"occurred_at"`              // createdAt of the webhook
	ReceivedAt     time.Time     `json:"received_at"`              // when it was stored
	Satisfaction   *Satisfaction `json:"satisfaction,omitempty"`   // KindSatisfaction only
	Replays        int           `json:"replays,omitempty"`        // how often it came back from the dead letters
	FirstFailedAt  time.Time     `json:"first_failed_at,omitzero"` // zero when it never was a dead letter
	Attempts       int           `json:"attempts,omitempty"`       // tries so far, over all deliveries
	NotBefore      time.Time     `json:"not_before,omitzero"`      // a held event is not tried again before this
	HeldFor        string        `json:"held_for,omitempty"`       // why it was held, for people
	RevivedAt      time.Time     `json:"revived_at,omitzero"`      // when the last replay put it back; its age counts from here
	Site           string        `json:"site,omitempty"`           // name of the site as known when it was stored
	Account        string        `json:"account,omitempty"`        // Zendesk account as known when it was stored
	Escalated      bool          `json:"escalated,omitempty"`      // the conversation was read, and its ticket will be an escalation
}

// Age is how long the event has been waiting at now, counted from its arrival or from its last replay.
func (e Event) Age(now time.Time) time.Duration {
	since := e.ReceivedAt
	if e.RevivedAt.After(since) {
		since = e.RevivedAt
	}
	return now.Sub(since)
}

// Job is the identity of a conversation's ticket: the last token of its queue subjects and the key of its ledger entry.
// It uses only letters, digits, '-' and '_'.
type Job string

var plainJob = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// JobOf gives the job of a conversation. UUIDs are written in lower case, because Zendesk and iAdvize are not known to
// keep the case; an id with other characters is encoded.
func JobOf(conversationID string) Job {
	id := strings.ToLower(strings.TrimSpace(conversationID))
	if plainJob.MatchString(id) {
		return Job(id)
	}
	return Job("x_" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(id))))
}

// Job is the identity of the event's ticket.
func (e Event) Job() Job { return JobOf(e.ConversationID) }

// Key is the identity of the event itself: the job for the end of a conversation, and one of its own for each
// satisfaction answer. An answer's kind is part of it: iAdvize's own examples give answers of several kinds one id.
func (e Event) Key() string {
	if e.Kind == KindClosed {
		return string(e.Job())
	}
	answer := string(e.Kind) + "-" + e.ID
	if e.Satisfaction != nil {
		answer += e.Satisfaction.kind()
	}
	return string(e.Job()) + "." + string(JobOf(answer))
}

// ExternalID is what a ticket of this conversation has as external_id.
func ExternalID(conversationID string) string {
	return ExternalIDPrefix + strings.ToLower(strings.TrimSpace(conversationID))
}
