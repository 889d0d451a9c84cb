package simzendesk

import "time"

// Config sets a Server up. The zero value has no limits, no delays and no journal.
type Config struct {
	Switches Switches

	RequestsPerMinute int // of an account, in a clock minute; 0 = unlimited. Account.RequestsPerMinute goes first
	CreateLimit       int // ticket creations a minute by user and client address; 0 = unlimited
	TicketsIndexLimit int // GET /tickets a minute; 0 = unlimited
	FieldsIndexLimit  int // GET /ticket_fields a minute; 0 = unlimited
	UpdateLimit       int // PUT /tickets/{id} a minute; 0 = unlimited
	TicketUpdateLimit int // PUT /tickets/{id} in ten minutes by user and ticket; 0 = unlimited
	UpsertLimit       int // POST /users/create_or_update a minute by user; 0 = unlimited

	// Latency is how long a request is worked on before it takes effect. A client that leaves meanwhile does not stop it.
	Latency time.Duration
	// JobDelay is the time from queued to completed of a bulk job. The first half is queued; in the second half its
	// items are worked on one after the other.
	JobDelay time.Duration
	IndexLag time.Duration // how long a new user or ticket is missing in /users/search and /search

	// Journal is a JSON Lines file. Tickets, users and fields that requests create or change are appended to it before
	// the answer, and taken over again by AddAccount of the same name. What cannot be read or written is in Err.
	Journal string
	Seed    int64            // of the shares of faults and of the order in which bulk jobs work
	Now     func() time.Time // nil = time.Now
}

// Switches choose where the documentation of Zendesk is silent.
type Switches struct {
	// ConditionsOnCreate: are conditional fields that are required in other statuses than solved enforced?
	ConditionsOnCreate ConditionsOnCreate
	// ApplyOptionDefaults: does a new ticket get the default option of a drop-down by itself? false = no.
	ApplyOptionDefaults bool
	// TooManyJobsStatus is the HTTP status of error TooManyJobs; 0 = 429.
	TooManyJobsStatus int
	// IdemInflight: what a second request with the Idempotency-Key of one that is still worked on gets.
	IdemInflight IdemInflight
	// IdemCacheErrors: is the answer to a refused request kept for its Idempotency-Key too? false = no.
	IdemCacheErrors bool
	// FieldValue: what becomes of a bad value of a numeric, regexp or checkbox field.
	FieldValue FieldValue
	// ImportValidatesRequired: does the import enforce required fields? false = no.
	ImportValidatesRequired bool
	// ImportIgnoresRequester: does the import leave out the requester, so that the caller becomes it? false = it takes one.
	// A requester_id it always takes.
	ImportIgnoresRequester bool
	// ImportIgnoresForm: does the import leave out ticket_form_id? false = it takes it.
	ImportIgnoresForm bool
	// JobResults is how a job tells of its items.
	JobResults JobResults
	// Account429 is the body when the account's limit is reached.
	Account429 Account429
	// APIWarnHeader: is x-zendesk-api-warn sent for unknown keys of a ticket? false = no.
	APIWarnHeader bool
	// URLWithoutJSON takes ".json" off the end of every url; false = it is there.
	URLWithoutJSON bool
	// EndedJobsUnlisted: does the list of jobs leave out those that have ended? false = it has them, with their results.
	EndedJobsUnlisted bool
	// PartialJob is the status of a job of which a part failed.
	PartialJob PartialJob
	// UnknownAssigneeEmail: what an assignee_email of nobody does.
	UnknownAssigneeEmail Unknown
	// UnknownReference: what a form, brand or custom status does that does not exist or is not active.
	UnknownReference Unknown
	// NewFieldsOffForms: does a field that a request makes stay off the default form? false = it joins it.
	NewFieldsOffForms bool
	// Headers is the spelling of the limit headers.
	Headers Headers
	// FalseCheckboxUnset: does an unticked checkbox count as missing where it is required? false = no.
	FalseCheckboxUnset bool
	// CallerIsCurrentUser: is the "current user" of trigger conditions the one whose token it is? false = the submitter
	// of a new ticket, the author of an added comment.
	CallerIsCurrentUser bool
}

