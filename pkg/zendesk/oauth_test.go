package zendesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
	"passerelle/pkg/token"
)

// vault is a store for the clients of one test. Real ones are tested with the queue.
type vault struct {
	mu     sync.Mutex
	sealed map[string][]byte
	broken bool
}

func (v *vault) LoadToken(context.Context, string) ([]byte, error) { return nil, nil }
func (v *vault) SaveToken(context.Context, string, []byte) error   { return nil }
func (v *vault) LoadChain(_ context.Context, name string) ([]byte, uint64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.broken {
		return nil, 0, errors.New("nats: no responders")
	}
	return v.sealed[name], 0, nil
}

func (v *vault) SaveChain(_ context.Context, name string, sealed []byte, _ uint64) (uint64, bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sealed == nil {
		v.sealed = map[string][]byte{}
	}
	v.sealed[name] = sealed
	return 0, true, nil
}

func (v *vault) LeaseToken(context.Context, string, time.Duration) (func(), bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.broken {
		return nil, false, errors.New("nats: no responders")
	}
	return func() {}, true, nil
}

// branch is a simulated account with a client that has a refresh token.
func branch(t *testing.T, store token.Store, refresh string, change func(*simzendesk.Account)) (*Client, *simzendesk.AccountState) {
	t.Helper()
	sim := simzendesk.New(simzendesk.Config{})
	settings := simzendesk.Account{Name: "acme", OAuthClientID: "id", OAuthSecret: "hunter2", RefreshToken: "first-refresh-token"}
	if change != nil {
		change(&settings)
	}
	account := sim.AddAccount(settings)
	web := httptest.NewServer(sim)
	t.Cleanup(func() { _ = sim.Close(); web.Close() })
	a := Account{Name: "acme", URL: web.URL + "/acme", OAuth: func() (string, string, error) { return "id", "hunter2", nil }}
	if refresh != "" {
		a.RefreshToken = func() (string, error) { return refresh, nil }
	}
	c := NewClient(a, store)
	t.Cleanup(c.Close)
	return c, account
}

func find(t *testing.T, c *Client) error {
	t.Helper()
	_, _, err := c.Find(t.Context(), "iadvize:c1")
	return err
}

// pauses checks that the account waits for a person who is told what to do.
func pauses(t *testing.T, err error, hints ...string) {
	t.Helper()
	f := failure(t, err)
	if f.Trouble != ticket.TroubleAccount || f.Reason != ticket.ReasonCredentialsRefused || f.Gate != "zendesk/acme" {
		t.Errorf("failure = %+v", f)
	}
	for _, hint := range hints {
		if !strings.Contains(f.Hint, hint) {
			t.Errorf("hint = %q, want %q in it", f.Hint, hint)
		}
	}
	if strings.Contains(f.Error()+f.Hint, "first-refresh-token") {
		t.Errorf("the token is told: %v", f)
	}
}

func TestRefreshTokens(t *testing.T) {
	store := &vault{}
	c, account := branch(t, store, "first-refresh-token", nil)
	if err := find(t, c); err != nil {
		t.Fatal(err)
	}
	account.RevokeTokens() // a 401 at call time: renewed, and tried once more
	if err := find(t, c); err != nil {
		t.Fatal(err)
	}
	if err := c.KeepToken(t.Context()); err != nil {
		t.Error(err)
	}
	if got := account.TokenRequests(); got.ByGrant["refresh_token"] != 2 || got.Reused != 0 {
		t.Errorf("token requests = %+v", got)
	}
	for _, sealed := range store.sealed {
		if strings.Contains(string(sealed), "refresh") {
			t.Errorf("stored as it is: %q", sealed)
		}
	}
	account.RevokeRefreshTokens()
	const where = "zendesk.acme.auth.oauth.refresh_token"
	pauses(t, find(t, c), where, "authorise", "read%20write")
	pauses(t, find(t, c), where)
	pauses(t, c.KeepToken(t.Context()), where)
	if got := account.TokenRequests().Refused["invalid_grant"]; got != 1 {
		t.Errorf("asked %d times with a token that is refused", got)
	}
}

func TestARefreshTokenNeedsTheStore(t *testing.T) {
	c, _ := branch(t, nil, "first-refresh-token", nil)
	f := failure(t, find(t, c))
	if f.Trouble != ticket.TroubleAccount || !strings.Contains(f.Hint, "NATS") {
		t.Errorf("failure = %+v", f)
	}
	c, account := branch(t, &vault{broken: true}, "first-refresh-token", nil)
	if f := failure(t, find(t, c)); f.Trouble != ticket.TroubleAccount || !strings.Contains(f.Hint, "NATS") {
		t.Errorf("failure = %+v", f)
	}
	if got := account.TokenRequests(); len(got.ByGrant) != 0 {
		t.Errorf("token requests = %+v", got)
	}
	c.account.RefreshToken = func() (string, error) { return "", errors.New("ZENDESK_REFRESH_TOKEN is not set") }
	c = NewClient(c.account, &vault{})
	defer c.Close()
	err := find(t, c)
	pauses(t, err)
	if !strings.Contains(err.Error(), "ZENDESK_REFRESH_TOKEN") {
		t.Errorf("error = %v", err)
	}
}

