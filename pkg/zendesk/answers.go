package zendesk

import (
	"slices"
	"strings"

	"passerelle/pkg/ticket"
)

// Pages of the documentation that the rows below stand on.
const (
	docErrors      = "https://developer.zendesk.com/api-reference/introduction/requests/#response-format"
	docRateLimits  = "https://developer.zendesk.com/api-reference/introduction/rate-limits/"
	docIdempotency = "https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency"
	docAuth        = "https://developer.zendesk.com/api-reference/introduction/security-and-auth/"
	docSolving     = "https://support.zendesk.com/hc/en-us/articles/4408894213018"
)

const (
	hintCredentials = "check the account's auth in the configuration, and that its user may create tickets; the jobs wait and go on by themselves"
	hintRejected    = "mend what the detail names, in the configuration or in Zendesk, then replay"
	hintWait        = "nothing: the account's jobs wait and go on by themselves"
)

// row is the class of some answers. The first row that fits an answer counts.
type row struct {
	from, to int    // HTTP status, both included
	code     string // the answer's error code; empty: any
	key      string // a key of a 422's details, or "base#required" for a field that solving requires; empty: any
	creates  bool   // for calls that create a ticket only
	trouble  ticket.Trouble
	reason   ticket.Reason
	message  string
	hint     string
	doc      string
}

// answers is the table from Zendesk's answers to what must be done. Texts of answers are localised, so it goes by
// status, code and key alone.
var answers = []row{
	{100, 199, "", "", true, ticket.TroubleUncertain, "", "an answer that is none", hintWait, docErrors},
	{300, 399, "", "", false, ticket.TroubleAccount, ticket.ReasonCredentialsRefused, "the account redirects to another address", "set the account's url to its new address", docErrors},
	{400, 599, tooManyJobs, "", false, ticket.TroubleAccount, ticket.ReasonExpired, "as many bulk jobs as it may have are under way", hintWait, docRateLimits},
	{400, 400, "IdempotentRequestError", "", true, ticket.TroubleUncertain, "", "an earlier request used the same key", hintWait, docIdempotency},
	{401, 401, "", "", false, ticket.TroubleAccount, ticket.ReasonCredentialsRefused, "credentials refused", hintCredentials, docAuth},
	{403, 403, "", "", false, ticket.TroubleAccount, ticket.ReasonCredentialsRefused, "permission or scope missing", hintCredentials, docAuth},
	{404, 404, "RecordNotFound", "", false, ticket.TroubleJob, ticket.ReasonRejected, "record not found", hintRejected, docErrors},
	{404, 404, "", "", false, ticket.TroubleAccount, ticket.ReasonCredentialsRefused, "no Zendesk account at this address", "check the account's url in the configuration", docErrors},
	{408, 408, "", "", true, ticket.TroubleUncertain, "", "the request took too long", hintWait, docErrors},
	{408, 408, "", "", false, ticket.TroubleHiccup, "", "the request took too long", hintWait, docErrors},
	{409, 409, "", "", true, ticket.TroubleUncertain, "", "conflict with another request", hintWait, docErrors},
	{409, 409, "", "", false, ticket.TroubleHiccup, "", "conflict with another request", hintWait, docErrors},
	{422, 422, "", "requester#UserSuspended", false, ticket.TroubleJob, ticket.ReasonRequesterSuspended, "the requester is suspended", "lift the suspension in Zendesk, then replay", docErrors},
	{422, 422, "", "status", false, ticket.TroubleJob, ticket.ReasonTicketClosed, "the ticket is closed", "a closed ticket cannot be changed; discard the dead letter", docSolving},
	{422, 422, "", "base#required", false, ticket.TroubleJob, ticket.ReasonRequiredFieldMissing, "required to solve the ticket", hintRejected, docSolving},
	{423, 423, "", "", false, ticket.TroubleAccount, ticket.ReasonExpired, "the account is locked", hintWait, docErrors},
	{425, 425, "", "", false, ticket.TroubleHiccup, "", "too early", hintWait, docErrors},
	{429, 429, "", "", false, ticket.TroubleAccount, ticket.ReasonExpired, "the account's limit is reached", hintWait, docRateLimits},
	{400, 499, "", "", false, ticket.TroubleJob, ticket.ReasonRejected, "rejected", hintRejected, docErrors},
	{500, 599, "", "", true, ticket.TroubleUncertain, ticket.ReasonExpired, "Zendesk failed", hintWait, docErrors},
	{500, 599, "", "", false, ticket.TroubleAccount, ticket.ReasonExpired, "Zendesk failed", hintWait, docErrors},
}

// classify finds the row of an answer. A status outside of all rows, or a success that cannot be read, is uncertain
// for a call that creates and a hiccup otherwise.
func classify(status int, p problem, creates bool) row {
	for _, r := range answers {
		if status < r.from || status > r.to || r.creates && !creates {
			continue
		}
		if (r.code == "" || r.code == p.code) && (r.key == "" || slices.Contains(p.keys, r.key)) {
			return r
		}
	}
	r := row{trouble: ticket.TroubleHiccup, message: "an answer that cannot be read", hint: hintWait, doc: docErrors}
	if creates {
		r.trouble = ticket.TroubleUncertain
	}
	return r
}

// problem is what can be told of an error's body, whatever its envelope.
type problem struct {
	code   string
	keys   []string // details' keys, and key#error
	fields []ticket.FieldRef
	shown  []string // details' keys that are safe to show
}

// add takes in one entry of a 422's details.
func (p *problem) add(key string, e detailEntry) {
	p.keys = append(p.keys, key)
	if e.Error != "" {
		p.keys = append(p.keys, key+"#"+e.Error)
	}
	// What is missing to solve a ticket comes with a field and no code.
	if key == "base" && e.FieldID != 0 && (e.Error == "" || e.Error == "BlankValue") {
		p.keys = append(p.keys, "base#required")
	}
	if e.FieldID != 0 && len(p.fields) < mostNamed {
		p.fields = append(p.fields, ticket.FieldRef{ID: e.FieldID, Title: fieldTitle(e)})
	}
	if len(p.shown) < mostNamed && isCode(key) && !slices.Contains(p.shown, key) {
		p.shown = append(p.shown, key)
	}
}

// mostNamed bounds how many fields, and details, of an answer are told of: a form has fewer, and a dead letter must fit
// into a message of NATS.
const mostNamed = 400

// isCode tells whether a text of Zendesk's is a word, and so may be shown: a sentence may name people.
func isCode(text string) bool {
	return text != "" && len(text) <= 60 && !strings.ContainsAny(text, " @:")
}

// fieldTitle takes the title from "Title: is required …", which is written so in every language; French has a space
// before the colon.
func fieldTitle(e detailEntry) string {
	title, _, found := strings.Cut(e.Description, ": ")
	title = strings.TrimSpace(title)
	switch {
	case (!found || title == "" || len(title) > 200) && isCode(e.FieldType):
		return e.FieldType
	case !found || len(title) > 200:
		return ""
	}
	return title
}
