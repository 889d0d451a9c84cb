package simzendesk

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestIdempotency(t *testing.T) {
	b := newBench(t, Config{})
	post := func(key, in string) answer {
		return b.do("POST", "/api/v2/tickets", `{"ticket":{`+in+`}}`, "Idempotency-Key", key)
	}
	first := post("k", plain).want(t, 201)
	if first.header.Get("x-idempotency-lookup") != "miss" {
		t.Errorf("lookup %q", first.header.Get("x-idempotency-lookup"))
	}
	b.clock.move(idemLife - time.Second)
	again := post("k", plain).want(t, 201)
	if again.header.Get("x-idempotency-lookup") != "hit" || again.raw != first.raw || again.header.Get("Location") != first.header.Get("Location") {
		t.Errorf("replay: %v %.200s", again.header, again.raw)
	}
	wantJSON(t, post("k", plain+`,"priority":"low"`).want(t, 400).at("error"), `"IdempotentRequestError"`)
	post("other", plain).want(t, 201)
	b.clock.move(2 * time.Second)
	if a := post("k", plain).want(t, 201); a.header.Get("x-idempotency-lookup") != "miss" || a.id("ticket", "id") == first.id("ticket", "id") {
		t.Errorf("after two hours: %v", a.header)
	}
	post(strings.Repeat("k", 256), plain).want(t, 400)
	if n := len(b.acme.Tickets()); n != 3 {
		t.Errorf("%d tickets", n)
	}
	// A change of a ticket does not mind the header.
	if a := b.do("PUT", "/api/v2/tickets/1", `{"ticket":{}}`, "Idempotency-Key", "k").want(t, 200); a.header.Get("x-idempotency-lookup") != "" {
		t.Error("update looked the key up")
	}
	b.clock.move(3 * time.Hour)
	b.acme.mu.Lock()
	b.acme.forgetKeys(b.clock.now())
	if len(b.acme.idem) != 0 || len(b.acme.idemOrder) != 0 {
		t.Errorf("%d keys kept", len(b.acme.idem))
	}
	b.acme.mu.Unlock()
}

func TestIdempotencyOfRefusals(t *testing.T) {
	for _, kept := range []bool{false, true} {
		b := newBench(t, Config{Switches: Switches{IdemCacheErrors: kept}})
		post := func() answer {
			return b.do("POST", "/api/v2/tickets", `{"ticket":{`+plain+`,"requester":"vera@example.com"}}`, "Idempotency-Key", "k")
		}
		post().want(t, 422)
		b.acme.AddUser(User{Name: "Vera", Email: "vera@example.com"})
		want := 201
		if kept {
			want = 422
		}
		post().want(t, want)
	}
}

func TestIdempotencyInFlight(t *testing.T) {
	for inflight, c := range map[IdemInflight]struct{ status, tickets int }{
		InflightConflict: {409, 1}, InflightBlock: {201, 1}, InflightSecondTicket: {201, 2},
	} {
		t.Run("switch "+string(inflight), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Config{Latency: time.Second, Switches: Switches{IdemInflight: inflight}})
				a := s.AddAccount(acme())
				post := func() *httptest.ResponseRecorder {
					r := httptest.NewRequestWithContext(t.Context(), "POST", "/acme/api/v2/tickets", strings.NewReader(`{"ticket":{`+plain+`}}`))
					r.SetBasicAuth("admin@acme.example/token", "secret")
					r.Header.Set("Idempotency-Key", "k")
					w := httptest.NewRecorder()
					s.ServeHTTP(w, r)
					return w
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					if w := post(); w.Code != http.StatusCreated {
						t.Errorf("first: %d", w.Code)
					}
				})
				synctest.Wait()
				if w := post(); w.Code != c.status {
					t.Errorf("second: %d, want %d", w.Code, c.status)
				}
				wg.Wait()
				if n := len(a.Tickets()); n != c.tickets {
					t.Errorf("%d tickets, want %d", n, c.tickets)
				}
			})
		})
	}
}

func TestCloseEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Latency: time.Hour, Switches: Switches{IdemInflight: InflightBlock}})
		a := s.AddAccount(acme())
		var wg sync.WaitGroup
		for _, key := range []string{"k", "k", ""} {
			wg.Go(func() {
				r := httptest.NewRequestWithContext(t.Context(), "POST", "/acme/api/v2/tickets", strings.NewReader(`{"ticket":{`+plain+`}}`))
				r.SetBasicAuth("admin@acme.example/token", "secret")
				r.Header.Set("Idempotency-Key", key)
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != http.StatusServiceUnavailable {
					t.Errorf("status %d", w.Code)
				}
			})
		}
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if len(a.Tickets()) != 0 {
			t.Error("a ticket was created")
		}
	})
}
