package queue_test

import (
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// A sweep and a backfill ask for the stage of a conversation before they queue it.
func TestADiscardIsKeptInTheLedger(t *testing.T) {
	died := time.Unix(5000, 0).UTC()
	now := died.Add(time.Hour)
	of := ticket.ReasonRejected
	for name, tc := range map[string]struct {
		before queue.Entry
		want   queue.Past
		stage  queue.Stage
	}{
		"dead":             {queue.Entry{State: queue.StateDead, Reason: of, At: died, Past: queue.Past{DiedAt: died, DiedOf: of, ReplayedAt: died.Add(-time.Hour)}}, queue.Past{DiedAt: died, DiedOf: of, ReplayedAt: died.Add(-time.Hour), DiscardedAt: now}, queue.StageDead},
		"of an older form": {queue.Entry{State: queue.StateDead, Reason: of, At: died}, queue.Past{DiedAt: died, DiedOf: of, DiscardedAt: now}, queue.StageDead},
		"forgotten":        {queue.Entry{}, queue.Past{DiedAt: died, DiedOf: of, DiscardedAt: now}, queue.StageDead},
		"made meanwhile":   {queue.Entry{State: queue.StateCreated, Ref: ticket.Ref{ID: 7}}, queue.Past{}, queue.StageCreated},
	} {
		t.Run(name, func(t *testing.T) {
			q, _ := open(t)
			e := closed("c1")
			if tc.before.State != "" {
				if _, err := q.Write(t.Context(), e.Job(), queue.Entry{}, tc.before); err != nil {
					t.Fatal(err)
				}
			}
			if err := q.Bury(t.Context(), ticket.Bury(e, &ticket.Failure{Reason: of}, died)); err != nil {
				t.Fatal(err)
			}
			b := letterOf(t, q, "c1")
			for _, at := range []time.Time{now, now.Add(time.Hour)} { // the second one finds nothing
				if err := q.Discard(t.Context(), b, at); err != nil {
					t.Fatal(err)
				}
			}
			entry, _, err := q.Look(t.Context(), e.Job())
			if err != nil || entry.Past != tc.want {
				t.Errorf("past = %+v, %v; want %+v", entry.Past, err, tc.want)
			}
			if stage, err := q.Stage(t.Context(), e); err != nil || stage != tc.stage || len(letters(t, q, queue.Filter{})) != 0 {
				t.Errorf("stage = %s, %v", stage, err)
			}
		})
	}
}

func TestWhatCannotBeReadIsDiscardedWithoutATrace(t *testing.T) {
	q, _ := open(t)
	if err := q.Bury(t.Context(), ticket.Bury(closed("unreadable-7"), &ticket.Failure{Reason: ticket.ReasonMalformed}, time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := q.Discard(t.Context(), letterOf(t, q, "unreadable-7"), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, found, err := q.Look(t.Context(), "unreadable-7"); found || err != nil {
		t.Errorf("the ledger knows it: %v", err)
	}
}

func letterOf(t *testing.T, q *queue.Queue, id string) queue.Buried {
	t.Helper()
	b, err := q.DeadLetter(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
