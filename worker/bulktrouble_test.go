package worker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// refusing is an account that takes no bulk job, and whose jobs never end.
type refusing struct {
	Bulk

	why *ticket.Failure
}

func (r refusing) CreateMany(context.Context, []ticket.Draft, bool) (zendesk.BulkJob, error) {
	return zendesk.BulkJob{}, r.why
}
func (refusing) Jobs(context.Context, []string) (map[string]zendesk.BulkJob, error) {
	return map[string]zendesk.BulkJob{}, nil
}
func (refusing) LatestJobs(context.Context) ([]zendesk.BulkJob, error) { return nil, accountDown() }

// noBulkJobs lets a worker's account take no bulk job.
func noBulkJobs(w *Worker, why *ticket.Failure) {
	w.Bulk = func(string) (Bulk, BulkTerms, bool) { return refusing{why: why}, BulkTerms{Jobs: 2}, true }
}

func TestABulkJobThatIsRefused(t *testing.T) {
	gate := queue.LaneGate("acme")
	for name, c := range map[string]struct {
		why   ticket.Failure
		shut  bool // for what comes live
		named bool // no process calls the account before the time that it has named
	}{
		"no call for bulk jobs":    {why: ticket.Failure{Trouble: ticket.TroubleAccount, Limited: true, Err: zendesk.ErrNoCall}},
		"the account is limited":   {why: ticket.Failure{Trouble: ticket.TroubleAccount, Limited: true, Detail: ticket.Detail{Status: 429}}, shut: true, named: true},
		"out of service for long":  {why: ticket.Failure{Trouble: ticket.TroubleUncertain, Detail: ticket.Detail{Status: 503}}, shut: true, named: true},
		"credentials taken away":   {why: ticket.Failure{Trouble: ticket.TroubleAccount, Detail: ticket.Detail{Status: 401}}, shut: true, named: true},
		"many jobs of other kinds": {why: ticket.Failure{Trouble: ticket.TroubleAccount, Limited: true, Err: zendesk.ErrTooManyJobs}},
	} {
		t.Run(name, func(t *testing.T) {
			q, world, begin := openQueue(t), newTown(), time.Now()
			var ids []string
			for i := range batchLeast + 1 { // one shows that the account answers
				ids = append(ids, fmt.Sprintf("c%d", i))
			}
			w, _ := holding(t, q, world, begin, ids...)
			var told []queue.GateNews
			w.gates.tell = func(n queue.GateNews) { told = append(told, n) }
			c.why.Gate, c.why.After = gate, time.Minute
			noBulkJobs(w, &c.why)
			next, err := w.drain(t.Context(), t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			if _, _, shut := w.gates.shut(gate); shut != c.shut {
				t.Errorf("shut for what comes live: %t, want %t", shut, c.shut)
			}
			if named := w.gates.named(gate); named.IsZero() == c.named || c.named && named.Sub(begin) < time.Minute {
				t.Errorf("the time that the account named: %s", named)
			}
			if c.named && (len(told) == 0 || told[0].Named < time.Minute-time.Second || next.Sub(begin) < time.Minute) {
				t.Errorf("told %+v, the next try after %s", told, next.Sub(begin))
			}
		})
	}
}
