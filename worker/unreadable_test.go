package worker

import (
	"testing"
	"time"

	"passerelle/pkg/ticket"
)

// What somebody else writes among the held events must not keep them back.
func TestWhatIsHeldAndCannotBeReadIsADeadLetter(t *testing.T) {
	server := openServer(t)
	q := connect(t, server)
	for _, subject := range []string{"hold.acme.junk", "first.acme.junk"} {
		if _, err := operator(t, server).Publish(t.Context(), subject, []byte("{")); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Hold(t.Context(), closed("c1"), time.Now()); err != nil {
		t.Fatal(err)
	}
	attempts, _ := start(t, newTown(), q, Settings{})
	await(t, attempts, ticket.ResultCreated)
	eventually(t, "nothing is held any more", func() bool {
		held, err := q.Holding(t.Context())
		return err == nil && len(held) == 0
	})
	letters := 0
	if err := q.Resting(t.Context(), func(ticket.Event) error { letters++; return nil }); err != nil || letters != 2 {
		t.Errorf("%d dead letters, %v", letters, err)
	}
}
