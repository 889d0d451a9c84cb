package ticket

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
	Archive          bool          `json:"archive"`
	Escalation       bool          `json:"escalation"`
	AssignToAgent    bool          `json:"assign_to_agent"`
	FallbackAssignee string        `json:"fallback_assignee,omitempty"` // e-mail
	AnonymousEmail   string        `json:"anonymous_email,omitempty"`   // requester of visitors without e-mail
	AnonymousName    string        `json:"anonymous_name,omitempty"`
	FormID           int64         `json:"form_id,omitempty"`
	BrandID          int64         `json:"brand_id,omitempty"`
	GroupID          int64         `json:"group_id,omitempty"`
	NoteLabel        string        `json:"private_note_label,omitempty"`
	PublicTranscript bool          `json:"public_transcript,omitempty"`
	Tags             []string      `json:"tags,omitempty"`
	Fields           FieldIDs      `json:"fields"`
	Defaults         map[int64]any `json:"defaults,omitempty"` // ticket field id -> value
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
