package worker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

func TestWhatFailsTogetherShutsAGateOnce(t *testing.T) {
	now := time.Now()
	g := newGates("p1", func() time.Time { return now }, func(queue.GateNews) {})
	f := &ticket.Failure{Gate: "zendesk/acme"}
	for range 32 { // all that was in work at once
		g.fail(f)
	}
	if _, until, shut := g.shut(f.Gate); !shut || until.Sub(now) > firstShut {
		t.Fatalf("shut %v for %s, want %s at most", shut, until.Sub(now), firstShut)
	}
	now = now.Add(firstShut)
	if _, _, shut := g.shut(f.Gate); shut {
		t.Fatal("nothing is let through when the time is over")
	}
	if _, _, shut := g.shut(f.Gate); !shut {
		t.Fatal("a second event is let through beside the first")
	}
	until, news := g.fail(f)
	if wait := until.Sub(now); news || wait < firstShut/2 || wait > firstShut {
		t.Errorf("after the probe: shut for %s, news %v", wait, news)
	}
	f.After = time.Minute // the account says itself how long
	if until, _ := g.fail(f); until.Sub(now) < time.Minute {
		t.Errorf("with Retry-After: shut for %s", until.Sub(now))
	}
}

func TestAccountsThatFellIllTogetherAreNotAllTriedTogether(t *testing.T) {
	now := time.Unix(0, 0)
	for name, f := range map[string]ticket.Failure{
		"limited":   {Limited: true, Detail: ticket.Detail{Status: 429}, After: 5 * time.Second},
		"down":      {Detail: ticket.Detail{Status: 503}, After: 5 * time.Second},
		"long down": {Detail: ticket.Detail{Status: 503}, After: time.Minute},
	} {
		g := newGates("p1", func() time.Time { return now }, func(queue.GateNews) {})
		seen := map[time.Time]bool{}
		for i := range 50 {
			one := f
			one.Gate = fmt.Sprintf("zendesk/account-%d", i)
			until, _ := g.fail(&one)
			seen[until] = true
			if wait := until.Sub(now); wait < f.After || wait > f.After+min(f.After/2, laterMost) {
				t.Errorf("%s: shut for %s, which asks for %s", name, wait, f.After)
			}
		}
		if len(seen) < 25 {
			t.Errorf("%s: 50 accounts are tried again at %d times", name, len(seen))
		}
	}
}

func TestALimitedAccountIsNotInTrouble(t *testing.T) {
	now := time.Unix(0, 0)
	var told []queue.GateNews
	g := newGates("p1", func() time.Time { return now }, func(n queue.GateNews) { told = append(told, n) })
	f := &ticket.Failure{Gate: "zendesk/acme", Limited: true, After: time.Second}
	if until, news := g.fail(f); news || until.Sub(now) != time.Second || len(told) != 0 {
		t.Errorf("a short limit: until %s, news %v, told %v", until, news, told)
	}
	if opened, eased := g.pass(f.Gate); len(opened)+len(eased) != 0 {
		t.Errorf("what was sent before opened it: %v %v", opened, eased)
	}
	if _, _, shut := g.shut(f.Gate); !shut {
		t.Error("the gate is open before its time is over")
	}
	now = now.Add(time.Second)
	for range 3 {
		if _, _, shut := g.shut(f.Gate); shut {
			t.Error("not all are let through when the time is over")
		}
	}
	// Limited again and again is one limit, with one line in the log at its beginning and one at its end.
	lines := 0
	for range 20 {
		if _, news := g.fail(f); news {
			lines++
		}
		now = now.Add(f.After)
		if opened, eased := g.pass(f.Gate); len(opened)+len(eased) != 0 {
			t.Fatalf("ended in the middle: %v %v", opened, eased)
		}
	}
	if reports := g.reports(); lines != 1 || len(told) != 0 || len(reports) != 1 || reports[0].State != queue.LaneLimited || !reports[0].Since.Equal(time.Unix(0, 0)) {
		t.Errorf("%d lines, told %v, reports %+v", lines, told, reports)
	}
	now = now.Add(limitGap + time.Second)
	if _, eased := g.pass(f.Gate); len(eased) != 1 {
		t.Errorf("eased = %v", eased)
	}
	f.After = time.Minute
	if _, news := g.fail(f); !news || len(told) != 1 || told[0].State != queue.LaneLimited || told[0].Wait != time.Minute {
		t.Errorf("a long limit: news %v, told %v", news, told)
	}
	if _, news := g.fail(&ticket.Failure{Gate: f.Gate}); !news || g.reports()[0].State != queue.LaneDown {
		t.Errorf("down while limited: news %v, %+v", news, g.reports())
	}
}

