package worker

import (
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// Trouble that nobody saw end is not counted to the next one.
func TestTroubleLastsNoLongerThanItIsSeen(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGates("p1", func() time.Time { return now }, func(queue.GateNews) {})
	f := &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "zendesk/acme"}
	for range 2 {
		g.fail(f)
		now = now.Add(72 * time.Hour)
		if _, _, shut := g.shut("zendesk/acme"); shut {
			t.Fatal("nobody is let through")
		}
		if until, _ := g.fail(f); until.Sub(now) > firstShut {
			t.Errorf("one failed call shuts the account for %s", until.Sub(now))
		}
		now = now.Add(72 * time.Hour) // the next one is not let through before it fails
	}
}
