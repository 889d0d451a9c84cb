package queue_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
)

// line is a way to the server that can be cut.
type line struct {
	server *embed.Server

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (l *line) InProcessConn() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return nil, errors.New("cut")
	}
	c, err := l.server.InProcessConn()
	if err == nil {
		l.conns = append(l.conns, c)
	}
	return c, err
}

func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		for _, c := range l.conns {
			_ = c.Close()
		}
		l.conns = nil
	}
}

// A request that is sent while the connection is lost arrives with the next one, at which it is taken back.
func TestNoEventRestsAfterALostConnection(t *testing.T) {
	_, server := open(t)
	other, l := connect(t, server), &line{server: server}
	q, err := queue.Open(t.Context(), queue.Options{Server: l, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const rounds, events, room = 3, 64, 32
	for round := range rounds {
		l.set(true)
		until(t, func() bool { return !q.Connected() })
		early, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := r.Next(early, room); err == nil {
			t.Fatal("an event without a connection")
		}
		cancel()
		for i := range events {
			publish(t, other, closed(fmt.Sprintf("c%d-%d", round, i)), queue.Accepted)
		}
		l.set(false)
		for i := range events {
			soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			d, err := r.Next(soon, room)
			cancel()
			if err != nil {
				t.Fatalf("round %d: event %d rests: %v", round, i, err)
			}
			if err := d.Done(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}