// Who finds no call left sends none, and so learns nothing of an account in trouble.
func TestAnAccountInTroubleStaysSoWithoutACallLeft(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGates("p1", func() time.Time { return now }, func(queue.GateNews) {})
	down := &ticket.Failure{Gate: "zendesk/acme", Detail: ticket.Detail{Message: "Zendesk failed", Status: 503}}
	limited := &ticket.Failure{Gate: "zendesk/acme", Limited: true, After: 3 * time.Second}
	for try := range 6 {
		until, news := g.fail(down)
		if news != (try == 0) {
			t.Errorf("try %d: news %v", try, news)
		}
		if least := untilProbe(now.Sub(time.Unix(0, 0))) / 2; until.Sub(now) < least {
			t.Errorf("try %d: shut for %s, want %s at least", try, until.Sub(now), least)
		}
		now = until
		if _, _, shut := g.shut(down.Gate); shut {
			t.Fatal("nothing is let through when the time is over")
		}
		if until, news = g.fail(limited); news || until.Sub(now) != limited.After {
			t.Errorf("no call left for the probe: shut for %s, news %v", until.Sub(now), news)
		}
		if f, _, _ := g.shut(down.Gate); f != down || g.reports()[0].State != queue.LaneDown {
			t.Errorf("it is %s for %v", g.reports()[0].State, f)
		}
		now = until
		if _, _, shut := g.shut(down.Gate); shut {
			t.Fatal("nothing is let through when there are calls again")
		}
		if _, _, shut := g.shut(down.Gate); !shut {
			t.Error("a second event is let through beside the first")
		}
	}
}

// A process whose configuration is behind, or that lacks a secret, must not shut the account for those that have it.
func TestWhatIsWrongHereIsNotToldToOthers(t *testing.T) {
	g := newGates("p1", time.Now, func(n queue.GateNews) { t.Errorf("told: %+v", n) })
	nowhere := zendesk.NewClient(zendesk.Account{Name: "acme", APIToken: func() (string, string, error) { return "", "", errors.New("no such file") }}, nil)
	_, _, err := nowhere.Find(t.Context(), "iadvize:c1")
	var unresolved *ticket.Failure
	if !errors.As(err, &unresolved) {
		t.Fatal(err)
	}
	_, err = iadvize.NewClient(iadvize.Connection{Name: "main", Credentials: func() (string, string, error) { return "", "", errors.New("no such file") }}, nil).Read(t.Context(), "c1")
	var unread *ticket.Failure
	if !errors.As(err, &unread) {
		t.Fatal(err)
	}
	for _, f := range []*ticket.Failure{unresolved, unread, notConfigured("zendesk/other", "the Zendesk account")} {
		if g.fail(f); !g.closed(f.Gate) {
			t.Errorf("%s is not shut here", f.Gate)
		}
	}
}

// What waits for an account is tried again soon after the account is well, however long that took.
func TestTroubleIsOutlastedByAPartOfIt(t *testing.T) {
	for down, want := range map[time.Duration]time.Duration{
		0: 2 * time.Second, 3 * time.Second: 3 * time.Second, 20 * time.Second: 5 * time.Second, time.Minute: 7500 * time.Millisecond, 5 * time.Minute: 37500 * time.Millisecond,
		time.Hour: 450 * time.Second, 2 * time.Hour: 15 * time.Minute, 100 * time.Hour: 15 * time.Minute,
	} {
		if got := untilProbe(down); got != want {
			t.Errorf("after %s: %s, want %s", down, got, want)
		}
	}
}

