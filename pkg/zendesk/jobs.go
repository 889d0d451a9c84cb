package zendesk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"passerelle/pkg/ticket"
)

// JobState is how far a bulk job has come. It says nothing of the items: a completed job may have failed for some.
type JobState string

// The states of a bulk job.
const (
	JobQueued    JobState = "queued"
	JobWorking   JobState = "working"
	JobCompleted JobState = "completed"
	JobFailed    JobState = "failed"
	JobKilled    JobState = "killed" // in older documentation only
)

// BulkJob is a bulk job of the account. Zendesk forgets it after about a day.
// https://developer.zendesk.com/api-reference/ticketing/ticket-management/job_statuses/
type BulkJob struct {
	ID    string
	State JobState
	Total int  // items; 0 when it is not said
	Done  bool // nothing more comes of it: what no result names must be looked up
	// Results are of the items in any order, and only when the job is done. Some may be missing.
	Results []BulkResult
}

// BulkResult is what became of one item. With neither an ID nor Failed nothing is known of it.
type BulkResult struct {
	Index  int    // of the item in the request; -1: not said
	ID     int64  // of the ticket; 0: none, or not said
	Failed bool   // it was not done
	Code   string // of the failure, as "TicketCreateFailed"; may be empty. Zendesk's texts are left out: they may name people
}

type jobAnswer struct {
	ID      string          `json:"id"`
	State   JobState        `json:"status"`
	Total   json.RawMessage `json:"total"`
	Results json.RawMessage `json:"results"` // null until it is done; a list; for some kinds of jobs an object
}

func (a jobAnswer) job() BulkJob {
	results := readResults(a.Results)
	total, _ := readNumber(a.Total)
	job := BulkJob{ID: a.ID, State: a.State, Total: int(total), Results: results}
	switch a.State {
	case JobQueued, JobWorking:
		job.Results = nil // of half a job
	case JobCompleted, JobFailed, JobKilled:
		job.Done = true
	default: // a state of a later day is done when it has results
		job.Done = len(results) > 0
	}
	return job
}

// readResults reads the results that were recorded of real accounts, which differ from each other and from the
// documentation. What it cannot read is a result of which nothing is known.
func readResults(raw json.RawMessage) []BulkResult {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil
	}
	results := make([]BulkResult, 0, len(items))
	for _, raw := range items {
		var item struct {
			Index   json.RawMessage `json:"index"`
			ID      json.RawMessage `json:"id"`
			Error   json.RawMessage `json:"error"`
			Success json.RawMessage `json:"success"`
		}
		result := BulkResult{Index: -1}
		if json.Unmarshal(raw, &item) == nil {
			if index, ok := readNumber(item.Index); ok && index >= 0 && index < MaxBulk {
				result.Index = int(index)
			}
			result.ID, _ = readNumber(item.ID)
			result.Code = readCode(item.Error)
			refused := bytes.Equal(bytes.TrimSpace(item.Success), []byte("false"))
			result.Failed = refused || len(item.Error) > 0 && !bytes.Equal(item.Error, []byte("null"))
		}
		results = append(results, result)
	}
	return results
}

// readNumber reads a whole number, also one written as a text.
func readNumber(raw json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	return n, err == nil
}

// readCode keeps what is a code, and no sentence.
func readCode(raw json.RawMessage) string {
	var code string
	if json.Unmarshal(raw, &code) != nil || !isCode(code) {
		return ""
	}
	return code
}

// Jobs asks for up to MaxBulk jobs in one call. Those that Zendesk does not know, or no longer, are missing.
func (c *Client) Jobs(ctx context.Context, ids []string) (map[string]BulkJob, error) {
	found := map[string]BulkJob{}
	if len(ids) == 0 {
		return found, nil
	}
	if len(ids) > MaxBulk {
		return nil, c.misused("read bulk jobs", len(ids))
	}
	r := request{what: "read bulk jobs", method: http.MethodGet, path: "/api/v2/job_statuses/show_many", query: url.Values{"ids": {strings.Join(ids, ",")}}}
	jobs, err := c.jobs(ctx, r)
	var failure *ticket.Failure
	if errors.As(err, &failure) && failure.Detail.Status == http.StatusNotFound && failure.Trouble == ticket.TroubleJob {
		return found, nil // none of them is known
	}
	if err != nil {
		return nil, err
	}
	for _, job := range jobs {
		found[job.ID] = job
	}
	return found, nil
}

// LatestJobs gives the account's latest hundred jobs, of whatever kind and whoever started them: Zendesk lists no more.
// Whether jobs that have ended are among them is not documented.
func (c *Client) LatestJobs(ctx context.Context) ([]BulkJob, error) {
	query := url.Values{"page[size]": {strconv.Itoa(MaxBulk)}}
	return c.jobs(ctx, request{what: "list bulk jobs", method: http.MethodGet, path: "/api/v2/job_statuses", query: query})
}

func (c *Client) jobs(ctx context.Context, r request) ([]BulkJob, error) {
	var answer struct {
		Jobs []jobAnswer `json:"job_statuses"`
	}
	if err := c.do(ctx, r, &answer); err != nil {
		return nil, err
	}
	jobs := make([]BulkJob, 0, len(answer.Jobs))
	for _, a := range answer.Jobs {
		if a.ID != "" {
			jobs = append(jobs, a.job())
		}
	}
	return jobs, nil
}
