package check

import "slices"

// Level says how bad a finding is.
type Level string

// The levels. An error means that tickets would fail, or that customers would get mails they must not get; a warning
// that something may go wrong, or will later.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Error   Level = "error"
)

// The codes of what is checked. They are part of the product's public face.
//
//nolint:gosec // names of checks, no credentials
const (
	ZendeskAccess            = "zendesk_access" // the account answers
	ZendeskCalls             = "zendesk_calls"  // it has calls enough left to be asked all
	ZendeskCredentials       = "zendesk_credentials"
	ZendeskRole              = "zendesk_role"
	OAuthScope               = "oauth_scope"
	APITokenEnds             = "api_token_ends"
	TicketImport             = "ticket_import"
	Purpose                  = "purpose" // the site wants tickets at all
	Form                     = "form"
	Brand                    = "brand"
	Group                    = "group"
	FieldMissing             = "field_missing"
	FieldInactive            = "field_inactive"
	FieldOffForm             = "field_off_form"
	FieldType                = "field_type"
	FieldFlag                = "field_flag" // agents only, and not required
	RequiredField            = "required_field"
	DefaultValue             = "default_value"
	Assignee                 = "assignee"
	CustomStatus             = "custom_status"
	FallbackAssignee         = "fallback_assignee"
	TriggerMailsRequester    = "trigger_mails_requester"
	AutomationMailsRequester = "automation_mails_requester"
	IAdvizeAccess            = "iadvize_access" // iAdvize answers
	IAdvizeCredentials       = "iadvize_credentials"
	IAdvizeSchema            = "iadvize_schema"
	IAdvizeProject           = "iadvize_project"
	WebhookSecret            = "webhook_secret"
)

// Finding is what one check found at one site. Nothing in it is secret; the e-mail addresses of agents stand in it.
type Finding struct {
	Site    string   `json:"site"`
	Check   string   `json:"check"` // one of the codes above
	Level   Level    `json:"level"`
	Message string   `json:"message"`          // what is so, as a sentence
	Effect  string   `json:"effect,omitempty"` // what it would do to a ticket; empty when the level is ok
	Fix     string   `json:"fix,omitempty"`    // what to change; empty when the level is ok
	About   *Subject `json:"about,omitempty"`  // what it is about, where that has a name of its own
}

// Subject names what a finding is about.
type Subject struct {
	Kind string `json:"kind"`         // ticket_field, ticket_form, brand, group, agent, trigger, automation, schema
	ID   int64  `json:"id,omitempty"` // Zendesk's
	Name string `json:"name,omitempty"`
	Flag string `json:"flag,omitempty"` // of a ticket field: required, visible_in_portal, …
}

// Failed tells whether something would fail: whether there is any error but that calls were wanting.
func Failed(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == Error && f.Check != ZendeskCalls })
}

// Unfinished tells whether the account had no calls left to be asked all.
func Unfinished(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == Error && f.Check == ZendeskCalls })
}

// report collects the findings of one site.
type report struct {
	site     string
	findings []Finding
}

func (r *report) ok(code, message string) {
	r.findings = append(r.findings, Finding{Site: r.site, Check: code, Level: OK, Message: message})
}

func (r *report) add(level Level, code string, about *Subject, message, effect, fix string) {
	r.findings = append(r.findings, Finding{Site: r.site, Check: code, Level: level, Message: message, Effect: effect, Fix: fix, About: about})
}

// has tells whether a check found anything that is not ok.
func (r *report) has(code string) bool {
	return slices.ContainsFunc(r.findings, func(f Finding) bool { return f.Check == code && f.Level != OK })
}
