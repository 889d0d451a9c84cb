package ticket

import "time"

// Draft is a ticket ready to be sent: nothing in it needs another look-up.
type Draft struct {
	ExternalID string
	Purpose    Purpose
	Status     string // "solved" or "open"
	StatusID   int64  // custom status; 0: the status' own
	Priority   string // empty: none
	Type       string // empty: none
	Subject    string
	Requester  Requester
	AssigneeID int64 // 0: none
	FormID     int64
	BrandID    int64
	GroupID    int64
	Tags       []string
	Fields     []FieldValue
	StartedAt  time.Time  // of the conversation; zero when unknown
	ClosedAt   time.Time  // of the conversation; zero when unknown
	Comments   []Comment  // at least one; the first one creates the ticket
	Doubtful   []Doubtful // fields without a value that Zendesk may ask for
}

// Requester is the customer on whose behalf the ticket is made.
type Requester struct {
	Name, Email string // Name is never empty; Email is, when it is not known
}

// FieldValue is a custom field's value: a string, a bool, a []string, or a number written as a string.
type FieldValue struct {
	ID    int64
	Value any
}

// Comment is one comment of a ticket, as HTML that holds no live placeholder.
type Comment struct {
	HTML   string
	Public bool
}

// MaxComment is the size in bytes above which Zendesk cuts a comment without saying so (64 kB), less a margin.
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/
const MaxComment = 60_000
