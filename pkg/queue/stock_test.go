package queue_test

import (
	"testing"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

func TestStock(t *testing.T) {
	q, _ := open(t)
	check := func(what string, want queue.Stock) {
		t.Helper()
		if got, err := q.Stock(t.Context()); got != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, want)
		}
	}
	check("an empty store", queue.Stock{})
	publish(t, q, closed("c1"), queue.Accepted)
	publish(t, q, closed("c2"), queue.Accepted)
	if err := q.Bury(t.Context(), ticket.DeadLetter{Event: closed("c3"), Reason: ticket.ReasonMalformed}); err != nil {
		t.Fatal(err)
	}
	check("before a worker ran", queue.Stock{Pending: 2, DeadLetters: 1})
	r := receive(t, q)
	take(t, r)
	check("one is taken up", queue.Stock{Pending: 1, InWork: 1, DeadLetters: 1})
}
