package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/site"
)

// A refresh token works once: who has begun to exchange it must hear of the next one before the process ends, though its
// account is reached in another way meanwhile.
func TestAReplacedClientEndsItsExchange(t *testing.T) {
	entered, goOn := make(chan bool), make(chan bool)
	zendesk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- true
		<-goOn
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"a","expires_in":7200,"refresh_token":"next","refresh_token_expires_in":700000}`))
	}))
	defer zendesk.Close()
	store(t, t.TempDir(), func(q *queue.Queue) { replaceDuringExchange(t, q, zendesk.URL, entered, goOn) })
}

func replaceDuringExchange(t *testing.T, q *queue.Queue, url string, entered <-chan bool, goOn chan<- bool) {
	t.Helper()
	config := &site.Config{Zendesk: map[string]site.Zendesk{"acme": {
		URL: site.Ref(url), Auth: site.Auth{OAuth: &site.OAuth{ClientID: "id", ClientSecret: "secret", RefreshToken: "first"}},
	}}}
	c := newClients(q)
	c.config = func() *site.Config { return config }
	client, ok := c.zendeskClient("acme")
	if !ok {
		t.Fatal("no client")
	}
	exchanged, closed := make(chan error, 1), make(chan bool)
	go func() { exchanged <- client.KeepToken(t.Context()) }()
	<-entered
	c.renewZendesk("acme")
	go func() { c.close(); close(closed) }()
	select {
	case <-closed:
		t.Error("the process ends in the middle of the exchange")
	case <-time.After(200 * time.Millisecond):
	}
	close(goOn)
	if err := <-exchanged; err != nil {
		t.Error(err)
	}
	<-closed
}
