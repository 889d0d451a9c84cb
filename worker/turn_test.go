package worker

import (
	"context"
	"fmt"
	"net/http"
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

// A bulk job makes a hundred tickets with a call that is not of the backlog's share: what must be made one by one, and has
// to wait its turn for that, does not keep it back, wherever it lies.
func TestBulkJobsDoNotWaitForSingleTickets(t *testing.T) {
	d := openDepot(t, simzendesk.Config{JobDelay: 100 * time.Millisecond})
	d.hold(t, 150)
	single := 0
	for i := 0; i < 150; i += 5 { // a try was made before
		e := closed(fmt.Sprintf("c%d", i))
		intent := queue.Entry{State: queue.StateIntended, Purpose: ticket.PurposeArchive, IntendedAt: d.clock(), At: d.clock()}.Of(e)
		if _, err := d.queue.Write(t.Context(), e.Job(), queue.Entry{}, intent); err != nil {
			t.Fatal(err)
		}
		single++
	}
	q := d.open(t)
	del := deliverer(d.town, q, Settings{})
	refused := make(chan struct{}, 1000)
	del.Tickets = func(_ string, rank limit.Rank, _ bool) (Tickets, bool) {
		if rank == limit.Backlog {
			refused <- struct{}{}
			return d.client.On(nothingLeft{}), true
		}
		return d.client, true
	}
	del.Bulk = func(string) (Bulk, BulkTerms, bool) { return d.client, BulkTerms{Jobs: 10}, true }
	w := New(q, del, zerolog.Nop(), nil)
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
