package simiadvize

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

func (p *platform) fault(f Fault) (remove func()) {
	p.t.Helper()
	remove, err := p.Fault(f)
	if err != nil {
		p.t.Fatal(err)
	}
	return remove
}

func TestFaultKinds(t *testing.T) {
	p := start(t, Config{})
	p.add(rich())
	p.ask(`{ __typename }`, nil) // logs in
	const body = `{"query":"{ conversation(id: \"` + id1 + `\") { channel } }"}`
	const right = `{"data":{"conversation":{"channel":"CHAT"}}}`
	for name, c := range map[string]struct {
		fault  Fault
		status int
		body   string // contained; "" = none
	}{
		"status":          {Fault{Kind: Status, Status: 503, RetryAfter: "3"}, 503, "simulated"},
		"status default":  {Fault{Kind: Status, Body: "gone"}, 500, "gone"},
		"slow":            {Fault{Kind: Slow, Delay: time.Millisecond}, 200, right},
		"graphql error":   {Fault{Kind: GraphQLError, Message: "boom"}, 200, `"data":null,"errors":[{"locations":[{"column":1,"line":1}],"message":"boom"`},
		"graphql error 4": {Fault{Kind: GraphQLError, Status: 400}, 400, "Internal server error"},
		"graphql partial": {Fault{Kind: GraphQLPartial, Message: "half"}, 200, `"message":"half"`},
		"html":            {Fault{Kind: HTML}, 502, "<h1>502"},
		"html 200":        {Fault{Kind: HTML, Status: 200, Body: "<p>"}, 200, "<p>"},
		"empty":           {Fault{Kind: Empty}, 200, ""},
		"empty 504":       {Fault{Kind: Empty, Status: 504}, 504, ""},
		"truncated":       {Fault{Kind: Truncated}, 200, right[:15]},
		"invalid token":   {Fault{Kind: InvalidToken}, 401, "invalid_token"},
		"huge":            {Fault{Kind: Huge}, 200, strings.Repeat(" ", 64<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			remove := p.fault(c.fault)
			status, got, err := p.try(http.MethodPost, "/graphql", "application/json", body)
			remove()
			if err != nil || status != c.status || !strings.Contains(string(got), c.body) || c.body == "" && len(got) > 0 {
				t.Errorf("status %d, body %.200s, error %v", status, got, err)
			}
			if c.fault.Kind == Truncated && len(got) >= len(right) {
				t.Errorf("%s is not cut", got)
			}
			if status == http.StatusUnauthorized {
				_, body := p.login("api@example.com", "secret")
				p.token = body["access_token"].(string)
			}
		})
	}
	p.fault(Fault{Kind: GraphQLPartial, Endpoint: TokenEndpoint, Times: 1})
	if status, _ := p.login("api@example.com", "secret"); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	p.fault(Fault{Kind: Reset, Times: 1})
	if _, _, err := p.try(http.MethodPost, "/graphql", "application/json", body); err == nil {
		t.Error("no reset")
	}
	if status, got, err := p.try(http.MethodPost, "/graphql", "application/json", body); err != nil || !strings.HasPrefix(string(got), right[:len(right)-1]) {
		t.Errorf("afterwards: status %d, body %s, error %v", status, got, err)
	}
}

func TestHangEndsWithClientOrServer(t *testing.T) {
	for _, byClose := range []bool{true, false} {
		p := start(t, Config{})
		p.fault(Fault{Kind: Hang})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/_authenticated", nil)
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan error)
		go func() {
			resp, err := p.client.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			failed <- err
		}()
		for p.Requests().Faults == 0 { // the request has arrived when it is counted
			runtime.Gosched()
		}
		if byClose {
			if err := p.Server.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			cancel()
		}
		if err := <-failed; err == nil || errors.Is(err, context.Canceled) == byClose {
			t.Errorf("by close %v: %v", byClose, err)
		}
	}
}

func TestFaultChoice(t *testing.T) {
	p := start(t, Config{Seed: 7})
	broken := func(method, path, body string) bool {
		status, _, err := p.try(method, path, "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		return status == http.StatusTeapot
	}
	remove := p.fault(Fault{Kind: Status, Status: http.StatusTeapot, Endpoint: GraphQLEndpoint, Contains: "closedConversations"})
	if broken("GET", "/_authenticated", "") || broken("POST", "/graphql", "conversation") || !broken("POST", "/graphql", "closedConversations") {
		t.Error("the wrong requests fail")
	}
	remove()
	if broken("POST", "/graphql", "closedConversations") || len(p.Faults()) != 0 {
		t.Error("a removed fault is met")
	}
	p.fault(Fault{Kind: Status, Status: http.StatusTeapot, Times: 2})
	n := 0
	for range 5 {
		if broken("GET", "/_authenticated", "") {
			n++
		}
	}
	if n != 2 {
		t.Errorf("met %d times, want 2", n)
	}
	p.fault(Fault{Kind: Status, Status: http.StatusTeapot, Share: 0.3})
	n = 0
	for range 400 {
		if broken("GET", "/_authenticated", "") {
			n++
		}
	}
	if n < 80 || n > 160 {
		t.Errorf("%d of 400, want about 120", n)
	}
	p.ClearFaults()
	if broken("GET", "/_authenticated", "") {
		t.Error("a cleared fault is met")
	}
	for _, bad := range []Fault{{}, {Kind: "x"}, {Kind: Hang, Endpoint: "x"}, {Kind: Hang, Share: 2}, {Kind: Status, Status: 99}} {
		if _, err := p.Fault(bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func TestLatency(t *testing.T) {
	p := start(t, Config{Latency: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/_authenticated", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if status, _ := p.do(http.MethodGet, "/_sim/requests", "", ""); status != http.StatusOK {
		t.Errorf("the control surface is slow too: %d", status)
	}
}
