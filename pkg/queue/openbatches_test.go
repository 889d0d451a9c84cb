package queue_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"passerelle/pkg/queue"
)

// hearLists hears of each list of batches that is asked for.
func hearLists(t *testing.T, address string, o ...nats.Option) (*nats.Conn, *nats.Subscription) {
	t.Helper()
	nc, err := nats.Connect(address, o...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	lists, err := nc.SubscribeSync("$JS.API.CONSUMER.CREATE.KV_batches.>")
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return nc, lists
}

// Whoever works off an account goes on with the bulk jobs of a worker that died. An account that has none is not listed each
// time: that would take a consumer.
func TestBatchesAreListedWhereThereMayBeOpenOnes(t *testing.T) {
	q, server := open(t)
	other := connect(t, server)
	nc, lists := hearLists(t, "", nats.InProcessServer(server))
	expect := func(when, account string, listed int, want ...string) {
		t.Helper()
		all, err := q.Batches(t.Context(), account)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		var ids []string
		for _, b := range all {
			ids = append(ids, b.ID)
		}
		slices.Sort(ids)
		if err := nc.Flush(); err != nil { // what the queue asked came before
			t.Fatal(err)
		}
		pending, _, err := lists.Pending()
		if err != nil || !slices.Equal(ids, want) || pending != listed {
			t.Fatalf("%s: batches %v, listed %d times, %v; expected %v and %d", when, ids, pending, err, want, listed)
		}
		for range pending {
			if _, err := lists.NextMsg(time.Second); err != nil {
				t.Fatal(err)
			}
		}
	}
	opened := func(account, id string) queue.Batch {
		t.Helper()
		b, err := other.OpenBatch(t.Context(), queue.Batch{ID: id, Account: account, SentAt: time.Now(), Keys: []string{"a.b"}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	closed := func(b queue.Batch) {
		t.Helper()
		if err := other.CloseBatch(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}

	expect("nothing there", "acme", 1)
	expect("nothing there, and known to be", "acme", 0)
	one := opened("acme", "one")
	opened("globex", "theirs")
	expect("one open", "acme", 1, "one")
	first, err := other.NoteJob(t.Context(), one, "job")
	if err != nil {
		t.Fatal(err)
	}
	second := opened("acme", "two")
	closed(second)
	expect("the newest one closed, the older one open", "acme", 1, "one")
	expect("the same again", "acme", 1, "one")
	closed(first)
	expect("all closed", "acme", 1)
	expect("all closed, and known to be", "acme", 0)
	third := opened("acme", "three")
	expect("another one", "acme", 1, "three")
	closed(first)
	closed(third)
	expect("closed, as was an old one once more", "acme", 1)
	fourth := opened("acme", "four")
	closed(third) // by a process that was stopped for a while
	expect("an old one closed last, for the second time", "acme", 1, "four")
	closed(fourth)
	expect("closed too", "acme", 1)
	expect("closed too, and known to be", "acme", 0)
	expect("the other account's", "globex", 1, "theirs")
}

// A list may come from a replica that lags behind the one that was asked what is new: it must not count for longer than itself.
func TestBatchesAreListedEachTimeInACluster(t *testing.T) {
	nodes := startCluster(t)
	q, err := queue.Open(t.Context(), queue.Options{URL: nodes[0].ClientURL(), Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	_, lists := hearLists(t, nodes[0].ClientURL())
	for range 3 {
		if all, err := q.Batches(t.Context(), "acme"); err != nil || len(all) > 0 {
			t.Fatalf("batches %v, %v", all, err)
		}
		if _, err := lists.NextMsg(10 * time.Second); err != nil {
			t.Fatalf("not listed: %v", err)
		}
	}
}