func TestALostTokenAnswer(t *testing.T) {
	c, account := branch(t, &vault{}, "first-refresh-token", nil)
	account.Fault(simzendesk.Fault{Kind: simzendesk.ResetAfter, Path: "/oauth/tokens", Times: 1})
	if f := failure(t, find(t, c)); f.Trouble != ticket.TroubleAccount || f.Reason != ticket.ReasonExpired {
		t.Errorf("failure = %+v", f)
	}
	c.account.Now = func() time.Time { return time.Now().Add(time.Minute) } // another process, later
	c = NewClient(c.account, &vault{sealed: map[string][]byte{}})
	defer c.Close()
	pauses(t, find(t, c), "zendesk.acme.auth.oauth.refresh_token")
}

func TestScopes(t *testing.T) {
	t.Run("not the client's", func(t *testing.T) {
		c, _ := branch(t, nil, "", func(a *simzendesk.Account) { a.OAuthScopes = []string{"read"} })
		err := find(t, c)
		pauses(t, err, "read and write", "zendesk.acme.auth.oauth")
		if !strings.Contains(err.Error(), "invalid_scope") {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("not the token's", func(t *testing.T) {
		c, account := branch(t, &vault{}, "first-refresh-token", func(a *simzendesk.Account) { a.OAuthScopes = []string{"tickets:read"} })
		if err := find(t, c); err != nil {
			t.Fatal(err)
		}
		_, _, err := c.Create(t.Context(), draft)
		pauses(t, err, "read and write", "zendesk.acme.auth.oauth.refresh_token", "scope=read%20write")
		if len(account.Tickets()) != 0 {
			t.Error("a ticket was made")
		}
	})
}

func TestWhatTheTokenEndpointSays(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		reason ticket.Reason
		text   string
	}{
		"invalid client":    {say(401, `{"error":"invalid_client"}`), ticket.ReasonCredentialsRefused, "invalid_client"},
		"another grant":     {say(400, `{"error":"unauthorized_client"}`), ticket.ReasonCredentialsRefused, "confidential"},
		"revoked":           {say(400, `{"error":"invalid_grant","error_description":"x"}`), ticket.ReasonCredentialsRefused, "invalid_grant"},
		"limited":           {say(429, ``), ticket.ReasonExpired, "limit"},
		"down":              {say(502, `<html>`), ticket.ReasonExpired, "failed"},
		"cut short":         {say(200, `{"access_tok`), ticket.ReasonExpired, ""},
		"no access token":   {say(200, `{"refresh_token":"r"}`), ticket.ReasonExpired, ""},
		"redirect":          {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, ticket.ReasonCredentialsRefused, "address"},
		"no such subdomain": {say(404, `<html>`), ticket.ReasonCredentialsRefused, "address"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.answer)
			defer server.Close()
			c := NewClient(Account{
				Name: "acme", URL: server.URL, OAuth: func() (string, string, error) { return "id", "hunter2", nil },
				RefreshToken: func() (string, error) { return "first-refresh-token", nil },
			}, &vault{})
			defer c.Close()
			err := find(t, c)
			if f := failure(t, err); f.Trouble != ticket.TroubleAccount || f.Reason != tc.reason || !strings.Contains(f.Error()+f.Hint, tc.text) {
				t.Errorf("failure = %+v", f)
			}
		})
	}
}

func TestLivesThatAreAskedForAndTaken(t *testing.T) {
	for _, tc := range []struct{ want, asked time.Duration }{
		{0, 2 * time.Hour}, {time.Second, 5 * time.Minute}, {10 * time.Minute, 10 * time.Minute}, {1000 * time.Hour, 48 * time.Hour},
	} {
		for answered, life := range map[int64]time.Duration{0: tc.asked, 60: time.Minute, 1 << 40: 48 * time.Hour} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var body struct {
					ExpiresIn int64 `json:"expires_in"`
				}
				raw, _ := io.ReadAll(r.Body)
				if err := json.Unmarshal(raw, &body); err != nil || time.Duration(body.ExpiresIn)*time.Second != tc.asked {
					t.Errorf("asked for %s, want %v", raw, tc.asked)
				}
				fmt.Fprintf(w, `{"access_token":"a","expires_in":%d}`, answered)
			}))
			now := time.Now()
			c := NewClient(Account{
				Name: "acme", URL: server.URL, TokenLife: tc.want, Now: func() time.Time { return now },
				OAuth: func() (string, string, error) { return "id", "hunter2", nil },
			}, nil)
			got, err := c.logIn(t.Context())
			if err != nil || got.ExpiresAt.Sub(now) != life {
				t.Errorf("%v, answered %d s: lives %v, %v; want %v", tc.want, answered, got.ExpiresAt.Sub(now), err, life)
			}
			c.Close()
			server.Close()
		}
	}
	if APITokensEnd().Format(time.DateOnly) != "2027-04-30" {
		t.Error(APITokensEnd())
	}
}
