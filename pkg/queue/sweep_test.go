package queue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

func sweepRun(t *testing.T, r *queue.SweepRuns) queue.SweepRun {
	t.Helper()
	run, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func alarm(t *testing.T, q *queue.Queue) queue.SweepAlarm {
	t.Helper()
	a, err := q.SweepAlarm(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheRightToSweepIsOneProcessesAtATime(t *testing.T) {
	q, server := open(t)
	if a := alarm(t, q); a != (queue.SweepAlarm{}) {
		t.Errorf("a new alarm clock: %+v", a)
	}
	for range 3 { // one clock, whoever sets it
		if err := q.RingSweep(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if a := alarm(t, q); !a.Set || a.Rang {
		t.Errorf("set: %+v", a)
	}
	var runs [2]*queue.SweepRuns
	for i, of := range []*queue.Queue{q, connect(t, server)} {
		var err error
		if runs[i], err = of.SweepRuns(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer runs[i].Close()
	}
	if err := q.RingSweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	first := sweepRun(t, runs[0])
	if a := alarm(t, q); a.Set || !a.Rang || first.At.IsZero() {
		t.Errorf("in hand: %+v", a)
	}
	// A second alarm rings while the first one's sweep goes on: nobody gets it.
	if err := q.RingSweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if run, err := runs[1].Next(short); err == nil {
		t.Errorf("two have the right to sweep: %+v", run)
	}
	if err := errors.Join(first.Working(), first.Done(t.Context(), q)); err != nil {
		t.Fatal(err)
	}
	second := sweepRun(t, runs[1])
	if a := alarm(t, q); !second.At.Before(a.Swept) {
		t.Errorf("the second alarm rang at %s, the sweep ended at %s", second.At, a.Swept)
	}
	if err := second.GiveBack(0); err != nil {
		t.Fatal(err)
	}
	third := sweepRun(t, runs[0])
	if err := third.GiveBack(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := sweepRun(t, runs[1]).Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := alarm(t, q); a.Set || a.Rang || a.Swept.IsZero() {
		t.Errorf("at the end: %+v", a)
	}
}

func TestPositionsAreOvertakenByOneProcessOnly(t *testing.T) {
	q, _ := open(t)
	site := ticket.Site{Name: "acme-fr", Platform: "ha", ProjectID: 12}
	if _, seen, err := q.SweepPosition(t.Context(), site); seen || err != nil {
		t.Fatal(seen, err)
	}
	now := time.Now().UTC().Round(0)
	p := queue.SweepPosition{Since: now, Until: now}
	stored, err := q.SaveSweepPosition(t.Context(), site, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.SaveSweepPosition(t.Context(), site, p); !errors.Is(err, queue.ErrOvertaken) {
		t.Errorf("created twice: %v", err)
	}
	renamed := ticket.Site{Name: "acme-france", Platform: "ha", ProjectID: 12}
	got, seen, err := q.SweepPosition(t.Context(), renamed)
	if err != nil || !seen || got != stored {
		t.Errorf("got %+v, %v, %v; want %+v", got, seen, err, stored)
	}
	if _, err := q.SaveSweepPosition(t.Context(), site, stored); err != nil {
		t.Fatal(err)
	}
	if _, err := q.SaveSweepPosition(t.Context(), site, got); !errors.Is(err, queue.ErrOvertaken) {
		t.Errorf("written from an old position: %v", err)
	}
	b := queue.BackfillPosition{}.Anew(now, now.Add(time.Hour), now)
	b.Skipped = map[string]int{"created": 1}
	if b, err = q.SaveBackfillPosition(t.Context(), site, "7d 1d", b); err != nil {
		t.Fatal(err)
	}
	again, begun, err := q.BackfillPosition(t.Context(), site, "7d 1d")
	if err != nil || !begun || again.Skipped["created"] != 1 || !again.From.Equal(now) {
		t.Errorf("got %+v, %v, %v", again, begun, err)
	}
	if _, err := q.SaveBackfillPosition(t.Context(), site, "7d 1d", b.Anew(now, now, now)); err != nil {
		t.Error(err)
	}
	if _, begun, err := q.BackfillPosition(t.Context(), site, "8d 1d"); begun || err != nil {
		t.Error(begun, err)
	}
}

func TestStage(t *testing.T) {
	q, _ := open(t)
	write := func(e queue.Entry) func(ticket.Event) error {
		return func(of ticket.Event) error { _, err := q.Write(t.Context(), of.Job(), queue.Entry{}, e); return err }
	}
	for id, tc := range map[string]struct {
		do   func(ticket.Event) error
		want queue.Stage
	}{
		"none":    {func(ticket.Event) error { return nil }, queue.StageMissing},
		"lost":    {write(queue.Entry{State: queue.StateIntended}), queue.StageMissing},
		"created": {write(queue.Entry{State: queue.StateCreated}), queue.StageCreated},
		"skipped": {write(queue.Entry{State: queue.StateSkipped}), queue.StageSkipped},
		"thrown":  {write(queue.Entry{State: queue.StateDead}), queue.StageDead},
		"queued":  {func(e ticket.Event) error { _, err := q.Publish(t.Context(), e); return err }, queue.StageQueued},
		"held":    {func(e ticket.Event) error { return q.Hold(t.Context(), e, time.Now().Add(time.Hour)) }, queue.StageHeld},
		"buried": {func(e ticket.Event) error {
			e.Account = "" // its site was not configured then
			return q.Bury(t.Context(), ticket.Bury(e, &ticket.Failure{Trouble: ticket.TroubleJob, Reason: ticket.ReasonSiteUnknown}, time.Now()))
		}, queue.StageDead},
	} {
		if err := tc.do(closed(id)); err != nil {
			t.Fatal(err)
		}
		if got, err := q.Stage(t.Context(), closed(id)); err != nil || got != tc.want {
			t.Errorf("%s: %s, %v; want %s", id, got, err, tc.want)
		}
	}
	backlog, err := q.Backlog(t.Context(), "acme")
	if err != nil || backlog != (queue.Backlog{Pending: 1, Held: 1}) {
		t.Errorf("backlog = %+v, %v", backlog, err)
	}
	if other, err := q.Backlog(t.Context(), "other"); err != nil || other.Held != 0 {
		t.Errorf("backlog = %+v, %v", other, err)
	}
}

func TestWorking(t *testing.T) {
	q, _ := open(t)
	if working, err := q.Working(t.Context()); working || err != nil {
		t.Error(working, err)
	}
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	publish(t, q, closed("c1"), queue.Accepted)
	d := take(t, r)
	if working, err := q.Working(t.Context()); !working || err != nil {
		t.Error(working, err)
	}
	if err := d.Done(t.Context()); err != nil {
		t.Fatal(err)
	}
}
