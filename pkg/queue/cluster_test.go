package queue_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"passerelle/pkg/freeport"
	"passerelle/pkg/queue"
)

// prepareCluster makes three servers of this process, not started yet. They are stopped at the end of the test. The
// address of the first is known before.
func prepareCluster(t *testing.T) (nodes []*server.Server, address string) {
	t.Helper()
	var routes []*url.URL
	var ports []int
	first := freeport.Of(t)
	for range 3 {
		port := freeport.Of(t)
		ports, routes = append(ports, port), append(routes, &url.URL{Scheme: "nats-route", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	for i, port := range ports {
		clients := server.RANDOM_PORT
		if i == 0 {
			clients = first
		}
		node, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("n%d", i+1), Host: "127.0.0.1", Port: clients, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, node)
	}
	return nodes, fmt.Sprintf("nats://127.0.0.1:%d", first)
}

func startNode(t *testing.T, node *server.Server) {
	t.Helper()
	node.Start()
	t.Cleanup(func() { node.Shutdown(); node.WaitForShutdown() })
	if !node.ReadyForConnections(time.Minute) {
		t.Fatal("a server is not ready")
	}
}

// startCluster runs the three.
func startCluster(t *testing.T) (nodes []*server.Server) {
	t.Helper()
	nodes, _ = prepareCluster(t)
	for _, node := range nodes {
		startNode(t, node)
	}
	until(t, func() bool {
		for _, node := range nodes {
			if node.Healthz(&server.HealthzOptions{}).Error != "" {
				return false
			}
		}
		return true
	})
	return nodes
}

// until waits for what nothing signals.
func until(t *testing.T, met func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(2 * time.Minute)
	for !met() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("not within two minutes")
		}
	}
}

func TestWhatTheOtherReplicasHaveNotConfirmedIsNoDuplicate(t *testing.T) {
	nodes := startCluster(t)
	first, err := queue.Open(t.Context(), queue.Options{URL: nodes[0].ClientURL(), Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	var left *server.Server // the stream's leader, who is left alone later
	until(t, func() bool {
		for _, node := range nodes {
			if node.JetStreamIsStreamLeader("$G", "EVENTS") {
				left = node
			}
		}
		return left != nil
	})
	q, err := queue.Open(t.Context(), queue.Options{URL: left.ClientURL(), Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	publish(t, q, closed("before"), queue.Accepted)
	publish(t, q, closed("before"), queue.Duplicate)
	for _, node := range nodes {
		if node != left {
			node.Shutdown()
			node.WaitForShutdown()
		}
	}
	// The webhook of an event that cannot be stored comes again, as iAdvize sends it.
	for range 3 {
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		stored, err := q.Publish(short, closed("after"))
		cancel()
		if err == nil {
			t.Fatalf("Publish = %v without a majority, want an error", stored)
		}
	}
}

func TestOpenWaitsForAClusterWithoutLeader(t *testing.T) {
	nodes, url := prepareCluster(t)
	startNode(t, nodes[0])
	waits, opened := inBackground(t, queue.Options{URL: url, Replicas: 3, Patience: 2 * time.Minute})
	t.Log("waits after:", <-waits)
	for _, node := range nodes[1:] {
		startNode(t, node)
	}
	if err := <-opened; err != nil {
		t.Errorf("Open: %v", err)
	}
}

func TestOpenWaitsForAServerThatIsNotThereYet(t *testing.T) {
	port := freeport.Of(t)
	waits, opened := inBackground(t, queue.Options{URL: fmt.Sprintf("nats://127.0.0.1:%d", port), Patience: 2 * time.Minute})
	t.Log("waits after:", <-waits)
	startServer(t, &server.Options{Port: port, JetStream: true})
	if err := <-opened; err != nil {
		t.Errorf("Open: %v", err)
	}
}

func inBackground(t *testing.T, o queue.Options) (waits, opened chan error) {
	t.Helper()
	waits, opened = make(chan error, 1), make(chan error, 1)
	o.OnWait = func(err error) { waits <- err }
	go func() {
		q, err := queue.Open(t.Context(), o)
		if err == nil {
			q.Close()
		}
		opened <- err
	}()
	return waits, opened
}

// A leader that goes makes publishes fail or stay without an answer for a while. Trying again brings each to the disk, once.
func TestALeaderThatGoesCostsNoEvent(t *testing.T) {
	nodes := startCluster(t)
	q, err := queue.Open(t.Context(), queue.Options{URL: nodes[0].ClientURL() + "," + nodes[1].ClientURL() + "," + nodes[2].ClientURL(), Replicas: 3, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	const events = 60
	tries := 0
	for i := range events {
		if i == events/3 {
			until(t, func() bool {
				for _, node := range nodes {
					if node.JetStreamIsStreamLeader("$G", "EVENTS") {
						node.Shutdown()
						return true
					}
				}
				return false
			})
		}
		until(t, func() bool {
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			tries++
			_, err := q.Publish(short, closed(fmt.Sprint("c", i)))
			if err != nil && !queue.Passing(err) {
				t.Fatalf("Publish of event %d: %v, which does not count as passing", i, err)
			}
			return err == nil
		})
	}
	if queued, _, err := q.Pending(t.Context()); err != nil || queued != events {
		t.Errorf("%d events in the queue, %v, want %d", queued, err, events)
	}
	t.Logf("%d tries for %d events", tries, events)
}
