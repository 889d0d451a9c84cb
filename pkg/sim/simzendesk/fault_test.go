package simzendesk

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestFaultsThatAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		fault   Fault
		status  int
		body    string
		created bool
	}{
		"status":         {Fault{Kind: Status, Status: 418, Body: `{"a":1}`, Header: map[string]string{"retry-after": "9"}}, 418, `{"a":1}`, false},
		"status alone":   {Fault{Kind: Status}, 500, `{"error":"SimulatedFailure","description":"simulated failure"}`, false},
		"html":           {Fault{Kind: HTML502}, 502, "<h1>502 Bad Gateway</h1>", false},
		"html after":     {Fault{Kind: HTML502After}, 502, "<h1>502 Bad Gateway</h1>", true},
		"empty":          {Fault{Kind: Empty500}, 500, "", false},
		"unavailable":    {Fault{Kind: Unavailable, RetryAfter: 9}, 503, "Service Unavailable", false},
		"limited":        {Fault{Kind: RateLimited, RetryAfter: 9}, 429, accountLimitWords, false},
		"limited 1":      {Fault{Kind: RateLimited, Variant: 1}, 429, `"error":"APIRateLimitExceeded"`, false},
		"limited 2":      {Fault{Kind: RateLimited, Variant: 2}, 429, accountLimitWords, false},
		"limited 3":      {Fault{Kind: RateLimited, Variant: 3}, 429, `"title":"Too many requests to update"`, false},
		"limited 4":      {Fault{Kind: RateLimited, Variant: 4}, 429, `"status":"429"`, false},
		"limited 5":      {Fault{Kind: RateLimited, Variant: 5}, 429, `"error":"TooManyJobs"`, false},
		"jobs":           {Fault{Kind: TooManyJobs}, 429, `"current_job_ids":["V3-0`, false},
		"jobs 422":       {Fault{Kind: TooManyJobs, Status: 422}, 422, `"error":"TooManyJobs"`, false},
		"conflict":       {Fault{Kind: Conflict409}, 409, `{"description":"Database collision","error":"DatabaseConflict"}`, false},
		"conflict after": {Fault{Kind: Conflict409After}, 409, `"DatabaseConflict"`, true},
		"deadlock":       {Fault{Kind: Deadlock, RetryAfter: 9}, 503, `"DatabaseDeadlock"`, false},
		"forbidden":      {Fault{Kind: Forbidden}, 403, `"title":"Forbidden"`, false},
		"unauthorized":   {Fault{Kind: Unauthorized}, 401, `{"error":"Couldn't authenticate you"}`, false},
		"locked":         {Fault{Kind: Locked}, 423, `"Locked"`, false},
		"not JSON":       {Fault{Kind: NonJSON200}, 200, "<h1>Please wait</h1>", false},
		"redirect":       {Fault{Kind: Redirect302}, 302, "Found", false},
		"redirect to":    {Fault{Kind: Redirect302, Location: "https://other.example/"}, 302, "Found", false},
		"unknown":        {Fault{Kind: "weather"}, 500, "UnknownFault", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{})
			c.fault.Method, c.fault.Path = "POST", "/api/v2/tickets"
			remove := b.acme.Fault(c.fault)
			b.do("GET", "/api/v2/tickets", "").want(t, 200)
			a := b.create(plain).want(t, c.status)
			if !strings.Contains(a.raw, c.body) || c.body == "" && a.raw != "" {
				t.Errorf("body %q", a.raw)
			}
			if (c.fault.RetryAfter != 0 || c.fault.Header != nil) && a.header.Get("Retry-After") != "9" {
				t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
			}
			if c.fault.Kind == Redirect302 && a.header.Get("Location") == "" {
				t.Error("no Location")
			}
			if (len(b.acme.Tickets()) == 1) != c.created {
				t.Errorf("%d tickets", len(b.acme.Tickets()))
			}
			remove()
			b.create(plain).want(t, 201)
		})
	}
	b := newBench(t, Config{Switches: Switches{Account429: JSONBody}})
	b.acme.Fault(Fault{Kind: RateLimited, Times: 1})
	wantJSON(t, b.create(plain).want(t, 429).at("error"), `"APIRateLimitExceeded"`)
	b.acme.Fault(Fault{Kind: Unauthorized})
	wantJSON(t, b.do("GET", "/api/v2/tickets", "", "Authorization", "Bearer x").want(t, 401).at("error"), `"invalid_token"`)
}