func TestWhatOthersSayIsTakenOver(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGates("p1", func() time.Time { return now }, func(n queue.GateNews) { t.Errorf("an echo: %+v", n) })
	news := func(process string, state queue.LaneState, wait, lasted time.Duration) queue.GateNews {
		return queue.GateNews{Process: process, Gate: "zendesk/acme", State: state, Wait: wait, Lasted: lasted, Failure: "no answer"}
	}
	for _, step := range []struct {
		name    string
		n       queue.GateNews
		changed bool
		state   queue.LaneState
		wait    time.Duration
	}{
		{"its own", news("p1", queue.LaneDown, time.Minute, time.Second), false, queue.LaneOpen, 0},
		{"open already", news("p2", queue.LaneOpen, 0, 0), false, queue.LaneOpen, 0},
		{"limited", news("p2", queue.LaneLimited, 4*time.Second, 0), true, queue.LaneLimited, 4 * time.Second},
		{"a limit ends by itself", news("p2", queue.LaneOpen, 0, 0), false, queue.LaneLimited, 4 * time.Second},
		{"down", news("p2", queue.LaneDown, time.Minute, time.Minute), true, queue.LaneDown, time.Minute},
		{"down for less", news("p3", queue.LaneDown, time.Second, time.Second), false, queue.LaneDown, time.Minute},
		{"open", news("p3", queue.LaneOpen, 0, 0), true, queue.LaneOpen, 0},
	} {
		if changed := g.adopt(step.n); changed != step.changed {
			t.Errorf("%s: changed %v", step.name, changed)
		}
		reports := g.reports()
		if step.state == queue.LaneOpen {
			if len(reports) != 0 {
				t.Errorf("%s: %+v", step.name, reports)
			}
			continue
		}
		if len(reports) != 1 || reports[0].State != step.state {
			t.Fatalf("%s: %+v", step.name, reports)
		}
		if wait := reports[0].Until.Sub(now); wait < step.wait || wait > step.wait+adoptLater {
			t.Errorf("%s: shut for %s", step.name, wait)
		}
	}
	// What others went through counts for the own waits.
	g.adopt(news("p2", queue.LaneDown, time.Second, 24*time.Hour))
	if since := g.reports()[0].Since; !since.Equal(now.Add(-24 * time.Hour)) {
		t.Errorf("in trouble since %s", since)
	}
	now = now.Add(time.Minute)
	g.tell = func(queue.GateNews) {}
	if _, _, shut := g.shut("zendesk/acme"); shut {
		t.Fatal("nobody is let through")
	}
	if until, isNews := g.fail(&ticket.Failure{Gate: "zendesk/acme"}); isNews || until.Sub(now) < longShut/2 {
		t.Errorf("shut for %s, news %v", until.Sub(now), isNews)
	}
	now = now.Add(longShut + staleGate + time.Second)
	if reports := g.reports(); len(reports) != 0 {
		t.Errorf("nobody tried it for long, and it is still reported: %+v", reports)
	}
}

func TestWhatAnOpenAccountHoldsWaitsForACall(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGates("p1", func() time.Time { return now }, func(queue.GateNews) {})
	none := &ticket.Failure{Trouble: ticket.TroubleAccount, Limited: true, Gate: "zendesk/acme", After: 3 * time.Second, Detail: ticket.Detail{Message: "no call left"}}
	g.waits(none)
	r := g.reports()
	if len(r) != 1 || r[0].State != queue.LaneOpen || r[0].Failure == "" || !r[0].Until.Equal(now.Add(3*time.Second)) {
		t.Errorf("reports = %+v", r)
	}
	if _, _, shut := g.shut(none.Gate); shut {
		t.Error("what comes live has to wait too")
	}
	g.fail(&ticket.Failure{Gate: none.Gate})
	if r := g.reports(); len(r) != 1 || r[0].State != queue.LaneDown {
		t.Errorf("reports of an account that is down = %+v", r)
	}
	g.pass(none.Gate)
	now = now.Add(time.Minute)
	if r := g.reports(); len(r) != 0 {
		t.Errorf("long after, reports = %+v", r)
	}
}

// The time that an account has named is the same for all processes, and what was turned away behind it does not hide it.
func TestTheTimeThatAnAccountNamedHoldsEverywhere(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	var told []queue.GateNews
	here := newGates("here", clock, func(n queue.GateNews) { told = append(told, n) })
	there := newGates("there", clock, func(queue.GateNews) {})
	const gate = "zendesk/acme"
	until, _ := here.fail(&ticket.Failure{Gate: gate, Limited: true, After: 5 * time.Second, Detail: ticket.Detail{Status: 429}})
	here.fail(&ticket.Failure{Gate: gate, Limited: true, After: time.Second})
	for _, n := range told {
		there.adopt(n)
	}
	for name, g := range map[string]*gates{"here": here, "there": there} {
		if at := g.named(gate); !at.Equal(until) || !g.inTrouble(gate) {
			t.Errorf("%s: no call for %s, want %s; in trouble: %t", name, at.Sub(now), until.Sub(now), g.inTrouble(gate))
		}
	}
	here.fail(&ticket.Failure{Gate: "zendesk/short", Limited: true, After: time.Second / 2, Detail: ticket.Detail{Status: 429}})
	if at := here.named("zendesk/short"); !at.IsZero() {
		t.Errorf("after a moment's refusal: no call for %s", at.Sub(now))
	}
}
