package simzendesk

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Ticket is a ticket as the account keeps it. 0, "" and nil are null in answers.
type Ticket struct {
	ID             int64         `json:"id"`
	ExternalID     string        `json:"external_id"`
	Subject        string        `json:"subject"`
	Description    string        `json:"description"` // text of the first comment
	Status         string        `json:"status"`
	CustomStatusID int64         `json:"custom_status_id"`
	Type           string        `json:"type"`
	Priority       string        `json:"priority"`
	RequesterID    int64         `json:"requester_id"`
	SubmitterID    int64         `json:"submitter_id"`
	AssigneeID     int64         `json:"assignee_id"`
	GroupID        int64         `json:"group_id"`
	FormID         int64         `json:"ticket_form_id"`
	BrandID        int64         `json:"brand_id"`
	ProblemID      int64         `json:"problem_id,omitempty"`
	DueAt          string        `json:"due_at,omitempty"`
	Recipient      string        `json:"recipient,omitempty"`
	Tags           []string      `json:"tags"`
	Fields         map[int64]any `json:"fields"` // custom field id to string, bool or []string; only those that are set
	Via            Via           `json:"via"`
	IsPublic       bool          `json:"is_public"`
	FollowupIDs    []int64       `json:"followup_ids,omitempty"`
	CreatedAt      time.Time     `json:"created_at"`
	UpdatedAt      time.Time     `json:"updated_at"`
	SolvedAt       time.Time     `json:"solved_at,omitzero"`
	Imported       bool          `json:"imported,omitempty"`
	Archived       bool          `json:"archived,omitempty"` // imported straight into the archive
	Comments       []Comment     `json:"comments"`
	Audits         []Audit       `json:"audits"`
}

// Comment is a comment of a ticket.
type Comment struct {
	ID        int64     `json:"id"`
	AuditID   int64     `json:"audit_id"`
	AuthorID  int64     `json:"author_id"`
	Body      string    `json:"body"`
	HTMLBody  string    `json:"html_body"`
	Public    bool      `json:"public"`
	Truncated bool      `json:"truncated,omitempty"` // more than 64 kB came; answers do not say so
	CreatedAt time.Time `json:"created_at"`
}

// Via is the channel through which something came.
type Via struct {
	Channel string         `json:"channel"`
	From    map[string]any `json:"from,omitempty"`
	Rel     string         `json:"rel,omitempty"`
}

// Audit is what one request, with the triggers that it set off, did to a ticket.
type Audit struct {
	ID        int64          `json:"id"`
	AuthorID  int64          `json:"author_id"`
	Metadata  map[string]any `json:"metadata,omitempty"` // custom
	Client    string         `json:"client,omitempty"`
	Address   string         `json:"address,omitempty"`
	Via       Via            `json:"via"`
	Events    []Event        `json:"events"`
	CreatedAt time.Time      `json:"created_at"`
}

// Event types.
const (
	CommentEvent      = "Comment"
	CreateEvent       = "Create"
	ChangeEvent       = "Change"
	NotificationEvent = "Notification"
)

// Event is a part of an Audit.
type Event struct {
	ID            int64   `json:"id"`
	Type          string  `json:"type"`
	CommentID     int64   `json:"comment_id,omitempty"`
	FieldName     string  `json:"field_name,omitempty"`
	Value         any     `json:"value,omitempty"`
	PreviousValue any     `json:"previous_value,omitempty"`
	Subject       string  `json:"subject,omitempty"` // of a notification
	Body          string  `json:"body,omitempty"`
	Recipients    []int64 `json:"recipients,omitempty"`
	Trigger       *Rule   `json:"trigger,omitempty"` // that caused it
}

// Rule names a trigger.
type Rule struct {
	ID    int64  `json:"id"`
	Title string `json:"title"`
}

func (t *Ticket) clone() Ticket {
	c := *t
	c.Tags = slices.Clone(t.Tags)
	c.Fields = maps.Clone(t.Fields)
	for id, v := range c.Fields {
		if list, ok := v.([]string); ok {
			c.Fields[id] = slices.Clone(list)
		}
	}
	c.FollowupIDs = slices.Clone(t.FollowupIDs)
	c.Comments = slices.Clone(t.Comments)
	c.Audits = slices.Clone(t.Audits)
	for i := range c.Audits {
		c.Audits[i].Events = slices.Clone(c.Audits[i].Events)
	}
	return c
}

func (t *Ticket) comment(id int64) *Comment {
	for i := range t.Comments {
		if t.Comments[i].ID == id {
			return &t.Comments[i]
		}
	}
	return nil
}

// Tickets returns copies of all tickets by id, archived ones included.
func (a *AccountState) Tickets() []Ticket {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advanceJobs(a.now())
	out := make([]Ticket, 0, len(a.tickets.ids))
	for _, t := range a.tickets.all() {
		out = append(out, t.clone())
	}
	return out
}

// TicketByExternalID returns copies of the tickets that have that external id, archived ones included.
func (a *AccountState) TicketByExternalID(externalID string) []Ticket {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advanceJobs(a.now())
	var out []Ticket
	for _, id := range a.ticketsByExt[externalID] {
		out = append(out, a.tickets.get(id).clone())
	}
	return out
}

// CloseTicket closes a ticket, as Zendesk does with solved ones after a while. It reports whether there is one.
func (a *AccountState) CloseTicket(id int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tickets.get(id)
	if t == nil {
		return false
	}
	closed := t.clone()
	closed.Status, closed.CustomStatusID, closed.UpdatedAt = "closed", a.defaultStatus("closed"), a.now()
	return a.store(entry{Ticket: &closed}) == nil
}

// Notification is a mail that a trigger would have sent to a requester.
type Notification struct {
	TicketID   int64     `json:"ticket_id"`
	ExternalID string    `json:"external_id"`
	TriggerID  int64     `json:"trigger_id"`
	Trigger    string    `json:"trigger"`
	Email      string    `json:"email"`
	Subject    string    `json:"subject"`
	At         time.Time `json:"at"`
}

// Notifications returns the mails so far, by ticket.
func (a *AccountState) Notifications() []Notification {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advanceJobs(a.now())
	out := []Notification{}
	for _, t := range a.tickets.all() {
		for _, audit := range t.Audits {
			for _, e := range audit.Events {
				if e.Type != NotificationEvent {
					continue
				}
				for _, recipient := range e.Recipients {
					n := Notification{TicketID: t.ID, ExternalID: t.ExternalID, TriggerID: e.Trigger.ID, Trigger: e.Trigger.Title,
						Subject: e.Subject, At: audit.CreatedAt}
					if u := a.users.get(recipient); u != nil {
						n.Email = u.Email
					}
					out = append(out, n)
				}
			}
		}
	}
	return out
}

// null is v, or nil for a zero value.
func null[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func stamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func idText(id int64) string {
	return strconv.FormatInt(id, 10)
}