// ConditionsOnCreate is a switch.
type ConditionsOnCreate string

// The zero value enforces, with the body of a required field when solving.
const (
	EnforceConditions ConditionsOnCreate = ""
	IgnoreConditions  ConditionsOnCreate = "off"
)

// IdemInflight is a switch.
type IdemInflight string

// The zero value answers 409.
const (
	InflightConflict     IdemInflight = ""
	InflightBlock        IdemInflight = "block" // waits and gets the first one's answer
	InflightSecondTicket IdemInflight = "second_ticket"
)

// FieldValue is a switch.
type FieldValue string

// The zero value answers 422 with error InvalidValue.
const (
	RefuseValue FieldValue = ""
	DropValue   FieldValue = "drop"
)

// Account429 is a switch.
type Account429 string

// The zero value is plain text.
const (
	TextBody Account429 = ""
	JSONBody Account429 = "json"
)

// PartialJob is a switch.
type PartialJob string

// The zero value is status completed.
const (
	PartialCompleted PartialJob = ""
	PartialFailed    PartialJob = "failed"
)

// JobResults is a switch.
type JobResults string

// The zero value gives every item's result with its index, in the order of the indexes.
const (
	ResultsByIndex      JobResults = ""
	ResultsShuffled     JobResults = "shuffled"      // in the order in which the items were worked on
	ResultsWithoutIndex JobResults = "without_index" // in that order, and those that succeeded do not say which they are
)

// Unknown is a switch.
type Unknown string

// The zero value answers 422.
const (
	RefuseUnknown Unknown = ""
	IgnoreUnknown Unknown = "ignored"
)

// Headers is a switch.
type Headers string

// The zero value is what accounts send since 2024: ratelimit-limit and zendesk-ratelimit-*.
const (
	Headers2024 Headers = ""
	Headers2023 Headers = "2023" // rate-limit and zendesk-rate-limit-*
)

// Account is a Zendesk account to simulate.
type Account struct {
	Name string // first segment of its address; not empty, no slash, not "_sim"

	APITokenEmail string // of the admin who is the API user; "" = admin@<name>.example
	APIToken      string // "" = basic authentication is not possible
	OAuthClientID string // "" = OAuth is not possible
	OAuthSecret   string
	// OAuthScopes are what the client may ask for; nil = all.
	OAuthScopes []string
	// GrantedScopes are what tokens hold, whatever was asked for: a client whose scopes were narrowed. nil = what was asked.
	GrantedScopes []string
	// OAuthUserEmail is the user as whom the client acts; "" = the admin.
	OAuthUserEmail string
	OAuthTokenLife time.Duration // 0 = 30 min
	// RefreshToken is a first one, for the client; "" = none. It rotates on use.
	RefreshToken string

	Locale            string // of error descriptions: en, fr or pt; "" = en
	URLHost           string // host in urls, as of a renamed account; "" = the host that was called
	RequestsPerMinute int    // 0 = that of Config
	FirstTicketID     int64  // 0 = 1
	AutoAssignOnSolve bool   // the caller becomes assignee of a ticket that is solved without one
	NoFormStatuses    bool   // the plan has no ticket form statuses: 403
}

func (cfg Config) withDefaults() Config {
	if cfg.Switches.TooManyJobsStatus == 0 {
		cfg.Switches.TooManyJobsStatus = 429
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}

func (acc Account) withDefaults() Account {
	if acc.APITokenEmail == "" {
		acc.APITokenEmail = "admin@" + acc.Name + ".example"
	}
	if acc.OAuthUserEmail == "" {
		acc.OAuthUserEmail = acc.APITokenEmail
	}
	if acc.OAuthTokenLife == 0 {
		acc.OAuthTokenLife = 30 * time.Minute
	}
	if acc.FirstTicketID == 0 {
		acc.FirstTicketID = 1
	}
	return acc
}
