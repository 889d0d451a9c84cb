package simiadvize

import (
	"slices"
	"strings"
	"time"
)

// Conversation is what the platform knows about one conversation. Empty texts read as null over GraphQL.
type Conversation struct {
	ID          string    `json:"id"`        // UUID; Add makes one when it is empty
	LegacyID    int64     `json:"legacy_id"` // 0 = null
	ProjectID   int64     `json:"project_id"`
	ProjectName string    `json:"project_name,omitempty"`
	Platform    string    `json:"platform"` // ha (also when empty) or sd
	Channel     string    `json:"channel"`  // CHAT when empty
	Language    string    `json:"language,omitempty"`
	CreatedAt   time.Time `json:"created_at"`         // when zero: when it was closed, or else now
	ClosedAt    time.Time `json:"closed_at,omitzero"` // zero = still open

	Visitor  *Visitor  `json:"visitor,omitempty"`
	Agents   []Agent   `json:"agents,omitempty"` // in the order in which they got the conversation
	Messages []Message `json:"messages,omitempty"`
	Tags     []Tag     `json:"tags,omitempty"`
	Survey   *Survey   `json:"survey,omitempty"`
	// ClosingForm reads as null when it is nil (no form was shown), as an empty list when it is empty.
	ClosingForm []FormValue  `json:"closing_form"`
	CustomData  []CustomData `json:"custom_data,omitempty"`

	// ReadableAfter and ClosingFormAfter take the place of the server's: 0 = the server's, negative = at once.
	ReadableAfter    time.Duration `json:"readable_after_ns,omitempty"`
	ClosingFormAfter time.Duration `json:"closing_form_after_ns,omitempty"`
}

// Visitor is the customer. ID and ExternalID are the visitorId and visitorExternalId of webhooks.
type Visitor struct {
	ID             string `json:"id,omitempty"`
	ExternalID     string `json:"external_id,omitempty"`
	ExternalUserID string `json:"external_user_id,omitempty"`
	FirstName      string `json:"first_name,omitempty"`
	LastName       string `json:"last_name,omitempty"`
	Email          string `json:"email,omitempty"`
	Phone          string `json:"phone,omitempty"`
	Address        string `json:"address,omitempty"`
	City           string `json:"city,omitempty"`
	ZipCode        string `json:"zip_code,omitempty"`
	Country        string `json:"country,omitempty"`
	Username       string `json:"username,omitempty"`
}

// AgentKind is a type of the schema that implements User.
type AgentKind string

// The kinds; an empty kind is a Professional.
const (
	Professional AgentKind = "Professional"
	Expert       AgentKind = "Expert"
	Bot          AgentKind = "Bot"
)

// Agent took part in a conversation. ID is the operator id of webhooks.
type Agent struct {
	ID        int64     `json:"id"`
	Kind      AgentKind `json:"kind,omitempty"`
	Email     string    `json:"email,omitempty"`
	FirstName string    `json:"first_name,omitempty"`
	LastName  string    `json:"last_name"`
	UserName  string    `json:"user_name,omitempty"`
	Deleted   bool      `json:"deleted,omitempty"`
}

// MessageKind says who wrote a message, or what happened.
type MessageKind string

// The kinds. An agent's message reads as UserMessage whether a human or a bot wrote it.
const (
	VisitorSaid MessageKind = "visitor"
	AgentSaid   MessageKind = "agent"
	Pushed      MessageKind = "pushed" // given to the agent AgentID
	Closed      MessageKind = "closed"
	System      MessageKind = "system" // a system message without attachment
)

// Message is one entry of the transcript.
type Message struct {
	ID          string       `json:"id,omitempty"` // Add numbers those without one
	At          time.Time    `json:"at"`
	Kind        MessageKind  `json:"kind"`
	AgentID     int64        `json:"agent_id,omitempty"` // author, or who was given the conversation; unknown or 0 = null
	Text        string       `json:"text,omitempty"`
	Attachments []Attachment `json:"attachments,omitempty"`
}

// Attachment is a file that a message points at.
type Attachment struct {
	URL         string `json:"url"`
	Name        string `json:"name,omitempty"`
	ContentType string `json:"content_type,omitempty"`
}

// Tag was set by an agent.
type Tag struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Survey is what the visitor answered; nil and empty parts were not answered.
type Survey struct {
	CustomerSatisfaction *int   `json:"customer_satisfaction,omitempty"` // 1 to 5
	NetPromoterScore     *int   `json:"net_promoter_score,omitempty"`    // 0 to 10
	Comment              string `json:"comment,omitempty"`
}

// FormValue is an answer of the closing form. The value "true" of a checkbox reads as Config.TickedAs says. A value
// is cut after 1024 characters, an empty one reads as null (apps/build-your-app: conversation closing form).
type FormValue struct {
	FieldID  string `json:"field_id"`
	Value    string `json:"value,omitempty"`
	Checkbox bool   `json:"checkbox,omitempty"`
}

// CustomData is an entry that the site's own pages attached to the conversation.
type CustomData struct {
	Key   string `json:"key"`
	Label string `json:"label,omitempty"`
	Value string `json:"value,omitempty"`
}

// EscalationField is the closing form's checkbox by which an agent asks for an escalation ticket.
const EscalationField = "create_escalation_ticket"

// Escalated says whether the agent ticked the escalation in the closing form.
func (c Conversation) Escalated() bool {
	return slices.ContainsFunc(c.ClosingForm, func(v FormValue) bool {
		return v.FieldID == EscalationField && slices.Contains([]string{"true", "1", "on", "yes", "checked"}, strings.ToLower(v.Value))
	})
}

// copied shares no slice with c, so that a caller's later change cannot reach what the server holds.
func (c Conversation) copied() Conversation {
	c.Agents = slices.Clone(c.Agents)
	c.Messages = slices.Clone(c.Messages)
	for i := range c.Messages {
		c.Messages[i].Attachments = slices.Clone(c.Messages[i].Attachments)
	}
	c.Tags = slices.Clone(c.Tags)
	c.ClosingForm = slices.Clone(c.ClosingForm)
	c.CustomData = slices.Clone(c.CustomData)
	if c.Visitor != nil {
		v := *c.Visitor
		c.Visitor = &v
	}
	if c.Survey != nil {
		v := *c.Survey
		c.Survey = &v
	}
	return c
}
