package worker

import (
	"fmt"
	"testing"
	"time"

	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

// TestAJobWhoseAnswerWasLostIsRecognised: the clock stands still, so that no wait for the end of such a job runs out.
// Another job of the same size is somebody else's.
func TestAJobWhoseAnswerWasLostIsRecognised(t *testing.T) {
	t.Parallel()
	for _, how := range []simzendesk.JobResults{simzendesk.ResultsByIndex, simzendesk.ResultsShuffled, simzendesk.ResultsWithoutIndex} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			d := openDepot(t, simzendesk.Config{JobDelay: 100 * time.Millisecond, Switches: simzendesk.Switches{JobResults: how}})
			const n, others = 60, 59 // the first ticket is made by itself
			var agent int64
			for _, a := range d.agents {
				agent = a.ID
			}
			foreign := make([]ticket.Draft, others)
			for i := range foreign {
				foreign[i] = ticket.Draft{
					ExternalID: fmt.Sprintf("shop:c%d", i), Status: "solved", AssigneeID: agent, FormID: d.form.ID, Subject: "s", Requester: ticket.Requester{Name: "Ada", Email: "ada@example.com"},
					Comments: []ticket.Comment{{HTML: "<p>one</p>"}},
				}
			}
			if _, err := d.client.CreateMany(t.Context(), foreign, false); err != nil {
				t.Fatal(err)
			}
			d.account.Fault(simzendesk.Fault{Kind: simzendesk.ResetAfter, Path: "/api/v2/tickets/create_many", Times: 1})
			d.hold(t, n)
			d.work(t, BulkTerms{Jobs: 10})
			eventually(t, "all have a ticket that the ledger knows", func() bool {
				if err := d.queue.WakeNow(t.Context(), "acme"); err != nil {
					t.Fatal(err)
				}
				held, err := d.queue.Holding(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				left, err := d.queue.Batches(t.Context(), "acme")
				return err == nil && len(held)+len(left) == 0
			})
			if all := len(d.account.Tickets()); all != n+others {
				t.Errorf("%d tickets, want %d", all, n+others)
			}
			for i := range n {
				id := ticket.ExternalID(fmt.Sprintf("c%d", i))
				entry, _, err := d.queue.Look(t.Context(), ticket.JobOf(fmt.Sprintf("c%d", i)))
				if got := d.account.TicketByExternalID(id); err != nil || len(got) != 1 || got[0].ID != entry.ID {
					t.Errorf("%s: ledger %+v, %v; tickets %+v", id, entry, err, got)
				}
			}
			if _, calls := d.calls(); calls["GET /api/v2/tickets"] > 0 || calls["POST /api/v2/tickets"] != 1 {
				t.Errorf("tickets are looked up or made one by one: %v", calls)
			}
		})
	}
}
