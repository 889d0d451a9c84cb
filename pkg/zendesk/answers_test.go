package zendesk

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/ticket"
)

// said is a body that Zendesk was seen to answer with, or that its documentation shows, and what can be told of it. The
// status that it came with does not matter here: each is tried with all of them.
type said struct {
	name string
	body string
	what meaning
}

type meaning int

const (
	nothing       meaning = iota // that changes what the status says
	tooManyJobsIs                // as many bulk jobs as there may be
	keyWasUsed                   // the Idempotency-Key was that of another request
	recordUnknown
	isSuspended
	isClosed
	isRequired // a field must be filled in
)

// details is a refused record.
func details(entries string) string {
	return `{"error":"RecordInvalid","description":"Record validation errors","details":{` + entries + `}}`
}

// The names and texts in them must not show in a failure.
var recorded = []said{
	{"empty", ``, nothing},
	{"a page", `<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1>cloudflare</body></html>`, nothing},
	{"text", `Number of allowed API requests per minute exceeded`, nothing},
	{"an empty object", `{}`, nothing},
	{"null", `null`, nothing},
	{"a list", `[]`, nothing},
	{"half", `{"error":"RecordInv`, nothing},
	{"a bare error", `{"error":"Couldn't authenticate you"}`, nothing},
	{"invalid token", `{"error":"invalid_token","error_description":"The access token is expired"}`, nothing},
	{"titled error", `{"error":{"title":"Forbidden","message":"Ada, contact the account owner"}}`, nothing},
	{"forbidden", `{"error":"Forbidden","description":"You do not have access to this page"}`, nothing},
	{"unknown record", `{"error":"RecordNotFound","description":"Not found"}`, recordUnknown},
	{"unknown endpoint", `{"error":"InvalidEndpoint","description":"Not found"}`, nothing},
	{"pagination", `{"errors":[{"code":"InvalidPaginationDepth","title":"Pagination requests are limited","detail":"Ada"}]}`, nothing},
	{"too many values", `{"error":"TooManyValues","description":"Parameter  cannot specify more than 100 values","max_count":100}`, nothing},
	{"idempotency", `{"error":"IdempotentRequestError","description":"Request parameters don't match the given idempotency key"}`, keyWasUsed},
	{"conflict", `{"error":"DatabaseConflict","description":"Database collision"}`, nothing},
	{"update conflict", `{"error":"UpdateConflict","description":"Safe Update prevented the update due to outdated ticket data."}`, nothing},
	{"deadlock", `{"error":"DatabaseDeadlock","description":"Database deadlock found; please retry your transaction"}`, nothing},
	{"limit of exports", `{"error":"APIRateLimitExceeded","description":"Number of allowed incremental export API requests per minute exceeded"}`, nothing},
	{"limit of updates", `{"errors":[{"code":"TooManyRequests","title":"Too many requests to update"}]}`, nothing},
	{"limit with a status", `{"errors":[{"code":"RateLimitExceeded","status":"429","title":"Rate limit exceeded. Maximum 10 requests per minute."}]}`, nothing},
	{"too many jobs", `{"error":"TooManyJobs","description":"Too many TicketBulkUpdateJobV3 jobs are currently queued or running. Try again later.","current_job_ids":["V3-1"]}`, tooManyJobsIs},
	{"suspended", details(`"requester":[{"description":"Requester: Ada is suspended.","error":"UserSuspended"}]`), isSuspended},
	{"suspended, as of 2020", details(`"requester":[{"description":"Requester: Ada is suspended."}]`), nothing}, // the text alone says it
	{"a requester without a name", details(`"requester":[{"description":"Requester: Name:  is too short (minimum is 1 character)"}]`), nothing},
	{"closed", details(`"status":[{"description":"closed prevents ticket update"}],"priority":[{"description":"Priority: cannot be reset"}]`), isClosed},
	{"required to solve", details(`"base":[{"description":"Order: is required when solving a ticket","error":null,"ticket_field_id":12,"ticket_field_type":"FieldTagger"}]`), isRequired},
	{"no description", details(`"base":[{"description":"Descrição: não pode ficar em branco","error":"BlankValue","ticket_field_id":13,"ticket_field_type":"FieldDescription"}]`), isRequired},
	{"not a date", details(`"base":[{"description":"Date Field is not valid","error":"InvalidValue","ticket_field_id":14,"ticket_field_type":"FieldDate"}]`), nothing},
	{"assignee", details(`"assignee":[{"description":"Assignee: is invalid","error":"InvalidValue"},{"description":"Assignee: Ada is not a member of the group"}]`), nothing},
	{"options", details(`"field_options":[{"description":"Field options: must contain at least one option","error":"EmptyValue"}]`), nothing},
	{"priority", details(`"priority":[{"description":"Priority: cannot be reset"}]`), nothing},
	{"the documentation's sample", `{"details":{"value":[{"type":"blank","description":"can't be blank"}]},"description":"RecordValidation errors","error":"RecordInvalid"}`, nothing},
	{"details as text", `{"error":"TicketCreateFailed","details":"Description: cannot be blank"}`, nothing},
}

