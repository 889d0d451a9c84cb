package worker

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

// nothingLeft is a budget that gives no leave.
type nothingLeft struct{}

func (nothingLeft) Take(context.Context, string) (func(int, http.Header), time.Duration, bool) {
	return nil, time.Hour, false
}

// waiting gives a worker for what the depot holds, whose backlog has no call for an hour, and how many of its single tickets
// were tried.
func (d *depot) waiting(t *testing.T) (*Worker, chan struct{}) {
	t.Helper()
	del := deliverer(d.town, d.open(t), Settings{})
	refused := make(chan struct{}, 1000)
	del.Tickets = func(_ string, rank limit.Rank, _ bool) (Tickets, bool) {
		if rank == limit.Backlog {
			refused <- struct{}{}
			return d.client.On(nothingLeft{}), true
		}
		return d.client, true
	}
	del.Bulk = func(string) (Bulk, BulkTerms, bool) { return d.client, BulkTerms{Jobs: 10}, true }
	return New(d.queue, del, zerolog.Nop(), nil), refused
}

// triedBefore notes in the ledger that a ticket of each of these conversations was tried, so that none goes into a bulk job.
func (d *depot) triedBefore(t *testing.T, ids ...int) {
	t.Helper()
	for _, i := range ids {
		e := closed(fmt.Sprintf("c%d", i))
		intent := queue.Entry{State: queue.StateIntended, Purpose: ticket.PurposeArchive, IntendedAt: d.clock(), At: d.clock()}.Of(e)
		if _, err := d.queue.Write(t.Context(), e.Job(), queue.Entry{}, intent); err != nil {
			t.Fatal(err)
		}
	}
}

// A bulk job makes a hundred tickets with a call that is not of the backlog's share: what must be made one by one, and has
// to wait its turn for that, does not keep it back, wherever it lies.
func TestBulkJobsDoNotWaitForSingleTickets(t *testing.T) {
	d := openDepot(t, simzendesk.Config{JobDelay: 100 * time.Millisecond})
	d.hold(t, 150)
	const single = 30
	for i := range single {
		d.triedBefore(t, 5*i)
	}
	w, refused := d.waiting(t)
	next, err := w.drain(t.Context(), t.Context(), "acme")
	if err != nil || time.Until(next) < 50*time.Minute {
		t.Errorf("again in %s, %v", time.Until(next), err)
	}
	_, byRoute := d.calls()
	held, err := d.queue.Holding(t.Context())
	if err != nil || len(held) != 1 || byRoute["POST /api/v2/tickets"] != 1 || len(d.account.Tickets()) != 150-single+1 {
		t.Errorf("%d tickets by %v; held: %+v; %v", len(d.account.Tickets()), byRoute, held, err)
	}
	if n := len(refused); n == 0 || n > 16 {
		t.Errorf("%d single tickets were tried, want no more than are in work at once", n)
	}
}

// Where nothing is fit for a bulk job, what waits its turn is not read again and again.
func TestWhatWaitsItsTurnIsNotReadInVain(t *testing.T) {
	d := openDepot(t, simzendesk.Config{})
	const n = 400
	d.hold(t, n)
	for i := range n {
		d.triedBefore(t, i)
	}
	var reads atomic.Int64
	read := d.read
	d.read = func(id string) (ticket.Conversation, error) {
		reads.Add(1)
		return read(id)
	}
	w, _ := d.waiting(t)
	next, err := w.drain(t.Context(), t.Context(), "acme")
	if err != nil || time.Until(next) < 50*time.Minute || reads.Load() > 150 {
		t.Errorf("again in %s after %d reads; %v", time.Until(next), reads.Load(), err)
	}
}

// A conversation that turns out to be an escalation while bulk jobs are put together does not wait with the single tickets.
func TestAnEscalationFoundLateGoesAhead(t *testing.T) {
	d := openDepot(t, simzendesk.Config{JobDelay: 100 * time.Millisecond})
	d.hold(t, 60)
	d.triedBefore(t, 1, 2, 3)
	read := d.read
	d.read = func(id string) (ticket.Conversation, error) {
		c, err := read(id)
		c.ClosingForm.Escalate = id == "c50"
		return c, err
	}
	w, _ := d.waiting(t)
	if _, err := w.drain(t.Context(), t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	if all := d.account.TicketByExternalID(ticket.ExternalID("c50")); len(all) != 1 || all[0].Status != "open" {
		t.Errorf("the escalation's tickets: %+v", all)
	}
	if got := len(d.account.Tickets()); got != 57 {
		t.Errorf("%d tickets, want 57: three wait their turn", got)
	}
}

// An escalation asks an account in trouble with its own rank.
func TestAnEscalationAsksAheadOfTheBacklog(t *testing.T) {
	d := openDepot(t, simzendesk.Config{})
	d.read = func(id string) (ticket.Conversation, error) {
		c := conversation(id)
		c.ClosingForm.Escalate = true
		return c, nil
	}
	e := closed("c1")
	e.Escalated = true
	if err := d.queue.Hold(t.Context(), e, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	w, _ := d.waiting(t)
	w.Bulk = nil
	ahead := putAhead(w.Deliverer, time.Now())
	w.gates.now = w.now
	w.gates.fail(accountDown())
	ahead.Store(int64(firstShut))
	if next, err := w.drain(t.Context(), t.Context(), "acme"); err != nil || !next.IsZero() || len(d.account.Tickets()) != 1 {
		t.Errorf("%d tickets, again at %s; %v", len(d.account.Tickets()), next, err)
	}
}
