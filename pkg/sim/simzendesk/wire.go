package simzendesk

// What answers look like: https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#json-format
// What is answered with each ticket has a type of its own: a map costs several times as much to write.

type viaWire struct {
	Channel string     `json:"channel"`
	Source  sourceWire `json:"source"`
}

type sourceWire struct {
	From object `json:"from"`
	To   object `json:"to"`
	Rel  any    `json:"rel"`
}

func (v Via) wire() *viaWire {
	from := v.From
	if from == nil {
		from = object{}
	}
	return &viaWire{v.Channel, sourceWire{from, object{}, null(v.Rel)}}
}

type ticketWire struct {
	URL                 string      `json:"url"`
	ID                  int64       `json:"id"`
	ExternalID          any         `json:"external_id"`
	Via                 *viaWire    `json:"via"`
	CreatedAt           string      `json:"created_at"`
	UpdatedAt           string      `json:"updated_at"`
	Generated           int64       `json:"generated_timestamp"`
	Type                any         `json:"type"`
	Subject             any         `json:"subject"`
	RawSubject          any         `json:"raw_subject"`
	Description         string      `json:"description"`
	Priority            any         `json:"priority"`
	Status              string      `json:"status"`
	StatusID            any         `json:"custom_status_id"`
	Recipient           any         `json:"recipient"`
	RequesterID         int64       `json:"requester_id"`
	SubmitterID         int64       `json:"submitter_id"`
	AssigneeID          any         `json:"assignee_id"`
	OrganizationID      any         `json:"organization_id"`
	GroupID             any         `json:"group_id"`
	CollaboratorIDs     []int64     `json:"collaborator_ids"`
	FollowerIDs         []int64     `json:"follower_ids"`
	EmailCCIDs          []int64     `json:"email_cc_ids"`
	ForumTopicID        any         `json:"forum_topic_id"`
	ProblemID           any         `json:"problem_id"`
	HasIncidents        bool        `json:"has_incidents"`
	IsPublic            bool        `json:"is_public"`
	DueAt               any         `json:"due_at"`
	Tags                []string    `json:"tags"`
	CustomFields        []fieldWire `json:"custom_fields"`
	Fields              []fieldWire `json:"fields"`
	SatisfactionRating  any         `json:"satisfaction_rating"`
	SharingAgreementIDs []int64     `json:"sharing_agreement_ids"`
	FollowupIDs         []int64     `json:"followup_ids"`
	FormID              any         `json:"ticket_form_id"`
	BrandID             any         `json:"brand_id"`
	AllowChannelback    bool        `json:"allow_channelback"`
	AllowAttachments    bool        `json:"allow_attachments"`
	FromMessaging       bool        `json:"from_messaging_channel"`
	ResultType          string      `json:"result_type,omitempty"` // in the answer of a search
}

type fieldWire struct {
	ID    int64 `json:"id"`
	Value any   `json:"value"`
}

func (c *call) ticketWire(t *Ticket) *ticketWire {
	// Every field of the account stands in the list, set or not.
	fields := make([]fieldWire, 0, len(c.a.customFields))
	for _, f := range c.a.customFields {
		fields = append(fields, fieldWire{f.ID, t.Fields[f.ID]})
	}
	none := []int64{}
	return &ticketWire{
		URL: c.url("/api/v2/tickets/" + idText(t.ID)), ID: t.ID, ExternalID: null(t.ExternalID), Via: t.Via.wire(),
		CreatedAt: stamp(t.CreatedAt), UpdatedAt: stamp(t.UpdatedAt), Generated: t.UpdatedAt.Unix(),
		Type: null(t.Type), Subject: null(t.Subject), RawSubject: null(t.Subject), Description: t.Description,
		Priority: null(t.Priority), Status: t.Status, StatusID: null(t.CustomStatusID), Recipient: null(t.Recipient),
		RequesterID: t.RequesterID, SubmitterID: t.SubmitterID, AssigneeID: null(t.AssigneeID), GroupID: null(t.GroupID),
		CollaboratorIDs: none, FollowerIDs: none, EmailCCIDs: none, ProblemID: null(t.ProblemID), IsPublic: t.IsPublic,
		DueAt: null(t.DueAt), Tags: orEmpty(t.Tags), CustomFields: fields, Fields: fields, SharingAgreementIDs: none,
		FollowupIDs: orEmpty(t.FollowupIDs), FormID: null(t.FormID), BrandID: null(t.BrandID), AllowAttachments: true,
	}
}

