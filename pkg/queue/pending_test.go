package queue_test

import (
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

func TestPendingCountsConversations(t *testing.T) {
	q, _ := open(t)
	publish(t, q, closed("c1"), queue.Accepted)
	publish(t, q, closed("c2"), queue.Accepted)
	score := 4
	answer := ticket.Event{ID: "s1", Kind: ticket.KindSatisfaction, ConversationID: "c1", Account: "acme", Satisfaction: &ticket.Satisfaction{Score: &score}}
	publish(t, q, answer, queue.Accepted)
	for _, e := range []ticket.Event{closed("c3"), answer} {
		if err := q.Hold(t.Context(), e, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if queued, held, err := q.Pending(t.Context()); queued != 2 || held != 1 || err != nil {
		t.Errorf("Pending = %d, %d, %v; want 2, 1", queued, held, err)
	}
}
