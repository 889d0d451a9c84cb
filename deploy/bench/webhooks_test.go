package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestWebhooksGoOnLinesThatAreKept(t *testing.T) {
	var posted, connections, status atomic.Int64
	status.Store(http.StatusAccepted)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != "{}" {
			t.Errorf("body %q, %v", body, err)
		}
		posted.Add(1)
		w.WriteHeader(int(status.Load()))
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	hook := webhook{host, []byte("POST /webhook HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 2\r\n\r\n{}")}
	l := newLines()
	defer l.close()
	for range 3 {
		if !l.post(t.Context(), hook) {
			t.Fatal("not accepted")
		}
	}
	if connections.Load() != 1 {
		t.Errorf("%d connections for three webhooks, one after the other", connections.Load())
	}
	server.CloseClientConnections()
	if !l.post(t.Context(), hook) || posted.Load() != 4 {
		t.Errorf("after its line had ended: %d webhooks arrived of 4", posted.Load())
	}
	status.Store(http.StatusServiceUnavailable)
	if l.post(t.Context(), hook) {
		t.Error("one that was refused counts as accepted")
	}
}
