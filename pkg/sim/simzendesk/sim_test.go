package simzendesk

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
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
	mu sync.Mutex
	at time.Time
}

func newClock() *clock {
	return &clock{at: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// bench is a server behind real HTTP, with one account.
type bench struct {
	t      *testing.T
	sim    *Server
	acme   *AccountState
	url    string // of the account
	clock  *clock
	client *http.Client
}

func acme() Account {
	return Account{Name: "acme", APITokenEmail: "admin@acme.example", APIToken: "secret", OAuthClientID: "passerelle", OAuthSecret: "hush"}
}

func newBench(t *testing.T, cfg Config, changes ...func(*Account)) *bench {
	t.Helper()
	b := &bench{t: t, clock: newClock()}
	if cfg.Now == nil {
		cfg.Now = b.clock.now
	}
	account := acme()
	for _, change := range changes {
		change(&account)
	}
	b.sim = New(cfg)
	if err := b.sim.Err(); err != nil {
		t.Fatal(err)
	}
	b.acme = b.sim.AddAccount(account)
	web := httptest.NewServer(b.sim)
	b.url = web.URL + "/acme"
	b.client = &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		if err := b.sim.Close(); err != nil {
			t.Error(err)
		}
		b.client.CloseIdleConnections()
		web.Close()
	})
	return b
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (b *bench) request(method, path, body string, header ...string) *http.Request {
	b.t.Helper()
	url := b.url + path
	if strings.HasPrefix(path, "/_sim") {
		url = strings.TrimSuffix(b.url, "/acme") + path
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.SetBasicAuth("admin@acme.example/token", "secret")
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (b *bench) do(method, path, body string, header ...string) answer {
	b.t.Helper()
	a, err := b.try(b.request(method, path, body, header...))
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (b *bench) try(r *http.Request) (answer, error) {
	res, err := b.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header, raw: string(raw)}
	if json.Unmarshal(raw, &a.body) != nil {
		a.body = nil
	}
	return a, nil
}

// want fails the test when the status is another one.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %.600s", a.status, status, a.raw)
	}
	return a
}

// at walks into the body: at("ticket", "id"), at("results", 0).
func (a answer) at(path ...any) any {
	var v any = a.body
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

func (a answer) id(path ...any) int64 {
	n, _ := a.at(path...).(float64)
	return int64(n)
}

// create makes a ticket out of the inside of its JSON object.
func (b *bench) create(inside string) answer {
	b.t.Helper()
	return b.do("POST", "/api/v2/tickets", `{"ticket":{`+inside+`}}`)
}

const plain = `"subject":"Hello","comment":{"body":"text"}`

// js is a value as JSON, to compare and to print.
func js(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

func wantJSON(t *testing.T, got any, want string) {
	t.Helper()
	if s := js(got); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func (b *bench) agent(name string, change ...func(*User)) User {
	u := User{Name: name, Email: name + "@acme.example", Role: RoleAgent}
	for _, c := range change {
		c(&u)
	}
	return b.acme.AddUser(u)
}

func benchRequest(s *Server, body string) int {
	r := httptest.NewRequest("POST", "/acme/api/v2/tickets", strings.NewReader(body))
	r.SetBasicAuth("admin@acme.example/token", "secret")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code
}
