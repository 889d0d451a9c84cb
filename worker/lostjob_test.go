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
			d.emptied(t, 0)
			if ids, all := d.known(t, n), len(d.account.Tickets()); ids != n+others || all != n+others {
				t.Errorf("%d tickets of %d external ids, want %d", all, ids, n+others)
			}
			if _, calls := d.calls(); calls["GET /api/v2/tickets"] > 0 || calls["POST /api/v2/tickets"] != 1 {
				t.Errorf("tickets are looked up or made one by one: %v", calls)
			}
		})
	}
}
