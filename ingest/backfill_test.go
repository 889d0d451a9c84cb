package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/queue"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/ticket"
)

// stopping is a store that ends the context at a publish.
type stopping struct {
	*queue.Queue

	left int
	stop func()
	err  error // given instead, when set
}

func (s *stopping) Publish(ctx context.Context, e ticket.Event) (queue.Stored, error) {
	if s.left--; s.left < 0 {
		s.stop()
		if s.err != nil {
			return 0, s.err
		}
		return 0, ctx.Err()
	}
	return s.Queue.Publish(ctx, e)
}

func backfillOf(q BackfillStore, list ClosedList, to time.Time) *Backfill {
	return &Backfill{Store: q, List: list, Site: acme, Name: "test", From: to.Add(-24 * time.Hour), To: to, wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

func TestABackfillGoesOnWhereItStopped(t *testing.T) {
	q := openQueue(t)
	p := newPlatform(t, simiadvize.Config{PageLimit: 7})
	to := time.Now()
	var ids []int
	for i := range 50 {
		ids = append(ids, i)
	}
	p.ended(to.Add(-12*time.Hour), ids[:20]...)
	p.ended(to.Add(-time.Minute), ids[20:]...)
	p.ended(to.Add(-48*time.Hour), 900) // outside
	for _, id := range []int{3, 4, 44} {
		if _, err := q.Write(t.Context(), ticket.JobOf(conversationID(id)), queue.Entry{}, queue.Entry{State: queue.StateCreated}); err != nil {
			t.Fatal(err)
		}
	}
	dry := backfillOf(q, p.client, to)
	dry.DryRun = true
	want := map[string]int{"created": 3}
	if got, resumed, err := dry.Run(t.Context()); err != nil || resumed || got.Found != 50 || got.Queued != 47 || !maps.Equal(got.Skipped, want) {
		t.Fatalf("dry run: %+v, %v, %v", got, resumed, err)
	}
	if backlog, err := q.Backlog(t.Context(), "acme"); err != nil || backlog.Pending != 0 {
		t.Fatalf("a dry run queued %d, %v", backlog.Pending, err)
	}
	calls := 0
	for queuedSoFar := 0; ; calls++ {
		ctx, cancel := context.WithCancel(t.Context())
		b := backfillOf(&stopping{Queue: q, left: 11, stop: cancel}, p.client, to)
		b.Pace = 1_000_000
		got, resumed, err := b.Run(ctx)
		cancel()
		if resumed != (calls > 0) || got.Queued < queuedSoFar {
			t.Fatalf("call %d: resumed %v, %+v", calls, resumed, got)
		}
		queuedSoFar = got.Queued
		if err == nil {
			if !got.Done || got.Found != 50 || got.Queued != 47 || !maps.Equal(got.Skipped, want) {
				t.Errorf("at the end: %+v", got)
			}
			break
		}
		if !errors.Is(err, context.Canceled) || got.Queued != 11*(calls+1) {
			t.Fatalf("call %d: %+v, %v", calls, got, err)
		}
	}
	if calls != 4 {
		t.Errorf("%d calls were stopped, want 4", calls)
	}
	all, _ := queued(t, q, 47)
	for _, id := range ids {
		want := 1
		if id == 3 || id == 4 || id == 44 {
			want = 0
		}
		if n := all[conversationID(id)]; n != want {
			t.Errorf("conversation %d was queued %d times", id, n)
		}
	}
	// Once it is done, the same call looks at all of it again.
	again := backfillOf(q, p.client, to)
	again.DryRun = true
	if got, resumed, err := again.Run(t.Context()); err != nil || resumed || got.Found != 50 {
		t.Errorf("again: %+v, %v, %v", got, resumed, err)
	}
}

func TestABackfillTriesAgainAndGivesUp(t *testing.T) {
	q := openQueue(t)
	down := &ticket.Failure{Trouble: ticket.TroubleAccount, Detail: ticket.Detail{Message: "iAdvize is down"}, After: time.Hour}
	for name, tc := range map[string]struct {
		pages func(call int) (iadvize.ClosedPage, error)
		calls int
		found int
		fails bool
	}{
		"nothing was read": {func(int) (iadvize.ClosedPage, error) { return iadvize.ClosedPage{}, down }, 1 + earlyRetries, 0, true},
		"refused": {func(int) (iadvize.ClosedPage, error) {
			return iadvize.ClosedPage{}, &ticket.Failure{Trouble: ticket.TroubleAccount, Reason: ticket.ReasonCredentialsRefused}
		}, 1, 0, true},
		"now and then": {func(call int) (iadvize.ClosedPage, error) {
			if call%3 != 0 {
				return iadvize.ClosedPage{}, down
			}
			next := fmt.Sprint(call)
			if call == 30 {
				next = ""
			}
			return iadvize.ClosedPage{Conversations: []iadvize.ClosedConversation{{ID: fmt.Sprintf("c%d", call)}}, Next: next}, nil
		}, 30, 10, false},
		"for long": {func(call int) (iadvize.ClosedPage, error) {
			if call > 1 {
				return iadvize.ClosedPage{}, down
			}
			return iadvize.ClosedPage{Next: "p2"}, nil
		}, 2 + lateRetries, 0, true},
		"the same page": {func(int) (iadvize.ClosedPage, error) { return iadvize.ClosedPage{Next: "same"}, nil }, 2, 0, true},
	} {
		calls := 0
		list := &broke{pages: func(int64, string) (iadvize.ClosedPage, error) { calls++; return tc.pages(calls) }}
		b := backfillOf(q, list, time.Now())
		b.Name, b.From = name, b.To.Add(-30*time.Second) // one slice
		said := ""
		b.Tell = func(_ queue.BackfillPosition, why string) { said += why }
		got, _, err := b.Run(t.Context())
		if (err != nil) != tc.fails || calls != tc.calls || got.Found != tc.found || got.Done == tc.fails {
			t.Errorf("%s: %d calls, %+v, %v", name, calls, got, err)
		}
		if strings.Contains(said, "trying again") != (tc.calls > 2) {
			t.Errorf("%s: said %q", name, said)
		}
	}
}

func TestABackfillCountsOnceWhatFailedInBetween(t *testing.T) {
	q := openQueue(t)
	p := newPlatform(t, simiadvize.Config{})
	to := time.Now()
	p.ended(to.Add(-time.Hour), 1, 2, 3, 4, 5)
	store := &stopping{Queue: q, left: 2, stop: func() {}, err: errors.New("disk full")}
	b := backfillOf(store, p.client, to)
	b.wait = func(context.Context, time.Duration) error { store.left = 10; return nil }
	got, _, err := b.Run(t.Context())
	if err != nil || got.Found != 5 || got.Queued != 5 || len(got.Skipped) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	queued(t, q, 5)
}

// busy is a store with a backlog.
type busy struct {
	*queue.Queue

	backlogs []queue.Backlog
}

func (b *busy) Backlog(context.Context, string) (queue.Backlog, error) {
	first := b.backlogs[0]
	if len(b.backlogs) > 1 {
		b.backlogs = b.backlogs[1:]
	}
	return first, nil
}

func TestABackfillWaitsForLiveWork(t *testing.T) {
	q := openQueue(t)
	p := newPlatform(t, simiadvize.Config{})
	to := time.Now()
	p.ended(to.Add(-time.Hour), 1)
	b := backfillOf(&busy{q, []queue.Backlog{{Pending: BackfillBusy + 1}, {Held: backfillHeld + 1}, {Pending: BackfillBusy, Held: backfillHeld}}}, p.client, to)
	waits, said := 0, []string{}
	b.wait = func(context.Context, time.Duration) error { waits++; return nil }
	b.Tell = func(_ queue.BackfillPosition, why string) {
		if why != "" {
			said = append(said, why)
		}
	}
	if got, _, err := b.Run(t.Context()); err != nil || got.Queued != 1 || waits != 2 {
		t.Errorf("%d waits, %+v, %v", waits, got, err)
	}
	if len(said) != 2 || !strings.Contains(said[0], "501 events are pending") || !strings.Contains(said[1], "account acme") {
		t.Errorf("said %q", said)
	}
}

func TestTwoBackfillsOfOneIntervalAreOne(t *testing.T) {
	q := openQueue(t)
	p := newPlatform(t, simiadvize.Config{})
	to := time.Now()
	p.ended(to.Add(-time.Hour), 1, 2)
	first := backfillOf(q, p.client, to)
	first.Tell = func(got queue.BackfillPosition, _ string) {
		if got.Found == 1 {
			second := backfillOf(q, p.client, to)
			if _, resumed, err := second.Run(t.Context()); !resumed || err != nil {
				t.Errorf("second: %v, %v", resumed, err)
			}
		}
	}
	if _, _, err := first.Run(t.Context()); !errors.Is(err, queue.ErrOvertaken) {
		t.Errorf("first: %v", err)
	}
	queued(t, q, 2)
}

func TestThePaceOfABackfill(t *testing.T) {
	b := &Backfill{Pace: 600}
	b.prepare()
	if got := b.limit.Limit(); got < 9.99 || got > 10.01 {
		t.Errorf("%v a second, want 10", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pause(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := pause(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
	for failures, want := range map[int]time.Duration{0: time.Second, 3: 8 * time.Second, 100: time.Minute} {
		if got := waitAfter(errors.New("x"), failures); got != want {
			t.Errorf("%d failures: %s, want %s", failures, got, want)
		}
	}
	if got := waitAfter(&ticket.Failure{After: time.Hour}, 0); got != time.Hour {
		t.Errorf("asked to wait an hour: %s", got)
	}
}
