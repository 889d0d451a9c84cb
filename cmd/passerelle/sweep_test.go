package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/sim/simiadvize"
)

// lost lets a conversation end whose webhook nobody takes, however often it is tried.
func (w *town) lost(i int, at time.Time) {
	w.t.Helper()
	w.conversation(numbered(i), func(c *simiadvize.Conversation) {
		if !at.IsZero() {
			c.CreatedAt, c.ClosedAt = at.Add(-time.Minute), at
		}
	})
	c, _ := w.iadvize.Conversation(numbered(i))
	delivery := w.iadvize.Send(w.t.Context(), simiadvize.Webhook{URL: "http://127.0.0.1:1/webhooks/iadvize", Secret: testSecret}, w.iadvize.ClosedEvent(c))
	if delivery.Accepted {
		w.t.Fatal("somebody took the webhook")
	}
}

func (w *town) wantTickets(n int) {
	w.t.Helper()
	until(w.t, fmt.Sprintf("%d tickets", n), func() bool { return w.zendesk.Summary().ExternalIDs >= n })
	if sum := w.zendesk.Summary(); sum.Doubled != 0 || sum.Tickets != n {
		w.t.Errorf("summary = %+v, want %d tickets", sum, n)
	}
}

// awaitSweeps waits until the processes together have ended n more sweeps.
func awaitSweeps(t *testing.T, n int, all ...*process) {
	t.Helper()
	count := func() (ended int) {
		for _, p := range all {
			p.logs.mu.Lock()
			for _, line := range p.logs.lines {
				if strings.Contains(line, "sweep ended") {
					ended++
				}
			}
			p.logs.mu.Unlock()
		}
		return ended
	}
	before := count()
	until(t, "sweeps", func() bool { return count() >= before+n })
}

func TestWhatEndedWhileNobodyAnsweredGetsItsTicket(t *testing.T) {
	w := newTown(t)
	env := slices.Concat(w.env, []string{"PASSERELLE_SWEEP_EVERY=1s", "PASSERELLE_LOG_LEVEL=debug"})
	w.lost(900, time.Now().Add(-time.Hour)) // before the site was configured
	p := start(t, env, "serve")
	p.await("first sweep of the site")
	w.conversation(closedID, nil)
	if status, _ := post(t, p.address("ingest"), published(closedID)); status != 202 {
		t.Fatal(status)
	}
	w.wantTickets(1)
	p.kill()
	for i := range 40 {
		w.lost(i, time.Time{})
	}
	p = start(t, env, "serve")
	w.wantTickets(41)
	// Both ways at once: the webhook of a conversation that the sweep has found, and finds again.
	if status, answer := post(t, p.address("ingest"), published(numbered(7))); status != 202 || answer != `{"status":"duplicate"}` {
		t.Errorf("%d %s", status, answer)
	}
	awaitSweeps(t, 2, p)
	w.wantTickets(41)
	if all := w.account.TicketByExternalID("iadvize:" + numbered(900)); len(all) != 0 {
		t.Error("a conversation from before the site was known has a ticket")
	}
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func TestOneOfSeveralProcessesSweeps(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	nats, _ := startNATS(t)
	env := slices.Concat(w.env, []string{"PASSERELLE_NATS_URL=" + nats, "PASSERELLE_SWEEP_EVERY=1s", "PASSERELLE_LOG_LEVEL=debug"})
	first, second := start(t, env, "serve", "--roles", "ingest"), start(t, env, "serve", "--roles", "ingest")
	start(t, env, "serve", "--roles", "worker")
	awaitSweeps(t, 1, first, second)
	for i := range 20 {
		w.lost(i, time.Time{})
	}
	w.wantTickets(20)
	awaitSweeps(t, 3, first, second)
	first.kill() // perhaps while it sweeps
	for i := range 20 {
		w.lost(100+i, time.Time{})
	}
	w.wantTickets(40)
	awaitSweeps(t, 1, second)
	w.wantTickets(40)
}