// rightly says what must come of an answer, in the words of the documentation and not in those of the table.
func rightly(status int, what meaning, creates bool) (ticket.Trouble, ticket.Reason) {
	hidden := ticket.TroubleHiccup // what may have happened all the same
	if creates {
		hidden = ticket.TroubleUncertain
	}
	refused := func(r ticket.Reason) (ticket.Trouble, ticket.Reason) { return ticket.TroubleJob, r }
	waits := func(r ticket.Reason) (ticket.Trouble, ticket.Reason) { return ticket.TroubleAccount, r }
	switch {
	case status < 300: // no answer, or a success that cannot be read
		return hidden, ""
	case status < 400:
		return waits(ticket.ReasonCredentialsRefused)
	case what == tooManyJobsIs:
		return waits(ticket.ReasonExpired)
	case status == 401 || status == 403 || status == 404 && what != recordUnknown:
		return waits(ticket.ReasonCredentialsRefused)
	case status == 408 || status == 409 || status == 400 && what == keyWasUsed && creates:
		return hidden, ""
	case status == 423 || status == 429:
		return waits(ticket.ReasonExpired)
	case status == 425:
		return ticket.TroubleHiccup, ""
	case status == 422 && what == isSuspended:
		return refused(ticket.ReasonRequesterSuspended)
	case status == 422 && what == isClosed:
		return refused(ticket.ReasonTicketClosed)
	case status == 422 && what == isRequired:
		return refused(ticket.ReasonRequiredFieldMissing)
	case status < 500:
		return refused(ticket.ReasonRejected)
	case creates:
		return ticket.TroubleUncertain, ticket.ReasonExpired
	default:
		return waits(ticket.ReasonExpired)
	}
}

func TestEachStatusWithEachBodyHasItsClass(t *testing.T) {
	reached := map[row]bool{}
	for status := 100; status <= 599; status++ {
		for _, s := range recorded {
			for _, creates := range []bool{true, false} {
				got := classify(status, readProblem([]byte(s.body)), creates)
				reached[got] = true
				trouble, reason := rightly(status, s.what, creates)
				if got.trouble != trouble || got.reason != reason {
					t.Errorf("%d, %s, creates %v: trouble %v, reason %q; want %v, %q", status, s.name, creates, got.trouble, got.reason, trouble, reason)
				}
				if !strings.HasPrefix(got.doc, "https://") || got.message == "" || got.hint == "" {
					t.Errorf("%d, %s: the class says too little: %+v", status, s.name, got)
				}
				neverWrong(t, status, s, creates, got)
			}
		}
	}
	for _, r := range answers {
		if !reached[r] {
			t.Errorf("no answer reaches the row %+v", r)
		}
	}
}

