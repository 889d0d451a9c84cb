package simiadvize

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// platform is a running simulator with one user, and a client for it.
type platform struct {
	*Server
	t      *testing.T
	url    string
	clock  *clock
	client *http.Client
	token  string
}

func start(t *testing.T, cfg Config) *platform {
	t.Helper()
	p := &platform{t: t, clock: &clock{now: noon}, client: &http.Client{Transport: &http.Transport{}}}
	cfg.Users = []User{{"api@example.com", "secret"}}
	if cfg.Now == nil {
		cfg.Now = p.clock.Now
	}
	if cfg.RetryDelays == nil {
		cfg.RetryDelays = []time.Duration{0, 0}
	}
	server, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	p.Server, p.url = server, front.URL
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		p.client.CloseIdleConnections()
		front.Close()
	})
	return p
}

func (p *platform) login(user, password string) (int, map[string]any) {
	p.t.Helper()
	form := url.Values{"username": {user}, "password": {password}, "grant_type": {"password"}}
	return p.do(http.MethodPost, "/oauth2/token", "application/x-www-form-urlencoded", form.Encode())
}

func (p *platform) do(method, path, contentType, body string) (int, map[string]any) {
	p.t.Helper()
	status, raw, err := p.try(method, path, contentType, body)
	if err != nil {
		p.t.Fatal(err)
	}
	var out map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			p.t.Fatalf("%s %s: %v in %.200s", method, path, err, raw)
		}
	}
	return status, out
}

func (p *platform) try(method, path, contentType, body string) (int, []byte, error) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, raw, err
}

// query logs in when there is no token yet, asks, and returns the status and the body.
func (p *platform) query(path, query string, variables map[string]any) (int, map[string]any) {
	p.t.Helper()
	if p.token == "" {
		_, body := p.login("api@example.com", "secret")
		p.token, _ = body["access_token"].(string)
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(http.MethodPost, path, "application/json", string(body))
}

// ask expects data and no error.
func (p *platform) ask(query string, variables map[string]any) map[string]any {
	p.t.Helper()
	status, body := p.query("/graphql", query, variables)
	if status != http.StatusOK || body["errors"] != nil {
		p.t.Fatalf("status %d, body %v", status, body)
	}
	return body["data"].(map[string]any)
}

func (p *platform) add(c Conversation) {
	p.t.Helper()
	if err := p.Add(c); err != nil {
		p.t.Fatal(err)
	}
}

// at follows keys and indexes into decoded JSON.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("%v: no object at %q but %v", path, step, v)
			}
			v = m[step]
		case int:
			l, ok := v.([]any)
			if !ok || step >= len(l) {
				t.Fatalf("%v: no element %d in %v", path, step, v)
			}
			v = l[step]
		}
	}
	return v
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

const (
	id1 = "4c8c7408-f73c-42cd-89e9-afbbee7d9024"
	id2 = "5c8c7408-f73c-42cd-89e9-afbbee7d9024"
	id3 = "6c8c7408-f73c-42cd-89e9-afbbee7d9024"
)

func number(n int) *int { return &n }

// rich is a conversation with everything.
func rich() Conversation {
	return Conversation{
		ID: id1, LegacyID: 77, ProjectID: 1234, Channel: "CHAT", Language: "fr",
		CreatedAt: noon.Add(-10 * time.Minute), ClosedAt: noon.Add(-time.Minute - 5*time.Second),
		Visitor: &Visitor{ID: id2, ExternalID: "63429889", ExternalUserID: "C-9", FirstName: "Anne", Email: "Anne@example.fr", Country: "FR"},
		Agents: []Agent{
			{ID: 1, Kind: Bot, LastName: "Bot"},
			{ID: 2, Email: "luc@example.fr", FirstName: "Luc", LastName: "Petit", UserName: "Luc"},
			{ID: 3, Kind: Expert, LastName: "Expert"},
		},
		Messages: []Message{
			{Kind: Pushed, AgentID: 1},
			{Kind: VisitorSaid, Text: "Où est <b>ma</b> commande ? 😀", Attachments: []Attachment{{URL: "https://files.example.com/1.png", Name: "1.png"}}},
			{Kind: AgentSaid, AgentID: 1, Text: "Un instant."},
			{Kind: Pushed, AgentID: 2},
			{Kind: AgentSaid, AgentID: 2, Text: "{{ticket.id}}"},
			{Kind: AgentSaid, AgentID: 99},
			{Kind: System},
			{Kind: Closed},
		},
		Tags:        []Tag{{4, "late order"}},
		Survey:      &Survey{CustomerSatisfaction: number(5), Comment: "merci"},
		ClosingForm: []FormValue{{FieldID: EscalationField, Value: "true", Checkbox: true}, {FieldID: "private_note", Value: strings.Repeat("é", 1030)}},
		CustomData:  []CustomData{{Key: "cart", Value: "12"}},
	}
}
