package worker

import (
	"testing"
	"time"

	"passerelle/pkg/ticket"
)

func TestWhatFailsTogetherShutsAGateOnce(t *testing.T) {
	now := time.Now()
	g := newGates(func() time.Time { return now })
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
	if wait := until.Sub(now); news || wait < firstShut || wait > 2*firstShut {
		t.Errorf("after the probe: shut for %s, news %v", wait, news)
	}
	f.After = time.Minute // the account says itself how long
	if until, _ := g.fail(f); until.Sub(now) != time.Minute {
		t.Errorf("with Retry-After: shut for %s", until.Sub(now))
	}
}
