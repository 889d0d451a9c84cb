package queue_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"passerelle/pkg/queue"
)

// startCluster runs three servers in this process. They are stopped at the end of the test.
func startCluster(t *testing.T) (nodes []*server.Server) {
	t.Helper()
	var routes []*url.URL
	var ports []int
	for range 3 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		listener.Close()
		ports, routes = append(ports, port), append(routes, &url.URL{Scheme: "nats-route", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	for i, port := range ports {
		node, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("n%d", i+1), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		node.Start()
		t.Cleanup(func() { node.Shutdown(); node.WaitForShutdown() })
		if !node.ReadyForConnections(time.Minute) {
			t.Fatal("a server is not ready")
		}
		nodes = append(nodes, node)
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
