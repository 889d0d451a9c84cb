package simzendesk

import (
	"strconv"
	"testing"
	"time"
)

func TestAccountLimit(t *testing.T) {
	for name, c := range map[string]struct {
		switches        Switches
		body            string
		limit, restName string
	}{
		"2024 text": {Switches{}, "Number of allowed API requests per minute exceeded", "ratelimit-limit", "ratelimit-remaining"},
		"2023 json": {Switches{Headers: Headers2023, Account429: JSONBody}, `{"description":"Number of allowed API requests per minute exceeded","error":"APIRateLimitExceeded"}`, "rate-limit", "rate-limit-remaining"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{Switches: c.switches, RequestsPerMinute: 2})
			b.clock.move(18 * time.Second)
			a := b.do("GET", "/api/v2/groups", "").want(t, 200)
			if a.header.Get(c.limit) != "2" || a.header.Get(c.restName) != "1" || a.header.Get("X-Rate-Limit") != "2" || a.header.Get("X-Rate-Limit-Remaining") != "1" {
				t.Errorf("headers %v", a.header)
			}
			b.do("GET", "/api/v2/groups", "").want(t, 200)
			a = b.do("GET", "/api/v2/groups", "").want(t, 429)
			if a.raw != c.body || a.header.Get("Retry-After") != "42" {
				t.Errorf("%q, Retry-After %q", a.raw, a.header.Get("Retry-After"))
			}
			b.clock.move(42 * time.Second)
			b.do("GET", "/api/v2/groups", "").want(t, 200)
		})
	}
	// An account's own limit goes first, and other accounts have theirs.
	b := newBench(t, Config{RequestsPerMinute: 1}, func(a *Account) { a.RequestsPerMinute = 3 })
	if a := b.do("GET", "/api/v2/groups", ""); a.header.Get("X-Rate-Limit") != "3" {
		t.Errorf("headers %v", a.header)
	}
}

func TestEndpointLimits(t *testing.T) {
	for name, c := range map[string]struct {
		cfg                        Config
		method, path, body, header string
	}{
		"create":        {Config{CreateLimit: 2}, "POST", "/api/v2/tickets", `{"ticket":{` + plain + `}}`, "zendesk-ratelimit-ticket-request-create-by-user-and-ip"},
		"index":         {Config{TicketsIndexLimit: 2}, "GET", "/api/v2/tickets", "", "zendesk-ratelimit-tickets-index"},
		"fields":        {Config{FieldsIndexLimit: 2}, "GET", "/api/v2/ticket_fields", "", "zendesk-ratelimit-ticket-fields-index"},
		"update":        {Config{UpdateLimit: 2}, "PUT", "/api/v2/tickets/1", `{"ticket":{}}`, "zendesk-ratelimit-tickets-update"},
		"ticket update": {Config{TicketUpdateLimit: 2}, "PUT", "/api/v2/tickets/1", `{"ticket":{}}`, "zendesk-ratelimit-per-ticket-updates"},
		"upsert":        {Config{UpsertLimit: 2}, "POST", "/api/v2/users/create_or_update", `{"user":{"name":"N","email":"n@example.com"}}`, "zendesk-ratelimit-users-create-or-update"},
		"2023":          {Config{TicketsIndexLimit: 2, Switches: Switches{Headers: Headers2023}}, "GET", "/api/v2/tickets", "", "zendesk-rate-limit-tickets-index"},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.RequestsPerMinute = 100
			b := newBench(t, c.cfg)
			if c.method == "PUT" {
				b.create(plain).want(t, 201)
			}
			for left := range 2 {
				a := b.do(c.method, c.path, c.body)
				want := "total=2; remaining=" + strconv.Itoa(1-left)
				if got := a.header.Get(c.header); a.status >= 300 || len(got) < len(want) || got[:len(want)] != want {
					t.Errorf("%d %q, want %q", a.status, got, want)
				}
			}
			a := b.do(c.method, c.path, c.body).want(t, 429)
			if a.header.Get("Retry-After") == "" || a.header.Get("X-Rate-Limit-Remaining") == "0" {
				t.Errorf("headers %v", a.header)
			}
			b.clock.move(10 * time.Minute)
			if a = b.do(c.method, c.path, c.body); a.status >= 300 {
				t.Errorf("after the window: %d", a.status)
			}
		})
	}
	b := newBench(t, Config{})
	for range deepLimit {
		b.do("GET", "/api/v2/tickets?page=501&per_page=1", "").want(t, 200)
	}
	b.do("GET", "/api/v2/tickets?page=501&per_page=1", "").want(t, 429)
}

func TestWindowsAreForgotten(t *testing.T) {
	l := &limits{windows: map[string]*window{}}
	at := newClock().now()
	for i := range 10_001 {
		l.take(strconv.Itoa(i), 1, time.Minute, at)
	}
	l.take("late", 1, time.Minute, at.Add(time.Hour))
	if len(l.windows) != 1 {
		t.Errorf("%d windows", len(l.windows))
	}
}