// neverWrong are the promises that hold whatever the rows say.
func neverWrong(t *testing.T, status int, s said, creates bool, got row) {
	t.Helper()
	mayExist := status < 300 || status == 408 || status == 409 || status >= 500 || status == 400 && s.what == keyWasUsed
	accounts := slices.Contains([]int{401, 403, 423, 429}, status) || status == 503 && !creates
	switch {
	case s.what == tooManyJobsIs && status >= 400:
		accounts = true // nothing was queued, so nothing may exist
	case creates && mayExist && got.trouble != ticket.TroubleUncertain:
		t.Errorf("%d, %s: a ticket may exist, and the class is %v", status, s.name, got.trouble)
	case !creates && got.trouble == ticket.TroubleUncertain:
		t.Errorf("%d, %s: uncertain, and nothing was to be made", status, s.name)
	}
	if accounts && got.trouble != ticket.TroubleAccount {
		t.Errorf("%d, %s: the account's trouble is %v", status, s.name, got.trouble)
	}
	if got.trouble == ticket.TroubleJob != (got.reason != "" && got.reason != ticket.ReasonExpired && got.reason != ticket.ReasonCredentialsRefused) {
		t.Errorf("%d, %s: %v with reason %q", status, s.name, got.trouble, got.reason)
	}
}

// The same over HTTP, for statuses of each kind, with a call that makes a ticket and one that changes it.
func TestAnswersOverHTTP(t *testing.T) {
	statuses := []int{
		200, 201, 202, 203, 206, 226, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 417, 418, 421, 422, 423, 424, 425, 426,
		428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 522, 524, 530, 599,
	}
	var status int
	var body string
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	for _, status = range statuses {
		for _, s := range recorded {
			body = s.body
			_, _, made := c.Create(t.Context(), draft)
			check(t, fmt.Sprintf("create: %d, %s", status, s.name), made, status, s, true)
			changed := c.SetFields(t.Context(), 42, nil)
			if status < 300 && (strings.HasPrefix(s.body, "{") && s.name != "half" || s.body == "null") {
				if changed != nil {
					t.Errorf("change: %d, %s: %v", status, s.name, changed)
				}
				continue
			}
			check(t, fmt.Sprintf("change: %d, %s", status, s.name), changed, status, s, false)
		}
	}
}

func check(t *testing.T, what string, err error, status int, s said, creates bool) {
	t.Helper()
	f := failure(t, err)
	trouble, reason := rightly(status, s.what, creates)
	if f.Trouble != trouble || f.Reason != reason || f.Gate != "zendesk/acme" {
		t.Errorf("%s: %+v, want %v, %q", what, f, trouble, reason)
	}
	if status >= 300 && (f.After != 7*time.Second || f.Detail.Status != status) {
		t.Errorf("%s: after %s, status %d", what, f.After, f.Detail.Status)
	}
	if limited := status == 429 || s.what == tooManyJobsIs && status >= 400; f.Limited != limited {
		t.Errorf("%s: limited", what)
	}
}

func TestRetryAfterIsObeyedAndCapped(t *testing.T) {
	const (
		date          = "Tue, 24 Nov 2026 10:00:00 GMT"
		maxRetryAfter = 15 * time.Minute
	)
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, " 7 ": 7 * time.Second, "0": 0, "900": maxRetryAfter, "901": maxRetryAfter, "999999": maxRetryAfter,
		"99999999999999999999999": maxRetryAfter, "-99999999999999999999999": 0, "-1": 0, "soon": 0, "": 0, "7.5": 0, "5m": 0, "1e3": 0, "NaN": 0,
		"Tue, 24 Nov 2026 10:00:30 GMT": 30 * time.Second, "Tue, 24 Nov 2026 09:59:30 GMT": 0, "Wed, 24 Nov 2027 10:00:00 GMT": maxRetryAfter,
		"Tue, 24 Nov 2026 10:00:30": 0, strings.Repeat("9", 5000): maxRetryAfter,
	} {
		for _, status := range []int{409, 423, 429, 500, 503} {
			c := client(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.Header().Set("Date", date)
				w.WriteHeader(status)
			})
			_, _, err := c.Create(t.Context(), draft)
			if f := failure(t, err); f.After != want {
				t.Errorf("%d with Retry-After %.40q: after %s, want %s", status, header, f.After, want)
			}
		}
	}
}
