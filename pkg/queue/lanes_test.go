package queue_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/ticket"
)

func TestAPauseOutlivesTheServer(t *testing.T) {
	dir := t.TempDir()
	server, err := embed.Start(embed.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	q := connect(t, server)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		why     string
		at      time.Time
		changed bool
		want    queue.LanePause
	}{
		{"stock\x1b[2Jtaking\n", at, true, queue.LanePause{Account: "Acme FR", At: at, Why: "stock [2Jtaking"}},
		{"", at.Add(time.Hour), false, queue.LanePause{Account: "Acme FR", At: at, Why: "stock [2Jtaking"}},
		{"migration", at.Add(time.Hour), true, queue.LanePause{Account: "Acme FR", At: at, Why: "migration"}},
		{"migration", at.Add(2 * time.Hour), false, queue.LanePause{Account: "Acme FR", At: at, Why: "migration"}},
		{strings.Repeat("é", 500) + "\n", at.Add(3 * time.Hour), true, queue.LanePause{Account: "Acme FR", At: at, Why: strings.Repeat("é", 500)}},
		{"migration", at.Add(4 * time.Hour), true, queue.LanePause{Account: "Acme FR", At: at, Why: "migration"}},
	} {
		p, changed, err := q.PauseLane(t.Context(), "Acme FR", step.why, step.at)
		if err != nil || changed != step.changed || p.Account != step.want.Account || !p.At.Equal(step.want.At) || p.Why != step.want.Why {
			t.Errorf("step %d: %+v, %v, %v", i, p, changed, err)
		}
	}
	if _, _, err := q.PauseLane(t.Context(), "Acme FR", strings.Repeat("é", 501), at); !errors.Is(err, queue.ErrWhyTooLong) || !strings.Contains(err.Error(), "at most 500 characters, not 501") {
		t.Errorf("a reason that is too long: %v", err)
	}
	q.Close()
	server.Close()
	if server, err = embed.Start(embed.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	q = connect(t, server)
	all, err := q.LanePauses(t.Context())
	if err != nil || len(all) != 1 || !all[0].Paused() || all[0].Account != "Acme FR" || !all[0].At.Equal(at) {
		t.Fatalf("after a restart: %+v, %v", all, err)
	}
	ended, changed, err := q.ResumeLane(t.Context(), "Acme FR", at.Add(3*time.Hour))
	if err != nil || !changed || ended.Why != "migration" {
		t.Errorf("resume: %+v, %v, %v", ended, changed, err)
	}
	if _, changed, err := q.ResumeLane(t.Context(), "Acme FR", at); err != nil || changed {
		t.Errorf("resume again: %v, %v", changed, err)
	}
	if all, err = q.LanePauses(t.Context()); err != nil || len(all) != 1 || all[0].Paused() || !all[0].ResumedAt.Equal(at.Add(3*time.Hour)) {
		t.Errorf("after the end: %+v, %v", all, err)
	}
}

func TestPausesAreFollowed(t *testing.T) {
	q, server := open(t)
	other := connect(t, server)
	pause := func(account string) {
		t.Helper()
		if _, _, err := other.PauseLane(t.Context(), account, "", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	pause("before")
	told := make(chan queue.LanePause, 100)
	done := make(chan struct{})
	go func() { defer close(done); q.FollowPauses(t.Context(), func(p queue.LanePause) { told <- p }) }()
	t.Cleanup(func() { <-done })
	want := func(account string, paused bool) {
		t.Helper()
		select {
		case p := <-told:
			if p.Account != account || p.Paused() != paused {
				t.Errorf("told of %+v, want %s, paused %v", p, account, paused)
			}
		case <-t.Context().Done():
			t.Fatal("nothing was told")
		}
	}
	want("before", true)
	pause("after")
	want("after", true)
	if _, _, err := other.ResumeLane(t.Context(), "before", time.Now()); err != nil {
		t.Fatal(err)
	}
	want("before", false)
	// What others write with NATS' own tools is understood as far as it goes.
	kv, err := raw(t, server).KeyValue(t.Context(), "lanes")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.PutString(t.Context(), "scribble", "not ours"); err != nil {
		t.Fatal(err)
	}
	want("scribble", true)
	if err := kv.Delete(t.Context(), "scribble"); err != nil {
		t.Fatal(err)
	}
	want("scribble", false)
	if all, err := q.LanePauses(t.Context()); err != nil || len(all) != 3 || all[2].Paused() {
		t.Errorf("pauses = %+v, %v", all, err)
	}
}

// answers lets a process answer who asks for lanes.
func answers(t *testing.T, q *queue.Queue, id string, report func([]string) []queue.LaneReport) {
	t.Helper()
	stop, err := q.AnswerLanes(id, report)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := q.Healthy(t.Context()); err != nil { // the server knows of it now
		t.Fatal(err)
	}
}

func overview(t *testing.T, q *queue.Queue, query queue.LanesQuery) queue.Overview {
	t.Helper()
	query.Within = 30 * time.Second
	o, err := q.Lanes(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestLanes(t *testing.T) {
	q, server := open(t)
	first := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	waits := func(account, id string, after time.Duration, escalated bool) ticket.Event {
		e := closed(id)
		e.Account, e.ReceivedAt, e.Escalated, e.HeldFor = account, first.Add(after), escalated, "no answer in time"
		return e
	}
	hold(t, q, waits("acme", "c1", time.Hour, false), waits("acme", "c2", 0, true), waits("Odd name", "c3", 0, false), waits("shy", "c4", 0, false))
	if _, _, err := q.PauseLane(t.Context(), "shy", "a person asked for it", first); err != nil {
		t.Fatal(err)
	}
	if o := overview(t, q, queue.LanesQuery{Accounts: []string{"acme", "idle"}}); o.Workers != 0 || len(o.Lanes) != 4 || o.Lanes[0].State != queue.LanePaused || o.Lanes[1].State != queue.LaneUnknown || o.Lanes[1].Failure != "no answer in time" || o.Lanes[3].Account != "idle" || o.Lanes[3].State != queue.LaneUnknown {
		t.Fatalf("nobody runs: %+v", o)
	}
	for _, l := range overview(t, q, queue.LanesQuery{Brief: true}).Lanes {
		if !l.OldestAt.Equal(first) || !l.NextWakeAt.IsZero() {
			t.Errorf("in brief: %+v", l)
		}
	}
	until := first.Add(2 * time.Hour)
	answers(t, connect(t, server), "p1", func(accounts []string) []queue.LaneReport {
		if !slices.Equal(accounts, []string{"acme", "idle"}) {
			t.Errorf("asked for %v", accounts)
		}
		return []queue.LaneReport{
			{Gate: "zendesk/acme", State: queue.LaneDown, Since: first, Until: until, Reason: ticket.ReasonCredentialsRefused, Failure: "refused", Hint: "mend it", Budget: budget(300)},
			{Gate: "iadvize/main", State: queue.LaneDown, Until: until},
			{Gate: "zendesk/shy", State: queue.LaneDown, Until: until},
		}
	})
	answers(t, connect(t, server), "p2", func([]string) []queue.LaneReport {
		return []queue.LaneReport{
			{Gate: "zendesk/acme", State: queue.LaneLimited, Until: until.Add(time.Hour), Budget: budget(12)},
			{Gate: "zendesk/Odd name", State: queue.LaneLimited, Until: until, Reason: ticket.ReasonExpired, Budget: budget(0)},
		}
	})
	answers(t, connect(t, server), "p3", func([]string) []queue.LaneReport {
		unknown := &queue.LaneBudget{Limit: 400, Reserve: 80}
		return []queue.LaneReport{{Gate: "zendesk/acme", State: queue.LaneOpen, Budget: unknown}, {Gate: "zendesk/Odd name", State: queue.LaneOpen, Budget: unknown}, {Gate: "zendesk/shy", State: queue.LaneOpen, Budget: unknown}}
	})
	answers(t, connect(t, server), "p4", func([]string) []queue.LaneReport { // which heard from the account a while ago
		return []queue.LaneReport{{Gate: "zendesk/shy", State: queue.LaneOpen, Budget: &queue.LaneBudget{Limit: 700, Reserve: 140, Told: true}}}
	})
	o := overview(t, q, queue.LanesQuery{Accounts: []string{"acme", "idle"}})
	if o.Workers != 4 || len(o.Lanes) != 3 || len(o.Connections) != 1 || o.Connections[0].Gate != "iadvize/main" {
		t.Fatalf("overview = %+v", o)
	}
	// What one process knows goes before what another one does not, and nothing left is not the same as not known.
	budgets := []string{`{"limit":400,"remaining":12,"reserve":80}`, `{"limit":700,"reserve":140,"limit_told":true}`, `{"limit":400,"remaining":0,"reserve":80}`}
	for i, want := range []queue.Lane{
		{Account: "acme", State: queue.LaneDown, Held: 2, Escalated: 1, OldestAt: first, Since: first, Until: until, Reason: ticket.ReasonCredentialsRefused, Failure: "refused", Hint: "mend it"},
		{Account: "shy", State: queue.LanePaused, Held: 1, OldestAt: first, Since: first, Hint: "passerelle lanes resume shy", Why: "a person asked for it"},
		{Account: "Odd name", State: queue.LaneLimited, Held: 1, OldestAt: first, Until: until},
	} {
		got := o.Lanes[i]
		raw, err := json.Marshal(got.Budget)
		if err != nil {
			t.Fatal(err)
		}
		if string(raw) != budgets[i] {
			t.Errorf("%s: budget = %s, want %s", want.Account, raw, budgets[i])
		}
		if wakes := !got.NextWakeAt.IsZero(); wakes != (want.State != queue.LanePaused) {
			t.Errorf("%s: next wake %s", want.Account, got.NextWakeAt)
		}
		got.Budget, got.NextWakeAt = nil, time.Time{}
		if got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	if o := overview(t, q, queue.LanesQuery{Accounts: []string{"acme", "idle"}, All: true}); len(o.Lanes) != 4 || o.Lanes[3].Account != "idle" || o.Lanes[3].State != queue.LaneOpen {
		t.Errorf("all: %+v", o.Lanes)
	}
}

func budget(remaining int) *queue.LaneBudget {
	return &queue.LaneBudget{Limit: 400, Remaining: &remaining, Reserve: 80}
}

func TestManyLanesComeInParts(t *testing.T) {
	q, server := open(t)
	const n = 5000
	for _, id := range []string{"p1", "p2"} {
		answers(t, connect(t, server), id, func([]string) []queue.LaneReport {
			all := make([]queue.LaneReport, n)
			for i := range all {
				all[i] = queue.LaneReport{Gate: fmt.Sprintf("zendesk/account-%04d", i), State: queue.LaneDown, Failure: strings.Repeat("é", 1000)}
			}
			return all
		})
	}
	if o := overview(t, q, queue.LanesQuery{}); o.Workers != 2 || len(o.Lanes) != n || len(o.Lanes[0].Failure) > 1000 {
		t.Errorf("%d workers, %d lanes", o.Workers, len(o.Lanes))
	}
}

func TestAlarmless(t *testing.T) {
	q, server := open(t)
	odd := closed("c2")
	odd.Account = "Odd name"
	hold(t, q, closed("c1"), odd, escalated("c3"))
	if accounts, err := q.Alarmless(t.Context()); err != nil || len(accounts) != 0 {
		t.Errorf("alarmless = %v, %v", accounts, err)
	}
	stream, err := raw(t, server).Stream(t.Context(), "HOLD")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSubject("wake.*")); err != nil {
		t.Fatal(err)
	}
	if accounts, err := q.Alarmless(t.Context()); err != nil || !slices.Equal(accounts, []string{"Odd name", "acme"}) {
		t.Errorf("alarmless = %v, %v", accounts, err)
	}
	// An alarm that rang is one as long as somebody has it.
	if err := errors.Join(q.WakeNow(t.Context(), "acme"), q.Wake(t.Context(), "Odd name", time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	runs, err := q.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer runs.Close()
	run, err := runs.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if accounts, err := q.Alarmless(t.Context()); err != nil || len(accounts) != 0 {
		t.Errorf("with its alarm in hand: %v, %v", accounts, err)
	}
	if err := run.Done(t.Context()); err != nil {
		t.Fatal(err)
	}
	if accounts, err := q.Alarmless(t.Context()); err != nil || !slices.Equal(accounts, []string{"acme"}) {
		t.Errorf("after a run that set none: %v, %v", accounts, err)
	}
}
