package queue_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/ticket"
)

// A server that was killed may have forgotten when a lease ends.
func TestALeaseWhoseEndIsForgottenEndsAllTheSame(t *testing.T) {
	server, err := embed.Start(embed.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	q, err := queue.Open(t.Context(), queue.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	nc, err := nats.Connect("", nats.InProcessServer(server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := js.KeyValue(t.Context(), "tokens")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Put(t.Context(), "lease."+string(ticket.JobOf("comments/c1")), nil); err != nil {
		t.Fatal(err)
	}
	if _, mine, err := q.LeaseToken(t.Context(), "comments/c1", time.Minute); mine || err != nil {
		t.Fatalf("a lease of a moment ago is mine: %v, %v", mine, err)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		release, mine, err := q.LeaseToken(t.Context(), "comments/c1", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if mine {
			release()
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the lease never ends")
		}
	}
}
