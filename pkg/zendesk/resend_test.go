package zendesk

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"passerelle/pkg/ticket"
)

// A request that was sent may have made a ticket, though its connection broke. Were it sent again unseen, a refusal of
// the second one would hide that.
func TestACreateIsNotSentAgainUnseen(t *testing.T) {
	var creates atomic.Int32
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			_, _ = w.Write([]byte(`{"tickets":[]}`))
			return
		}
		if creates.Add(1) == 1 {
			panic(http.ErrAbortHandler) // the ticket is made, the answer is lost
		}
		w.WriteHeader(http.StatusBadRequest)
	})
	if _, _, err := c.Find(t.Context(), "iadvize:c1"); err != nil { // so that the connection is not new
		t.Fatal(err)
	}
	_, _, err := c.Create(t.Context(), ticket.Draft{ExternalID: "iadvize:c1", Comments: []ticket.Comment{{HTML: "x"}}})
	var f *ticket.Failure
	if !errors.As(err, &f) || f.Trouble != ticket.TroubleUncertain || creates.Load() != 1 {
		t.Errorf("%d creates, %v", creates.Load(), err)
	}
}