type commentWire struct {
	ID          int64    `json:"id"`
	Type        string   `json:"type"`
	AuthorID    int64    `json:"author_id"`
	Body        string   `json:"body"`
	HTMLBody    string   `json:"html_body"`
	PlainBody   string   `json:"plain_body"`
	Public      bool     `json:"public"`
	Attachments []any    `json:"attachments"`
	AuditID     int64    `json:"audit_id"`
	Via         *viaWire `json:"via"`
	CreatedAt   string   `json:"created_at,omitempty"` // these two not in an audit
	Metadata    object   `json:"metadata,omitempty"`
}

func commentOfAudit(cm *Comment, via Via) *commentWire {
	return &commentWire{
		ID: cm.ID, Type: CommentEvent, AuthorID: cm.AuthorID, Body: cm.Body, HTMLBody: cm.HTMLBody, PlainBody: cm.Body,
		Public: cm.Public, Attachments: []any{}, AuditID: cm.AuditID, Via: via.wire(),
	}
}

func commentOfTicket(cm *Comment, via Via) *commentWire {
	w := commentOfAudit(cm, via)
	w.CreatedAt, w.Metadata = stamp(cm.CreatedAt), object{"system": object{}, "custom": object{}}
	return w
}

type auditWire struct {
	ID        int64    `json:"id"`
	TicketID  int64    `json:"ticket_id"`
	CreatedAt string   `json:"created_at"`
	AuthorID  int64    `json:"author_id"`
	Metadata  object   `json:"metadata"`
	Events    []any    `json:"events"`
	Via       *viaWire `json:"via"`
}

func auditOf(t *Ticket, audit *Audit) *auditWire {
	custom := audit.Metadata
	if custom == nil {
		custom = object{}
	}
	events := make([]any, 0, len(audit.Events))
	for i := range audit.Events {
		events = append(events, eventOf(t, audit, &audit.Events[i]))
	}
	return &auditWire{
		ID: audit.ID, TicketID: t.ID, CreatedAt: stamp(audit.CreatedAt), AuthorID: audit.AuthorID,
		Metadata: object{"system": object{"client": audit.Client, "ip_address": audit.Address, "location": nil, "latitude": nil, "longitude": nil}, "custom": custom},
		Events:   events, Via: audit.Via.wire(),
	}
}

type createWire struct {
	ID        int64    `json:"id"`
	Type      string   `json:"type"`
	FieldName string   `json:"field_name"`
	Value     any      `json:"value"`
	Via       *viaWire `json:"via,omitempty"`
}

type changeWire struct {
	createWire

	Previous any `json:"previous_value"`
}

type notificationWire struct {
	ID         int64    `json:"id"`
	Type       string   `json:"type"`
	Subject    string   `json:"subject"`
	Body       string   `json:"body"`
	Recipients []int64  `json:"recipients"`
	Via        *viaWire `json:"via,omitempty"`
}

func eventOf(t *Ticket, audit *Audit, e *Event) any {
	var rule *viaWire
	if e.Trigger != nil {
		rule = &viaWire{"rule", sourceWire{object{"deleted": false, "title": e.Trigger.Title, "id": e.Trigger.ID}, object{}, "trigger"}}
	}
	switch e.Type {
	case CommentEvent:
		cm := t.comment(e.CommentID)
		if cm == nil {
			return object{"id": e.ID, "type": e.Type}
		}
		w := commentOfAudit(cm, audit.Via)
		w.ID = e.ID
		if rule != nil {
			w.Via = rule
		}
		return w
	case ChangeEvent:
		return &changeWire{createWire{e.ID, e.Type, e.FieldName, e.Value, rule}, e.PreviousValue}
	case NotificationEvent:
		return &notificationWire{e.ID, e.Type, e.Subject, e.Body, orEmpty(e.Recipients), rule}
	}
	return &createWire{e.ID, e.Type, e.FieldName, e.Value, rule}
}
