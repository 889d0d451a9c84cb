package ticket

import "time"

// Site is one iAdvize site (project) and how its tickets are to be.
type Site struct {
	Name      string         `json:"name"`
	IAdvize   string         `json:"iadvize"`  // name of the iAdvize connection
	Platform  string         `json:"platform"` // "ha" or "sd"
	ProjectID int64          `json:"project_id"`
	Account   string         `json:"account"` // name of the Zendesk account
	Locale    string         `json:"locale"`  // language of the labels: fr en de es it nl pt
	TimeZone  string         `json:"time_zone"`
	Tickets   TicketSettings `json:"tickets"`
}

// TicketSettings are a site's choices for its tickets. Ids are Zendesk's; 0 means the account's own default.
type TicketSettings struct {
	Archive          bool               `json:"archive"`
	Escalation       bool               `json:"escalation"`
	AssignToAgent    bool               `json:"assign_to_agent"`
	FallbackAssignee string             `json:"fallback_assignee,omitempty"` // e-mail
	AnonymousEmail   string             `json:"anonymous_email,omitempty"`   // requester of visitors without e-mail
	AnonymousName    string             `json:"anonymous_name,omitempty"`
	FormID           int64              `json:"form_id,omitempty"`
	BrandID          int64              `json:"brand_id,omitempty"`
	GroupID          int64              `json:"group_id,omitempty"`
	Priority         string             `json:"priority,omitempty"` // urgent, high, normal, low; empty: none
	Type             string             `json:"type,omitempty"`     // question, incident, problem, task; empty: none
	ArchiveStatus    int64              `json:"archive_status_id,omitempty"`
	EscalationStatus int64              `json:"escalation_status_id,omitempty"`
	Subject          Template           `json:"subject,omitempty"` // empty: the label and the conversation's id
	NoteLabel        string             `json:"private_note_label,omitempty"`
	PublicTranscript bool               `json:"public_transcript,omitempty"`
	Tags             []string           `json:"tags,omitempty"`
	Fields           FieldIDs           `json:"fields"`
	Values           map[int64]Template `json:"values,omitempty"`   // ticket field id -> template
	Defaults         map[int64]any      `json:"defaults,omitempty"` // ticket field id -> value
}

// zone gives the time zone of the site. The configuration refuses unknown ones; a machine without their table still
// makes tickets, with UTC.
func (s Site) zone() *time.Location {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// FieldIDs are the ids of the ticket fields that get what is known of a conversation. 0 means none.
type FieldIDs struct {
	ConversationID      int64 `json:"conversation_id,omitempty"`
	ConversationTags    int64 `json:"conversation_tags,omitempty"`
	SatisfactionScore   int64 `json:"satisfaction_score,omitempty"`
	RecommendationScore int64 `json:"recommendation_score,omitempty"`
	SatisfactionComment int64 `json:"satisfaction_comment,omitempty"`
}

// AnySatisfaction tells whether the site keeps a score or comment at all.
func (f FieldIDs) AnySatisfaction() bool {
	return f.SatisfactionScore != 0 || f.RecommendationScore != 0 || f.SatisfactionComment != 0
}