func TestFaultsThatBreakTheConnection(t *testing.T) {
	for kind, created := range map[FaultKind]bool{ResetBefore: false, ResetAfter: true, TruncatedBody: true} {
		b := newBench(t, Config{})
		b.acme.Fault(Fault{Kind: kind, Times: 1})
		if a, err := b.try(b.request("POST", "/api/v2/tickets", `{"ticket":{`+plain+`}}`, "Idempotency-Key", "k")); err == nil {
			t.Errorf("%s: %d %s", kind, a.status, a.raw)
		}
		if (len(b.acme.Tickets()) == 1) != created {
			t.Errorf("%s: %d tickets", kind, len(b.acme.Tickets()))
		}
		// A retry with the key finds the ticket that the client never heard of.
		b.do("POST", "/api/v2/tickets", `{"ticket":{`+plain+`}}`, "Idempotency-Key", "k").want(t, 201)
		if len(b.acme.Tickets()) != 1 {
			t.Errorf("%s: doubled", kind)
		}
	}
	b := newBench(t, Config{})
	b.acme.Fault(Fault{Kind: HugeBody})
	if a := b.create(plain).want(t, 201); len(a.raw) <= hugeBody || a.id("ticket", "id") != 1 {
		t.Errorf("%d bytes", len(a.raw))
	}
	// Without a connection of its own the stream is broken off.
	w := httptest.NewRecorder()
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Error("not aborted")
		}
	}()
	reset(w)
}

func TestHangs(t *testing.T) {
	for kind, created := range map[FaultKind]int{Hang: 0, HangAfter: 1} {
		for _, closed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := New(Config{})
				a := s.AddAccount(acme())
				a.Fault(Fault{Kind: kind, Match: func(r *http.Request) bool { return r.Method == "POST" }})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r := httptest.NewRequestWithContext(ctx, "POST", "/acme/api/v2/tickets", strings.NewReader(`{"ticket":{`+plain+`}}`))
				r.SetBasicAuth("admin@acme.example/token", "secret")
				var wg sync.WaitGroup
				wg.Go(func() {
					defer func() {
						if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
							t.Errorf("%s: answered", kind)
						}
					}()
					s.ServeHTTP(httptest.NewRecorder(), r)
				})
				synctest.Wait()
				if n := len(a.Tickets()); n != created {
					t.Errorf("%s: %d tickets, want %d", kind, n, created)
				}
				if !closed {
					cancel()
				} else if err := s.Close(); err != nil {
					t.Error(err)
				}
				wg.Wait()
			})
		}
	}
}

func TestSlowWorkIsDoneEvenWhenTheClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		a := s.AddAccount(acme())
		a.Fault(Fault{Kind: Slow, Delay: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, "POST", "/acme/api/v2/tickets", strings.NewReader(`{"ticket":{`+plain+`}}`))
		r.SetBasicAuth("admin@acme.example/token", "secret")
		started := time.Now()
		s.ServeHTTP(httptest.NewRecorder(), r)
		if took := time.Since(started); took != time.Second {
			t.Errorf("took %v", took)
		}
		if len(a.Tickets()) != 1 {
			t.Error("the work was not done")
		}
	})
}

func TestWhichRequestsMeetAFault(t *testing.T) {
	for path, want := range map[string]bool{
		"": true, "/api/v2/tickets/{id}": true, "/api/v2/tickets/*": true, "/api/v2/tickets/7": true, "/api/v2/tickets": false, "/api/*": false, "[": false,
	} {
		b := newBench(t, Config{})
		b.acme.Fault(Fault{Kind: Empty500, Path: path})
		if a := b.do("GET", "/api/v2/tickets/7.json", ""); (a.status == 500) != want {
			t.Errorf("%q: status %d", path, a.status)
		}
	}
	b := newBench(t, Config{Seed: 7})
	b.acme.Fault(Fault{Kind: Empty500, Share: 0.5})
	met := 0
	for range 200 {
		if b.do("GET", "/api/v2/groups", "").status == 500 {
			met++
		}
	}
	if met < 70 || met > 130 {
		t.Errorf("%d of 200 met a fault with share 0.5", met)
	}
	b.acme.ClearFaults()
	b.acme.Fault(Fault{Kind: Empty500, Times: 2})
	b.acme.Fault(Fault{Kind: HTML502, Times: 1})
	for _, want := range []int{500, 500, 502, 200} {
		b.do("GET", "/api/v2/groups", "").want(t, want)
	}
}
