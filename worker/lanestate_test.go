package worker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/ticket"
)

// openServer starts a server, on which each process has a connection of its own.
func openServer(t *testing.T) *embed.Server {
	t.Helper()
	server, err := embed.Start(embed.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func connect(t *testing.T, server *embed.Server) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), queue.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

// operator gives JetStream as an operator's tools see it.
func operator(t *testing.T, server *embed.Server) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// eventually waits for what nothing signals.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !met() {
		select {
		case <-tick.C:
		case <-deadline.Done():
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// runIdle runs a worker that has nothing to do.
func runIdle(t *testing.T, q *queue.Queue) *Worker {
	t.Helper()
	w := New(q, deliverer(newTown(), q, Settings{}), zerolog.Nop(), nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx, context.Background()) }()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func state(w *Worker, gate string) queue.LaneState {
	for _, r := range w.gates.reports() {
		if r.Gate == gate {
			return r.State
		}
	}
	return queue.LaneOpen
}

func TestProcessesHearOfEachOthersGates(t *testing.T) {
	server := openServer(t)
	first, second := runIdle(t, connect(t, server)), runIdle(t, connect(t, server))
	eventually(t, "both processes listen", func() bool {
		overview, err := first.queue.Lanes(t.Context(), queue.LanesQuery{Within: 10 * time.Second})
		return err == nil && overview.Workers == 2
	})
	const gate = "zendesk/acme"
	down := &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: gate, Reason: ticket.ReasonCredentialsRefused, After: 10 * time.Minute, Detail: ticket.Detail{Message: "refused", Status: 401}, Hint: "mend it"}
	first.gates.fail(down)
	eventually(t, "the other process knows that the account is down", func() bool { return state(second, gate) == queue.LaneDown })
	f, until, shut := second.gates.shut(gate)
	if !shut || f.Error() != down.Error() || f.Hint != down.Hint || f.Reason != down.Reason || time.Until(until) < 9*time.Minute {
		t.Errorf("shut %v until %s: %+v", shut, until, f)
	}
	const other = "zendesk/other" // which has named no time
	first.gates.fail(&ticket.Failure{Trouble: ticket.TroubleAccount, Gate: other})
	eventually(t, "the other process knows that this one is down, too", func() bool { return state(second, other) == queue.LaneDown })
	second.gates.pass(other)
	eventually(t, "the first process knows that the account is well", func() bool { return state(first, other) == queue.LaneOpen })
	limited := &ticket.Failure{Trouble: ticket.TroubleAccount, Limited: true, Gate: other, After: time.Minute, Detail: ticket.Detail{Message: "no call left"}}
	first.gates.fail(limited)
	eventually(t, "the other process knows that the account is limited", func() bool { return state(second, other) == queue.LaneLimited })
	if f, _, shut := second.gates.shut(other); !shut || !f.Limited {
		t.Errorf("shut %v: %+v", shut, f)
	}
}

func TestAPausedAccountMakesNoCallUntilItIsResumed(t *testing.T) {
	server := openServer(t)
	boss := connect(t, server)
	if _, changed, err := boss.PauseLane(t.Context(), "acme", "stocktaking", time.Now()); err != nil || !changed {
		t.Fatal(changed, err)
	}
	world := newTown()
	reads := 0
	world.read = func(id string) (ticket.Conversation, error) {
		world.with(func() { reads++ })
		return conversation(id), nil
	}
	_, stop := start(t, world, connect(t, server), Settings{})
	for i := range 5 {
		publish(t, boss, closed(fmt.Sprintf("c%d", i)))
	}
	score := 5
	answer := ticket.Event{ID: "s1", Kind: ticket.KindSatisfaction, Platform: "ha", ProjectID: 12, ConversationID: "c0", Account: "acme", ReceivedAt: time.Now(), Satisfaction: &ticket.Satisfaction{Score: &score}}
	publish(t, boss, answer)
	held := func() bool {
		backlog, err := boss.Backlog(t.Context(), "acme")
		return err == nil && backlog.Pending == 0 && backlog.Held == 6
	}
	eventually(t, "all events are held", held)
	alarmSet := func() bool {
		trace, err := boss.Trace(t.Context(), "c0")
		return err == nil && time.Until(trace.Alarm) > pausedLook/2
	}
	if !alarmSet() {
		t.Error("the alarm of a paused account is not set far ahead")
	}
	if err := boss.WakeNow(t.Context(), "acme"); err != nil { // nothing comes of it but another alarm
		t.Fatal(err)
	}
	eventually(t, "the run of a paused account set the next alarm far ahead", alarmSet)
	stop()
	for range 2 { // the pause outlives the process
		start(t, world, connect(t, server), Settings{})
	}
	eventually(t, "both processes run", func() bool {
		overview, err := boss.Lanes(t.Context(), queue.LanesQuery{Within: 10 * time.Second})
		return err == nil && overview.Workers == 2
	})
	world.with(func() {
		if len(world.calls) != 0 || reads != 0 || !held() {
			t.Errorf("calls %v, %d reads, held: %v", world.calls, reads, held())
		}
	})
	if _, changed, err := boss.ResumeLane(t.Context(), "acme", time.Now()); err != nil || !changed {
		t.Fatal(changed, err)
	}
	eventually(t, "the resumed account is drained", func() bool {
		held, err := boss.Holding(t.Context())
		return err == nil && len(held) == 0
	})
	world.with(func() {
		if len(world.tickets) != 5 {
			t.Errorf("%d tickets", len(world.tickets))
		}
	})
}

func TestAPauseIsHeardByRunningProcesses(t *testing.T) {
	server := openServer(t)
	boss := connect(t, server)
	w := runIdle(t, connect(t, server))
	if _, _, err := boss.PauseLane(t.Context(), "acme", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pause is known", func() bool { return w.pauses.paused("acme") })
	if _, _, err := boss.ResumeLane(t.Context(), "acme", time.Now()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the pause is known", func() bool { return !w.pauses.paused("acme") })
}

func TestAnOldPauseIsNotTakenForANewOne(t *testing.T) {
	q := openQueue(t)
	var versions []queue.LanePause
	for _, change := range []func() error{
		func() error { _, _, err := q.PauseLane(t.Context(), "acme", "", time.Now()); return err },
		func() error { _, _, err := q.ResumeLane(t.Context(), "acme", time.Now()); return err },
		func() error { _, _, err := q.PauseLane(t.Context(), "acme", "", time.Now()); return err },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		all, err := q.LanePauses(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, all...)
	}
	var p pauses
	for _, version := range []int{0, 2, 1, 2} { // a replica that lags behind tells of the resumption late
		if ended := p.put(versions[version]); ended || !p.paused("acme") {
			t.Errorf("version %d: ended %v, paused %v", version, ended, p.paused("acme"))
		}
	}
}

func TestWhatWaitedForAPauseMayWaitAsLongAgain(t *testing.T) {
	q := openQueue(t)
	d := deliverer(newTown(), q, Settings{})
	now := time.Now()
	d.now = func() time.Time { return now }
	e := closed("c1")
	e.ReceivedAt = now.Add(-100 * time.Hour)
	down := accountDown()
	limited := &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "zendesk/acme", Limited: true, Detail: ticket.Detail{Message: "no call left"}}
	for _, tc := range []struct {
		name    string
		resumed time.Time
		failure *ticket.Failure
		want    ticket.Result
	}{
		{"never paused", time.Time{}, down, ticket.ResultDead},
		{"resumed a moment ago", now.Add(-time.Second), down, ticket.ResultHeld},
		{"resumed long ago", now.Add(-80 * time.Hour), down, ticket.ResultDead},
		{"no call left for days", time.Time{}, limited, ticket.ResultDead},
		{"in a bulk job for days", time.Time{}, &ticket.Failure{Trouble: ticket.TroubleHiccup, Limited: true}, ticket.ResultRetry},
	} {
		d.pauses.put(queue.LanePause{Account: "acme", ResumedAt: tc.resumed})
		if o := d.failed(e, tc.failure, d.late(e, 0)); o.Result != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, o.Result, tc.want)
		}
	}
}

