package zendesk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"passerelle/pkg/ticket"
)

// MaxBulk is how many tickets, or ids, one bulk call takes.
// https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#create-many-tickets
const MaxBulk = 100

// MaxJobs is how many bulk jobs of an account may be queued or running at once, whoever started them.
// https://developer.zendesk.com/api-reference/introduction/rate-limits/#job-limit
const MaxJobs = 30

const (
	tooManyJobs = "TooManyJobs"
	jobsWait    = 15 * time.Second // a job of a hundred tickets was seen to take as long
)

// ErrTooManyJobs is the cause of a failure that is Limited for want of a bulk job, not of a call: single calls go on.
var ErrTooManyJobs = errors.New("too many bulk jobs")

// ErrImportRefused is the cause of a failure of the import alone: it is for administrators. Without it, the same tickets
// can be made.
var ErrImportRefused = errors.New("the import is for administrators")

// CreateMany starts a job that makes up to MaxBulk tickets, each with its first comment. There is no Idempotency-Key for
// it: TroubleUncertain means that the job may run, and that each ticket is to be looked up, once no job runs, before it
// is made again. A failure that is Limited with the cause ErrTooManyJobs made nothing. TroubleJob means that Zendesk
// refused all the tickets, for the sake of one perhaps; each alone says what is wrong with it.
//
// imported uses the import, which is for administrators: no trigger runs, the tickets have the conversations' times, and
// all their comments. Whether it takes requester and form is not documented: see CheckImport. A failure with the cause
// ErrImportRefused made nothing.
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_import/#ticket-bulk-import
func (c *Client) CreateMany(ctx context.Context, drafts []ticket.Draft, imported bool) (BulkJob, error) {
	if len(drafts) == 0 || len(drafts) > MaxBulk {
		return BulkJob{}, c.misused("create tickets", len(drafts))
	}
	r := request{what: "create many tickets", method: http.MethodPost, path: "/api/v2/tickets/create_many", creates: true}
	bodies := make([]any, len(drafts))
	for i, d := range drafts {
		if imported {
			bodies[i] = c.importOf(d)
		} else {
			bodies[i] = bodyOf(d)
		}
	}
	if imported {
		r.what, r.path = "import many tickets", "/api/v2/imports/tickets/create_many"
	}
	r.body = map[string]any{"tickets": bodies}
	job, err := c.startJob(ctx, r)
	var failure *ticket.Failure
	if imported && errors.As(err, &failure) && failure.Detail.Status == http.StatusForbidden {
		failure.Err = ErrImportRefused
		failure.Hint = "use the credentials of an administrator, or set import: false for the account"
	}
	return job, err
}

func (c *Client) startJob(ctx context.Context, r request) (BulkJob, error) {
	var answer struct {
		Job jobAnswer `json:"job_status"`
	}
	if err := c.do(ctx, r, &answer); err != nil {
		return BulkJob{}, err
	}
	job := answer.Job.job()
	if job.ID == "" {
		f := &ticket.Failure{
			Trouble: ticket.TroubleHiccup, Gate: c.gate, Hint: hintWait, Detail: ticket.Detail{Message: r.what + ": the answer names no job"},
		}
		if r.creates {
			f.Trouble = ticket.TroubleUncertain
		}
		return BulkJob{}, f
	}
	return job, nil
}

// misused is the failure of a call that would break a bound of Zendesk's. Nothing was sent.
func (c *Client) misused(what string, n int) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleHiccup, Gate: c.gate, Hint: "report this as an error of the program",
		Detail: ticket.Detail{Message: fmt.Sprintf("%s: %d at once, where 1 to %d are taken", what, n, MaxBulk)},
	}
}

// ExternalIDs gives the external ids of up to MaxBulk tickets. Tickets that do not exist are missing.
// https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#show-multiple-tickets
func (c *Client) ExternalIDs(ctx context.Context, ids []int64) (map[int64]string, error) {
	found := map[int64]string{}
	if len(ids) == 0 {
		return found, nil
	}
	if len(ids) > MaxBulk {
		return nil, c.misused("read external ids", len(ids))
	}
	var answer struct {
		Tickets []struct {
			ID         int64  `json:"id"`
			ExternalID string `json:"external_id"`
		} `json:"tickets"`
	}
	r := request{what: "read external ids", method: http.MethodGet, path: "/api/v2/tickets/show_many", query: url.Values{"ids": {joined(ids)}}}
	if err := c.do(ctx, r, &answer); err != nil {
		return nil, err
	}
	for _, t := range answer.Tickets {
		found[t.ID] = t.ExternalID
	}
	return found, nil
}

func joined(ids []int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(texts, ",")
}
