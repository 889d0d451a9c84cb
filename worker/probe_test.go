package worker

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// holding gives a worker whose account holds conversations, and its clock.
func holding(t *testing.T, q *queue.Queue, world *town, begin time.Time, ids ...string) (*Worker, *atomic.Int64) {
	t.Helper()
	d := deliverer(world, q, Settings{})
	ahead := putAhead(d, begin)
	for _, id := range ids {
		if err := q.Hold(t.Context(), closed(id), d.now()); err != nil {
			t.Fatal(err)
		}
	}
	return New(q, d, zerolog.Nop(), nil), ahead
}

// An account that is down is called once for each wait, which grows: also when its alarm rings a moment early, and when it
// takes calls and does not answer.
func TestADownAccountIsProbedOnceForEachWait(t *testing.T) {
	hung := accountDown()
	hung.Trouble, hung.Err = ticket.TroubleUncertain, context.DeadlineExceeded
	for name, f := range map[string]*ticket.Failure{"down": accountDown(), "hung": hung} {
		t.Run(name, func(t *testing.T) { probeOnceForEachWait(t, f, nil) })
		for job, id := range map[string]string{"a bulk job at work": "job1", "one that may be at work": ""} {
			t.Run(name+", with "+job, func(t *testing.T) { probeOnceForEachWait(t, f, &id) })
		}
	}
}

// probeOnceForEachWait lets an account fail that has a bulk job of that id, or none when it is nil.
func probeOnceForEachWait(t *testing.T, f *ticket.Failure, job *string) {
	t.Helper()
	q := openQueue(t)
	world := newTown()
	probes := 0
	world.fail = func(call string) error {
		probes++
		if call == "find" {
			return accountDown() // which leaves no doubt
		}
		return f
	}
	begin := time.Now()
	w, ahead := holding(t, q, world, begin, "c1", "c2")
	if job != nil {
		noBulkJobs(w, accountDown())
		batch, err := q.OpenBatch(t.Context(), queue.Batch{ID: "batch1", Account: "acme", SentAt: begin, Keys: []string{"held.other"}})
		if err == nil && *job != "" {
			_, err = q.NoteJob(t.Context(), batch, *job)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for run := range 6 {
		lasted := time.Duration(0)
		if at := w.gates.all[f.Gate]; at != nil {
			lasted = w.now().Sub(at.since)
		}
		start := w.now()
		next, err := w.drain(t.Context(), t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if probes != run+1 {
			t.Errorf("run %d: %d calls in all", run, probes)
		}
		if wait := next.Sub(start); wait < untilProbe(lasted)/2 {
			t.Errorf("run %d: the next one after %s, want half of %s at least", run, wait, untilProbe(lasted))
		}
		ahead.Store(int64(next.Sub(begin) - alarmSlack/2))
	}
	if !w.gates.down(f.Gate) {
		t.Error("the account counts as open")
	}
}

// An account that has named a time is not called before it, though its alarm rings: a live event was refused meanwhile.
func TestALimitedAccountIsNotProbedBeforeItsTime(t *testing.T) {
	q, world := openQueue(t), newTown()
	calls := 0
	world.fail = func(string) error {
		calls++
		return nil
	}
	begin := time.Now()
	w, ahead := holding(t, q, world, begin, "c1")
	f := accountDown()
	f.Limited, f.After, f.Detail.Status = true, 5*time.Second, http.StatusTooManyRequests
	until, _ := w.gates.fail(f)
	behind := *f // what was under way is turned away by our own count
	behind.Detail.Status, behind.After = 0, time.Second
	w.gates.fail(&behind)
	if next, err := w.drain(t.Context(), t.Context(), "acme"); err != nil || !next.Equal(until) || calls != 0 {
		t.Fatalf("again in %s, want %s; %d calls; %v", next.Sub(begin), until.Sub(begin), calls, err)
	}
	ahead.Store(int64(until.Sub(begin) - alarmSlack/2))
	if next, err := w.drain(t.Context(), t.Context(), "acme"); err != nil || !next.IsZero() || calls != 1 {
		t.Errorf("at its time: again at %s; %d calls; %v", next, calls, err)
	}
}

// A lane whose call hangs is not entered a second time: it would be held for nothing, and there are few.
func TestALaneWhoseCallHangsIsLeftAlone(t *testing.T) {
	q, world := openQueue(t), newTown()
	begin := time.Now()
	w, ahead := holding(t, q, world, begin, "c1")
	place, ok := w.findPlace(t.Context(), errand{rank: limit.Backlog, held: true}, queue.LaneGate("acme"))
	if !ok {
		t.Fatal("no place")
	}
	ahead.Store(int64(hanging + time.Second))
	if next, err := w.drain(t.Context(), t.Context(), "acme"); err != nil || !next.Equal(w.now().Add(hanging)) {
		t.Errorf("again in %s, want %s; %v", next.Sub(w.now()), hanging, err)
	}
	e := closed("c2") // live, which does not wait for what the lane does
	if o := w.attempt(t.Context(), &e, errand{rank: limit.Live}); o.Result != ticket.ResultCreated {
		t.Errorf("live: %s, %v", o.Result, o.Failure)
	}
	place.leave(true)
	if next, err := w.drain(t.Context(), t.Context(), "acme"); err != nil || !next.IsZero() {
		t.Errorf("after the call: again in %s; %v", next.Sub(w.now()), err)
	}
}
