package site

// File is the configuration file. Its schema is generated from these types; the descriptions stand in the tags.
type File struct {
	IAdvize map[string]IAdvize `yaml:"iadvize" json:"iadvize" jsonschema:"required" jsonschema_description:"iAdvize apps with their API users; several sites may share one"`
	Zendesk map[string]Zendesk `yaml:"zendesk" json:"zendesk" jsonschema:"required" jsonschema_description:"Zendesk accounts; several sites may share one"`
	Sites   map[string]Entry   `yaml:"sites" json:"sites" jsonschema:"required" jsonschema_description:"iAdvize sites and how each wants its tickets"`
}

// IAdvize is one iAdvize app and API user.
type IAdvize struct {
	URL            Ref    `yaml:"url" json:"url,omitempty" jsonschema_description:"GraphQL endpoint; default https://api.iadvize.com/graphql"`
	TokenURL       Ref    `yaml:"token_url" json:"token_url,omitempty" jsonschema_description:"default https://api.iadvize.com/oauth2/token"`
	Platform       string `yaml:"platform" json:"platform,omitempty" jsonschema:"enum=ha,enum=sd,default=ha" jsonschema_description:"platform of the account"`
	Username       Ref    `yaml:"username" json:"username" jsonschema:"required"`
	Password       Ref    `yaml:"password" json:"password" jsonschema:"required"`
	WebhookSecrets []Ref  `yaml:"webhook_secrets" json:"webhook_secrets" jsonschema:"required,minItems=1" jsonschema_description:"secrets of the app or of single webhooks; all are accepted"`
}

// Zendesk is one Zendesk account. In a configuration that was found sound no pointer to a number is nil.
type Zendesk struct {
	URL               Ref    `yaml:"url" json:"url" jsonschema:"required" jsonschema_description:"as https://acme.zendesk.com"`
	Auth              Auth   `yaml:"auth" json:"auth" jsonschema:"required"`
	RequestsPerMinute int    `yaml:"requests_per_minute" json:"requests_per_minute,omitempty" jsonschema:"minimum=1,maximum=100000,default=400" jsonschema_description:"the plan's limit"`
	ReservePercent    *int   `yaml:"reserve_percent" json:"reserve_percent,omitempty" jsonschema:"minimum=0,maximum=95,default=20" jsonschema_description:"share of the limit left for people and other integrations"`
	Bulk              string `yaml:"bulk" json:"bulk,omitempty" jsonschema:"enum=auto,enum=off,default=auto" jsonschema_description:"auto: a backlog of archive tickets goes a hundred a call; off: one by one"`
	BulkJobs          *int   `yaml:"bulk_jobs" json:"bulk_jobs,omitempty" jsonschema:"minimum=1,maximum=30,default=20" hint:"bulk: off makes every ticket one by one" jsonschema_description:"how many of the 30 bulk jobs that an account may run at once are ours"`
	Import            bool   `yaml:"import" json:"import,omitempty" jsonschema_description:"a backlog goes through the ticket import: no triggers run, and tickets have the conversations' times; needs the credentials of an administrator"`
}

// BulkOff as a Zendesk account's bulk makes every ticket one by one; BulkAuto, which is the default, puts the archive
// tickets of a backlog into bulk jobs.
const (
	BulkAuto = "auto"
	BulkOff  = "off"
)

// Auth is how an account is reached: exactly one of the two.
type Auth struct {
	OAuth    *OAuth    `yaml:"oauth" json:"oauth,omitempty" jsonschema_description:"OAuth client; preferred"`
	APIToken *APIToken `yaml:"api_token" json:"api_token,omitempty" jsonschema_description:"works until 30 April 2027"`
}

// OAuth is a confidential OAuth client, with the client-credentials grant or, when there is a refresh token, with that.
type OAuth struct {
	ClientID     Ref `yaml:"client_id" json:"client_id" jsonschema:"required"`
	ClientSecret Ref `yaml:"client_secret" json:"client_secret" jsonschema:"required"`
	RefreshToken Ref `yaml:"refresh_token" json:"refresh_token,omitempty" jsonschema_description:"the first one, of an authorization-code flow; later ones are kept by the product. Absent: client credentials"`
}

// APIToken is an API token with the e-mail of its user.
type APIToken struct {
	Email Ref `yaml:"email" json:"email" jsonschema:"required"`
	Token Ref `yaml:"token" json:"token" jsonschema:"required"`
}

// Entry is one site.
type Entry struct {
	IAdvize   string  `yaml:"iadvize" json:"iadvize" jsonschema:"required" jsonschema_description:"name of an entry under iadvize"`
	ProjectID int64   `yaml:"project_id" json:"project_id" jsonschema:"required,minimum=1" jsonschema_description:"the webhook's projectId"`
	Zendesk   string  `yaml:"zendesk" json:"zendesk" jsonschema:"required" jsonschema_description:"name of an entry under zendesk"`
	Locale    string  `yaml:"locale" json:"locale,omitempty" jsonschema:"enum=fr,enum=en,enum=de,enum=es,enum=it,enum=nl,enum=pt,default=en" jsonschema_description:"language of the labels in tickets"`
	TimeZone  string  `yaml:"time_zone" json:"time_zone,omitempty" jsonschema:"default=UTC" jsonschema_description:"of the times in transcripts, as Europe/Paris"`
	Tickets   Tickets `yaml:"tickets" json:"tickets" jsonschema:"required"`
}

