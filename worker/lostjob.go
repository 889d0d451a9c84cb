package worker

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// lostLook is how often a job is looked for whose id was never told.
const lostLook = 15 * time.Second

// jobList gives the account's latest jobs. It asks once.
type jobList func() ([]zendesk.BulkJob, error)

func (b *bulk) latest(ctx context.Context) jobList {
	return sync.OnceValues(func() ([]zendesk.BulkJob, error) { return b.LatestJobs(ctx) })
}

// doubt decides about a batch whose job is not known. Its job is recognised by the tickets that it made, and then
// followed like any other. Otherwise the events of the batch are let go, each to be looked up by itself, once the job
// cannot be at work any more. Zendesk does not say what a job is about, so that any of the same size may be this one.
func (b *bulk) doubt(ctx context.Context, batch queue.Batch, latest jobList) {
	age := b.now().Sub(batch.SentAt)
	wait := min(lostLook, b.BulkDoubt-age)
	if wait > 0 && b.gates.closed(queue.LaneGate(b.account)) { // to ask would be in vain
		b.again(b.now().Add(wait))
		return
	}
	jobs, err := latest()
	switch {
	case err == nil && batch.Job == "" && b.recognise(ctx, batch, jobs):
		return
	case wait > 0:
		b.again(b.now().Add(wait))
		return
	case age < bulkLongest && (err != nil || b.mayRun(batch, jobs)):
		b.again(b.now().Add(bulkAgain))
		return
	}
	b.again(b.now().Add(firstDelay))
	if err := b.queue.CloseBatch(ctx, batch); err != nil {
		b.log.Warn().Err(err).Str("account", b.account).Str("batch", batch.ID).Msg("cannot end the wait for a bulk job; trying again")
		return
	}
	b.mark(batch, false)
}

// recognise looks for the batch's job among those that have ended: the first ticket that a job of its size made is asked
// for its external id. Where an account lists no such jobs, none is recognised.
func (b *bulk) recognise(ctx context.Context, batch queue.Batch, jobs []zendesk.BulkJob) bool {
	type sign struct {
		job   string
		index int
	}
	signs := map[int64]sign{}
	var tickets []int64
	for _, j := range jobs {
		made := slices.IndexFunc(j.Results, func(r zendesk.BulkResult) bool { return r.ID != 0 && !r.Failed })
		if !j.Done || made < 0 || j.Total != 0 && j.Total != len(batch.Keys) || b.watches(j.ID) || len(tickets) == zendesk.MaxBulk {
			continue
		}
		r := j.Results[made]
		signs[r.ID] = sign{job: j.ID, index: r.Index}
		tickets = append(tickets, r.ID)
	}
	names, err := b.ExternalIDs(ctx, tickets)
	if err != nil {
		return false // it is looked for again
	}
	for id, name := range names {
		conversation, ours := strings.CutPrefix(name, ticket.ExternalIDPrefix)
		place := slices.Index(batch.Keys, string(ticket.JobOf(conversation)))
		if s := signs[id]; ours && place >= 0 && (s.index == place || s.index < 0) {
			b.log.Info().Str("account", b.account).Str("batch", batch.ID).Str("job", s.job).Msg("a bulk job whose answer was lost is recognised")
			b.follow(batch, s.job)
			return true
		}
	}
	return false
}

// mayRun tells whether the account works on a job that may be the batch's.
func (b *bulk) mayRun(batch queue.Batch, jobs []zendesk.BulkJob) bool {
	return slices.ContainsFunc(jobs, func(j zendesk.BulkJob) bool {
		return !j.Done && (j.Total == 0 || j.Total == len(batch.Keys)) && !b.watches(j.ID)
	})
}

func (b *bulk) watches(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.jobs[id] != nil
}