func TestALaneWithoutAnAlarmIsFound(t *testing.T) {
	server := openServer(t)
	q := connect(t, server)
	world := newTown()
	attempts, _ := start(t, world, q, Settings{LaneSweep: 20 * time.Millisecond})
	publish(t, q, closed("first"))
	await(t, attempts, ticket.ResultCreated) // the look at the start is over, or finds nothing
	stream, err := operator(t, server).Stream(t.Context(), "HOLD")
	if err != nil {
		t.Fatal(err)
	}
	lost := closed("c1")
	if err := q.Hold(t.Context(), lost, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSubject("wake.acme")); err != nil {
		t.Fatal(err)
	}
	await(t, attempts, ticket.ResultCreated)
}

func TestBudgetsAreReported(t *testing.T) {
	q := openQueue(t)
	d := deliverer(newTown(), q, Settings{})
	d.Budget = func(account string) (queue.LaneBudget, bool) {
		left := 12
		return queue.LaneBudget{Limit: 400, Remaining: &left, Reserve: 80}, account != "unknown"
	}
	w := New(q, d, zerolog.Nop(), nil)
	w.gates.fail(&ticket.Failure{Gate: "zendesk/acme", Limited: true, After: time.Minute})
	reports := w.laneReports([]string{"acme", "other", "unknown"})
	if len(reports) != 2 || reports[0].State != queue.LaneLimited || *reports[0].Budget.Remaining != 12 || reports[1].Gate != "zendesk/other" || reports[1].State != queue.LaneOpen {
		t.Errorf("reports = %+v", reports)
	}
}

// The first ticket after a start waits within its call for what the account has asked: no event has been turned away yet.
func TestAnAccountThatAskedToBeLeftAloneIsLimitedBeforeAnyEventIsHeld(t *testing.T) {
	until := time.Now().Add(20 * time.Second)
	q := openQueue(t)
	d := deliverer(newTown(), q, Settings{})
	d.Budget = func(account string) (queue.LaneBudget, bool) {
		b := queue.LaneBudget{Limit: 400}
		if account != "before" {
			b.BlockedUntil = until
		}
		if account == "ago" {
			b.BlockedUntil = time.Now().Add(-time.Second)
		}
		return b, true
	}
	w := New(q, d, zerolog.Nop(), nil)
	w.gates.fail(&ticket.Failure{Gate: "zendesk/down", Trouble: ticket.TroubleAccount})
	want := map[string]queue.LaneState{"acme": queue.LaneLimited, "before": queue.LaneOpen, "ago": queue.LaneOpen, "down": queue.LaneDown}
	for _, r := range w.laneReports([]string{"acme", "before", "ago", "down"}) {
		account := strings.TrimPrefix(r.Gate, "zendesk/")
		if r.State != want[account] {
			t.Errorf("%s is %s", account, r.State)
		}
		if account == "acme" && (!r.Until.Equal(until) || r.Failure == "") {
			t.Errorf("report = %+v", r)
		}
		delete(want, account)
	}
	if len(want) > 0 {
		t.Errorf("nothing is said of %v", want)
	}
}
