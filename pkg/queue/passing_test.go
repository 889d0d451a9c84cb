package queue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/freeport"
	"passerelle/pkg/queue"
)

func TestPassing(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{context.DeadlineExceeded, true},
		{context.Canceled, false},
		{jetstream.ErrNoStreamResponse, true},
		{nats.ErrNoServers, true},
		{nats.ErrDisconnected, true},
		{nats.ErrReconnectBufExceeded, true},
		{nats.ErrConnectionClosed, false}, // by us
		{nats.ErrAuthorization, false},
		{nats.ErrMaxPayload, false},
		{io.ErrClosedPipe, true},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, true},
		{errors.New("unknown"), false},
		{queue.ErrFull, false},
		{queue.ErrServerTooOld, false},
		{queue.ErrNoJetStream, false},
		{queue.ErrDrift, false},
		{&jetstream.APIError{Code: 503, ErrorCode: 10008}, true},
		{&jetstream.APIError{Code: 400, ErrorCode: 10005}, true},
		{&jetstream.APIError{Code: 500, ErrorCode: 10047}, false},
		{&jetstream.APIError{Code: 503, ErrorCode: 10023}, false},
		{&jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}, false},
		{jetstream.ErrJetStreamNotEnabled, false},
		{jetstream.ErrJetStreamNotEnabledForAccount, false},
		{&jetstream.APIError{Code: 400, ErrorCode: 10025}, false},
	} {
		for _, err := range []error{tc.err, fmt.Errorf("store event: %w", tc.err)} {
			if tc.err != nil && queue.Passing(err) != tc.want {
				t.Errorf("Passing(%v) = %v", err, !tc.want)
			}
		}
	}
	if queue.Passing(nil) {
		t.Error("no error passes")
	}
}

func TestAFullStreamTakesEventsAgainOnceItIsDrained(t *testing.T) {
	q, server := open(t)
	nc, err := nats.Connect("", nats.InProcessServer(server))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.MaxBytes = 2 << 10
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	stored := 0
	for ; err == nil; stored++ {
		if stored > 100 {
			t.Fatal("it takes more than fits")
		}
		_, err = q.Publish(t.Context(), closed(fmt.Sprint("c", stored)))
	}
	if stored < 3 || !errors.Is(err, queue.ErrFull) || queue.Passing(err) {
		t.Fatalf("after %d: %v", stored, err)
	}
	// What is there already is no reason to say full.
	publish(t, q, closed("c0"), queue.Duplicate)
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := take(t, r).Done(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, q, closed("afterwards"), queue.Accepted)
}

// startServer runs a server that listens on a port of its own.
func startServer(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.NoSigs, o.NoLog, o.StoreDir = "127.0.0.1", true, true, t.TempDir()
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	startNode(t, s)
	return s
}

func TestOpenFailsAtOnceOnWhatDoesNotPass(t *testing.T) {
	guarded := startServer(t, &server.Options{Port: server.RANDOM_PORT, JetStream: true, Username: "a", Password: "right-secret"})
	plain := startServer(t, &server.Options{Port: server.RANDOM_PORT})
	for _, tc := range []struct{ name, url, want string }{
		{"wrong password", strings.Replace(guarded.ClientURL(), "://", "://a:wrong-secret@", 1), "uthorization"},
		{"no JetStream", plain.ClientURL(), "JetStream is off"},
		{"an old server", oldServer(t), "too old"},
		{"no address", "nats://a:wrong-secret@[::1", "is not one"},
	} {
		_, err := queue.Open(t.Context(), queue.Options{URL: tc.url, Patience: time.Hour, OnWait: func(err error) { t.Errorf("%s: waits after %v", tc.name, err) }})
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// oldServer says that it is one, and that it is well.
func oldServer(t *testing.T) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "INFO {\"server_id\":\"x\",\"version\":\"2.9.25\",\"max_payload\":1048576,\"headers\":true,\"proto\":1}\r\nPONG\r\n")
		_, _ = io.Copy(io.Discard, conn)
	}()
	return "nats://" + listener.Addr().String()
}

func TestOpenGivesUpInTheEnd(t *testing.T) {
	gone := fmt.Sprintf("nats://a:some-secret@127.0.0.1:%d", freeport.Of(t))
	waits := 0
	_, err := queue.Open(t.Context(), queue.Options{URL: gone, Patience: 1200 * time.Millisecond, OnWait: func(error) { waits++ }})
	if !errors.Is(err, nats.ErrNoServers) || waits != 1 || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v after %d waits", err, waits)
	}
	if _, err := queue.Open(t.Context(), queue.Options{URL: gone, OnWait: func(error) { t.Error("waits without patience") }}); err == nil {
		t.Error("no error")
	}
	ended, cancel := context.WithCancel(t.Context())
	if _, err := queue.Open(ended, queue.Options{URL: gone, Patience: time.Hour, OnWait: func(error) { cancel() }}); err == nil {
		t.Error("no error after the end")
	}
}
