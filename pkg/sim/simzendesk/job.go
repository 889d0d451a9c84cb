package simzendesk

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Bulk jobs: https://developer.zendesk.com/api-reference/ticketing/ticket-management/job_statuses/
const (
	maxJobs     = 30 // queued or running at once
	jobLife     = 24 * time.Hour
	maxKeptJobs = 2000
	listedJobs  = 100
)

// job is a bulk job. It has no goroutine: every look at the account does the work that is due by then.
type job struct {
	id, kind string
	verb     string // of its message
	created  time.Time
	work     func(index int, now time.Time) object // does one item and returns its result
	order    []int                                 // in which the items are worked on
	results  []object                              // by index
	done     int
	failed   int
	state    string
	message  string
	fault    *Fault
}

// startJob queues a job, unless there are too many.
func (c *call) startJob(kind, verb string, total int, work func(index int, now time.Time) object) reply {
	var current []string
	for _, j := range c.a.jobOrder {
		if j.running() {
			current = append(current, j.id)
		}
	}
	c.endpointHeader("inflight-jobs", maxJobs, max(0, maxJobs-1-len(current)), 60)
	if len(current) >= maxJobs {
		return c.a.tooManyJobs(current)
	}
	sum := md5.Sum(fmt.Appendf(nil, "%d job", c.a.nextRunID()))
	j := &job{id: "V3-" + hex.EncodeToString(sum[:]), kind: kind, verb: verb, created: c.now, work: work,
		order: c.a.jobRand.Perm(total), results: make([]object, total), state: "queued", fault: c.fault}
	c.a.jobs[j.id] = j
	c.a.jobOrder = append(c.a.jobOrder, j)
	return jsonReply(http.StatusOK, object{"job_status": c.jobWire(j)})
}

func (a *AccountState) tooManyJobs(current []string) reply {
	return jsonReply(a.switches().TooManyJobsStatus, object{
		"error": "TooManyJobs", "description": "Too many TicketBulkUpdateJobV3 jobs are currently queued or running. Try again later.",
		"current_job_ids": orEmpty(current),
	})
}

func (j *job) running() bool {
	return j.state == "queued" || j.state == "working"
}

func (j *job) fails(kind FaultKind) bool {
	return j.fault != nil && j.fault.Kind == kind
}

// advanceJobs does what the jobs have to do by now, and forgets old ones.
func (a *AccountState) advanceJobs(now time.Time) {
	if len(a.jobOrder) == 0 {
		return
	}
	for _, j := range a.jobOrder {
		if j.running() {
			a.advance(j, now)
		}
	}
	surplus := len(a.jobOrder) - maxKeptJobs
	a.jobOrder = slices.DeleteFunc(a.jobOrder, func(j *job) bool {
		gone := now.Sub(j.created) > jobLife || surplus > 0 && !j.running()
		if gone {
			surplus--
			delete(a.jobs, j.id)
		}
		return gone
	})
}

func (a *AccountState) advance(j *job, now time.Time) {
	delay, elapsed, total := a.server.cfg.JobDelay, now.Sub(j.created), len(j.order)
	if elapsed < delay/2 {
		return
	}
	due := total
	if elapsed < delay {
		due = int(int64(total) * int64(elapsed-delay/2) / int64(delay-delay/2))
	}
	j.state = "working"
	switch {
	case j.fails(JobLost):
		j.state, j.work = "completed", nil
		return
	case j.fails(JobStuck):
		due = min(due, total/2)
	case j.fails(JobKilled):
		due = min(due, total/2)
	}
	for j.done < due {
		index := j.order[j.done]
		result := a.item(j, index, now)
		if result["error"] != nil {
			j.failed++
		}
		j.results[index] = result
		j.done++
	}
	j.message = fmt.Sprintf("%s #%d", j.verb, j.done)
	if elapsed >= delay && !j.fails(JobStuck) {
		j.end(a.switches().PartialJob, now)
	}
}

// item does one item, unless a fault lets it fail.
func (a *AccountState) item(j *job, index int, now time.Time) object {
	if !j.fails(JobPartialFailure) {
		return j.work(index, now)
	}
	fails := index%2 == 1
	if j.fault.Items != nil {
		fails = slices.Contains(j.fault.Items, index)
	}
	if !fails {
		return j.work(index, now)
	}
	details := j.fault.Body
	if details == "" {
		details = "Database collision"
	}
	return object{"index": index, "error": j.kind + "Failed", "details": details}
}

func (j *job) end(partial PartialJob, now time.Time) {
	j.work = nil // holds the request, which may be large, and is not needed any more
	at := now.Format("2006-01-02 15:04:05 +0000")
	switch {
	case j.fails(JobKilled):
		j.state, j.message = "killed", "Killed at "+at
	case j.failed > 0 && (j.failed == len(j.results) || partial == PartialFailed):
		j.state, j.message = "failed", "Failed at "+at
	default:
		j.state, j.message = "completed", "Completed at "+at
	}
}

func (c *call) jobWire(j *job) object {
	out := object{
		"id": j.id, "url": c.url("/api/v2/job_statuses/" + j.id), "total": len(j.order), "progress": nil, "status": j.state,
		"message": null(j.message), "results": nil, "job_type": map[string]string{
			"TicketCreate": "Bulk Create Ticket", "TicketUpdate": "Bulk Update Ticket", "TicketImport": "Bulk Import Ticket"}[j.kind],
	}
	if j.state != "queued" {
		out["progress"] = j.done
	}
	if j.state == "completed" || j.state == "failed" {
		out["results"] = j.told(c.a.switches().JobResults)
	}
	return out
}

// told is the results as they are told.
func (j *job) told(how JobResults) []object {
	if how == ResultsByIndex {
		return j.results
	}
	out := make([]object, 0, len(j.results))
	for _, index := range j.order {
		result := j.results[index]
		if how == ResultsWithoutIndex && result["error"] == nil {
			result = maps.Clone(result)
			delete(result, "index")
			result["status"] = "Created"
		}
		out = append(out, result)
	}
	return out
}

// job finds one that can be seen.
func (c *call) job(id string) *job {
	j := c.a.jobs[id]
	if j == nil || j.fails(JobVanishes) || j.fails(JobLost) {
		return nil
	}
	return j
}

func showJob(c *call) reply {
	j := c.job(c.id)
	if j == nil {
		return notFound()
	}
	return jsonReply(http.StatusOK, object{"job_status": c.jobWire(j)})
}

func listJobs(c *call) reply {
	var list []*job
	for _, j := range c.a.jobOrder[max(0, len(c.a.jobOrder)-listedJobs):] {
		if c.job(j.id) != nil && (j.running() || !c.a.switches().EndedJobsUnlisted) {
			list = append(list, j)
		}
	}
	return page(c, "job_statuses", list, func(j *job) any { return c.jobWire(j) })
}

func showManyJobs(c *call) reply {
	ids, bad := c.ids("ids")
	if bad != nil {
		return *bad
	}
	list := []object{}
	for _, id := range ids {
		if j := c.job(id); j != nil {
			list = append(list, c.jobWire(j))
		}
	}
	return jsonReply(http.StatusOK, object{"job_statuses": list})
}