// Tickets is how a site wants its tickets.
type Tickets struct {
	Archive            bool             `yaml:"archive" json:"archive,omitempty" jsonschema_description:"a solved ticket for every conversation"`
	Escalation         bool             `yaml:"escalation" json:"escalation,omitempty" jsonschema_description:"the agent may raise a ticket when closing"`
	AssignToAgent      bool             `yaml:"assign_to_agent" json:"assign_to_agent,omitempty" jsonschema_description:"the assignee is the agent with the same e-mail in Zendesk"`
	FallbackAssignee   string           `yaml:"fallback_assignee" json:"fallback_assignee,omitempty" jsonschema_description:"e-mail of the agent who gets solved tickets that nobody else can; solved tickets need an assignee"`
	AnonymousEmail     string           `yaml:"anonymous_email" json:"anonymous_email,omitempty" jsonschema_description:"requester of visitors whose e-mail is not known"`
	AnonymousName      string           `yaml:"anonymous_name" json:"anonymous_name,omitempty" jsonschema_description:"name of visitors of whom nothing is known"`
	FormID             int64            `yaml:"form_id" json:"form_id,omitempty" jsonschema:"minimum=0" jsonschema_description:"ticket form; 0 is the account's default"`
	BrandID            int64            `yaml:"brand_id" json:"brand_id,omitempty" jsonschema:"minimum=0" jsonschema_description:"0 is the account's default"`
	GroupID            int64            `yaml:"group_id" json:"group_id,omitempty" jsonschema:"minimum=0" jsonschema_description:"0 leaves it to Zendesk"`
	Priority           string           `yaml:"priority" json:"priority,omitempty" jsonschema:"enum=low,enum=normal,enum=high,enum=urgent" jsonschema_description:"of every ticket; none when absent"`
	Type               string           `yaml:"type" json:"type,omitempty" jsonschema:"enum=question,enum=incident,enum=problem,enum=task" jsonschema_description:"of every ticket; none when absent"`
	ArchiveStatusID    int64            `yaml:"archive_status_id" json:"archive_status_id,omitempty" jsonschema:"minimum=0" jsonschema_description:"custom status of archive tickets, of the category solved; 0 is the category's own"`
	EscalationStatusID int64            `yaml:"escalation_status_id" json:"escalation_status_id,omitempty" jsonschema:"minimum=0" jsonschema_description:"custom status of escalated tickets, of any category but solved; 0 is open's own"`
	Subject            string           `yaml:"subject" json:"subject,omitempty" jsonschema:"maxLength=1000" jsonschema_description:"template of the tickets' subject; default {label} {conversation_id}"`
	PrivateNoteLabel   string           `yaml:"private_note_label" json:"private_note_label,omitempty" jsonschema_description:"heading of the agent's note; default in the site's language"`
	Transcript         string           `yaml:"transcript" json:"transcript,omitempty" jsonschema:"enum=private,enum=public,default=private" jsonschema_description:"a public one makes Zendesk's triggers mail the customer"`
	Tags               []string         `yaml:"tags" json:"tags,omitempty" jsonschema_description:"put on every ticket of the site"`
	Fields             Fields           `yaml:"fields" json:"fields,omitempty" jsonschema_description:"Zendesk ticket field ids"`
	Values             map[int64]string `yaml:"values" json:"values,omitempty" jsonschema_description:"ticket field id -> template, as {custom.order_number}; where it comes out empty, or is no choice of the field, the default counts"`
	Defaults           map[int64]any    `yaml:"defaults" json:"defaults,omitempty" jsonschema_description:"ticket field id -> value, for required fields that Zendesk has no default for"`
}

// Fields are the ids of the ticket fields that get what is known of a conversation.
type Fields struct {
	ConversationID      int64 `yaml:"conversation_id" json:"conversation_id,omitempty" jsonschema:"minimum=0"`
	ConversationTags    int64 `yaml:"conversation_tags" json:"conversation_tags,omitempty" jsonschema:"minimum=0" jsonschema_description:"gets \"-\" when the agent set no tag"`
	SatisfactionScore   int64 `yaml:"satisfaction_score" json:"satisfaction_score,omitempty" jsonschema:"minimum=0" jsonschema_description:"needs conversation_id"`
	RecommendationScore int64 `yaml:"recommendation_score" json:"recommendation_score,omitempty" jsonschema:"minimum=0" jsonschema_description:"needs conversation_id"`
	SatisfactionComment int64 `yaml:"satisfaction_comment" json:"satisfaction_comment,omitempty" jsonschema:"minimum=0" jsonschema_description:"needs conversation_id"`
}
