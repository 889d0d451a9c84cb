package ticket

import (
	"fmt"
	"time"
)

// Reason is a dead letter's reason, or a failed attempt's. The words are part of the product's public face.
type Reason string

// The reasons for which a job is dead-lettered.
const (
	ReasonRequiredFieldMissing Reason = "required_field_missing"
	ReasonRejected             Reason = "rejected_by_zendesk"
	ReasonSiteUnknown          Reason = "site_unknown"
	ReasonConversationNotFound Reason = "conversation_not_found"
	ReasonCredentialsRefused   Reason = "credentials_refused"
	ReasonRequesterSuspended   Reason = "requester_suspended"
	ReasonTicketClosed         Reason = "ticket_closed"
	ReasonExpired              Reason = "expired"
	ReasonMalformed            Reason = "malformed"
)

// ReasonNotCompleteYet is why a job waits while nothing is wrong: iAdvize has not the whole conversation yet, or another
// worker is about to write into the same ticket. It is never a dead letter's: one that waits too long is expired.
const ReasonNotCompleteYet Reason = "not_complete_yet"

// What a job waits for while the trouble is its account's. Like ReasonNotCompleteYet they are never a dead letter's.
const (
	ReasonLimited Reason = "limited" // the account is well, and has no call left for now
	ReasonDown    Reason = "down"    // the account, or the connection, does not answer as it should
	ReasonPaused  Reason = "paused"  // an operator has paused the account
)

// Reasons lists those of dead letters.
func Reasons() []Reason {
	return []Reason{
		ReasonRequiredFieldMissing, ReasonRejected, ReasonSiteUnknown, ReasonConversationNotFound,
		ReasonCredentialsRefused, ReasonRequesterSuspended, ReasonTicketClosed, ReasonExpired, ReasonMalformed,
	}
}

// Detail says more of a failure, without personal data.
type Detail struct {
	Message string     `json:"message"`
	Status  int        `json:"status,omitempty"` // HTTP status, where there was an answer
	Fields  []FieldRef `json:"fields,omitempty"` // the ticket fields at fault
}

// FieldRef names a ticket field.
type FieldRef struct {
	ID    int64  `json:"id"`
	Title string `json:"title"`
}

// Trouble says whose trouble a failure is, and so what must be done.
type Trouble int

// The kinds of trouble.
const (
	// TroubleJob can never work as it is: dead letter.
	TroubleJob Trouble = iota + 1
	// TroubleHiccup is this job's and passes: the same job is tried again soon.
	TroubleHiccup
	// TroubleAccount concerns every job of the Zendesk account or iAdvize connection: they all wait.
	TroubleAccount
	// TroubleUncertain hides whether the ticket exists: it is looked up before anything else.
	TroubleUncertain
)

// Failure is the error of a call to iAdvize or Zendesk, already classified. Its text holds no personal data.
type Failure struct {
	Trouble Trouble
	Reason  Reason        // for TroubleJob, and what TroubleAccount becomes when it lasts too long
	After   time.Duration // wait at least this long; 0: the caller's own back-off
	Gate    string        // for TroubleAccount: who is in trouble, as "zendesk/acme" or "iadvize/main"
	Limited bool          // for TroubleAccount: it is well, and only has no call left for now
	Here    bool          // for TroubleAccount: it is this process's own, for want of a secret perhaps; others may fare well
	Detail  Detail
	Hint    string // what a person should do
	Err     error  // cause, may be nil
}

// Error says what failed.
func (f *Failure) Error() string { return f.Detail.Text() }

// Text is the message with the status, for people.
func (d Detail) Text() string {
	if d.Status != 0 {
		return fmt.Sprintf("%s (HTTP %d)", d.Message, d.Status)
	}
	return d.Message
}

// ReasonNow gives the word for what is so now, for people and metrics: until a job has waited for too long nothing has
// expired, and it is limited or down what it waits for.
func (f *Failure) ReasonNow() Reason {
	switch {
	case f.Trouble == TroubleJob || f.Reason != ReasonExpired:
		return f.Reason
	case f.Limited:
		return ReasonLimited
	default:
		return ReasonDown
	}
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Result is what became of an event.
type Result string

// The results of a delivery.
const (
	ResultCreated Result = "created" // the ticket exists
	ResultUpdated Result = "updated" // a late fact was written into the ticket
	ResultSkipped Result = "skipped" // the site wants no ticket, or there is nothing to write
	ResultHeld    Result = "held"    // waits for its account
	ResultRetry   Result = "retry"   // tried again soon
	ResultDead    Result = "dead"    // dead letter
)

// Outcome is what became of an event, as a value.
type Outcome struct {
	Result  Result
	Purpose Purpose
	Ticket  Ref           // for created and updated
	Failure *Failure      // for held, retry, dead
	After   time.Duration // for held and retry: not tried again before
	Why     string        // for skipped: in words
	Buried  bool          // for skipped: it is a dead letter, which stays, or was one that was discarded
	Lookup  Lookup        // what the look-up found, when there was one, whatever the result
}

// Lookup is what was found when an earlier try might have made the ticket.
type Lookup string

// What a look-up can find. The zero value stands for none made.
const (
	LookupFound  Lookup = "found"  // the ticket exists
	LookupAbsent Lookup = "absent" // it does not, and may be made
	LookupFailed Lookup = "failed" // it could not be looked up, not only for want of a call; nothing was sent
)

// Ref points at a ticket.
type Ref struct {
	ID  int64  `json:"ticket_id,omitempty"`
	URL string `json:"ticket_url,omitempty"`
}
