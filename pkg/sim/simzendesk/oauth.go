package simzendesk

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of token lives: https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/
const (
	minTokenLife       = 300         // seconds
	maxTokenLife       = 172_800     // seconds
	minRefreshLife     = 7 * 86_400  // seconds
	maxRefreshLife     = 90 * 86_400 // seconds
	defaultRefreshLife = 30 * 86_400 // seconds
	codeLife           = 2 * time.Minute
)

var granularResources = []string{"tickets", "users", "organizations", "triggers", "automations", "macros", "requests",
	"auditlogs", "hc", "apps", "targets", "webhooks", "satisfaction_ratings", "dynamic_content"}

// grant is a token that was handed out.
type grant struct {
	scopes []string
	ends   time.Time
	access string // of a refresh token: the access token that came with it, which ends with it
}

// TokenRequests counts what arrived at POST /oauth/tokens, faults not included.
type TokenRequests struct {
	ByGrant map[string]int `json:"by_grant"` // grant type to requests, refused ones included
	Refused map[string]int `json:"refused"`  // OAuth error code to requests
	Issued  int            `json:"issued"`   // access tokens
	Reused  int            `json:"reused"`   // requests with a refresh token that was used before
}

// tokens are an account's OAuth tokens. Safe for concurrent use.
type tokens struct {
	mu      sync.Mutex
	access  map[string]grant
	refresh map[string]grant
	codes   map[string]grant
	used    map[string]bool // refresh tokens
	counts  TokenRequests
}

func newTokens(account Account) *tokens {
	t := &tokens{
		access: map[string]grant{}, refresh: map[string]grant{}, codes: map[string]grant{}, used: map[string]bool{},
		counts: TokenRequests{ByGrant: map[string]int{}, Refused: map[string]int{}},
	}
	if account.RefreshToken != "" {
		t.refresh[account.RefreshToken] = grant{scopes: account.firstScopes()}
	}
	return t
}

// firstScopes are those that a person grants when the client does not say which.
func (acc *Account) firstScopes() []string {
	if acc.OAuthScopes != nil {
		return acc.OAuthScopes
	}
	return []string{"read", "write"}
}

// live tells whether the grant still holds. A first refresh token has no end.
func (g grant) live(now time.Time) bool {
	return g.ends.IsZero() || now.Before(g.ends)
}

func (t *tokens) find(token string, now time.Time) (grant, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, found := t.access[token]
	return g, found && g.live(now)
}

// RevokeTokens ends all access tokens of the account, as when the client's user loses access for a while. Refresh
// tokens stay.
func (a *AccountState) RevokeTokens() {
	a.tokens.mu.Lock()
	defer a.tokens.mu.Unlock()
	clear(a.tokens.access)
}

// TokensIssued counts the access tokens that were handed out.
func (a *AccountState) TokensIssued() int {
	a.tokens.mu.Lock()
	defer a.tokens.mu.Unlock()
	return a.tokens.counts.Issued
}

// TokenRequests counts what was asked for and what was refused.
func (a *AccountState) TokenRequests() TokenRequests {
	a.tokens.mu.Lock()
	defer a.tokens.mu.Unlock()
	counts := a.tokens.counts
	counts.ByGrant, counts.Refused = maps.Clone(counts.ByGrant), maps.Clone(counts.Refused)
	return counts
}

// NewRefreshToken is what a person gets by an authorization-code flow. Without scopes it has those of the account's
// client. It has no end until it is used.
func (a *AccountState) NewRefreshToken(scopes ...string) string {
	a.tokens.mu.Lock()
	defer a.tokens.mu.Unlock()
	if len(scopes) == 0 {
		scopes = a.account.firstScopes()
	}
	refresh := rand.Text()
	a.tokens.refresh[refresh] = grant{scopes: scopes}
	return refresh
}

// RevokeRefreshTokens ends all refresh tokens of the account, and the access tokens that came with them.
func (a *AccountState) RevokeRefreshTokens() {
	a.tokens.mu.Lock()
	defer a.tokens.mu.Unlock()
	for _, g := range a.tokens.refresh {
		delete(a.tokens.access, g.access)
	}
	clear(a.tokens.refresh)
}

// NewAuthorizationCode makes a code for grant type authorization_code. It can be used once, within two minutes.
func (a *AccountState) NewAuthorizationCode(scopes ...string) string {
	a.tokens.mu.Lock()
	defer a.tokens.mu.Unlock()
	code := rand.Text()
	a.tokens.codes[code] = grant{scopes: scopes, ends: a.now().Add(codeLife)}
	return code
}

func oauthError(status int, code, description string) reply {
	return jsonReply(status, object{"error": code, "error_description": description})
}

// issueToken answers POST /oauth/tokens, in JSON or as a form.
func issueToken(c *call) reply {
	in := input{}
	r := c.issueToken(in)
	c.a.tokens.count(in.text("grant_type"), r)
	return r
}

func (t *tokens) count(grantType string, r reply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.ByGrant[grantType]++
	var refused struct {
		Error string `json:"error"`
	}
	if r.Status != http.StatusOK && json.Unmarshal(r.Body, &refused) == nil {
		t.counts.Refused[refused.Error]++
	}
}

func (c *call) issueToken(in input) reply {
	if strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		values, err := url.ParseQuery(string(c.body))
		if err != nil {
			return oauthError(http.StatusBadRequest, "invalid_request", "the form cannot be read")
		}
		for key := range values {
			in[key] = values.Get(key)
		}
	} else if bad := c.decode((*map[string]any)(&in)); bad != nil {
		return oauthError(http.StatusBadRequest, "invalid_request", "the body is not JSON")
	}
	account := &c.a.account
	if account.OAuthClientID == "" || in.text("client_id") != account.OAuthClientID ||
		subtle.ConstantTimeCompare([]byte(in.text("client_secret")), []byte(account.OAuthSecret)) != 1 {
		return oauthError(http.StatusUnauthorized, "invalid_client", "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.")
	}
	life, ok := lifeOf(in, "expires_in", int(account.OAuthTokenLife/time.Second), minTokenLife, maxTokenLife)
	refreshLife, refreshOK := lifeOf(in, "refresh_token_expires_in", defaultRefreshLife, minRefreshLife, maxRefreshLife)
	if !ok || !refreshOK {
		return oauthError(http.StatusBadRequest, "invalid_request", "expires_in or refresh_token_expires_in is out of bounds")
	}
	scopes := strings.Fields(in.text("scope"))
	if len(scopes) == 0 && in.text("grant_type") != "refresh_token" {
		scopes = []string{"read"}
	}
	if !account.mayAsk(scopes) {
		return oauthError(http.StatusBadRequest, "invalid_scope", "The requested scope is invalid, unknown, or malformed.")
	}
	if account.GrantedScopes != nil {
		scopes = account.GrantedScopes
	}
	return c.a.tokens.issue(in, scopes, c.now, life, refreshLife)
}

// showCurrentToken tells of the token in use: https://developer.zendesk.com/api-reference/ticketing/oauth/oauth_tokens/
func showCurrentToken(c *call) reply {
	if c.scopes == nil {
		return notFound()
	}
	return jsonReply(http.StatusOK, object{"token": object{"scopes": c.scopes, "user_id": c.user.ID, "token": "hidden"}})
}

// lifeOf reads seconds. The default may be shorter than the least that can be asked for.
func lifeOf(in input, key string, standard, least, most int) (int, bool) {
	if in[key] == nil {
		return standard, true
	}
	n := int(in.number(key))
	return n, n >= least && n <= most
}

func (acc *Account) mayAsk(scopes []string) bool {
	return !slices.ContainsFunc(scopes, func(s string) bool {
		if acc.OAuthScopes != nil {
			return !slices.Contains(acc.OAuthScopes, s)
		}
		resource, access, granular := strings.Cut(s, ":")
		if granular {
			return !slices.Contains(granularResources, resource) || access != "read" && access != "write"
		}
		return s != "read" && s != "write" && s != "impersonate"
	})
}

func (t *tokens) issue(in input, scopes []string, now time.Time, life, refreshLife int) reply {
	t.mu.Lock()
	defer t.mu.Unlock()
	refreshable := true
	switch in.text("grant_type") {
	case "client_credentials":
		refreshable = false
	case "refresh_token", "authorization_code":
		kind, key := t.refresh, in.text("refresh_token")
		if in.text("grant_type") == "authorization_code" {
			kind, key = t.codes, in.text("code")
		}
		if t.used[key] {
			t.counts.Reused++
		}
		g, found := kind[key]
		if !found || !g.live(now) {
			return oauthError(http.StatusBadRequest, "invalid_grant", "The provided authorization grant is invalid, expired, revoked, or was issued to another client.")
		}
		if in.text("grant_type") == "refresh_token" {
			if slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(g.scopes, s) }) {
				return oauthError(http.StatusBadRequest, "invalid_scope", "The requested scope exceeds the scope granted by the resource owner.")
			}
			t.used[key] = true
		}
		// The exchange ends the refresh token and the access token that came with it:
		// https://support.zendesk.com/hc/en-us/articles/9182123625370
		delete(kind, key)
		delete(t.access, g.access)
		if len(scopes) == 0 || in.text("grant_type") == "authorization_code" {
			scopes = g.scopes
		}
		if len(scopes) == 0 {
			scopes = []string{"read"}
		}
	default:
		return oauthError(http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server.")
	}
	for token, g := range t.access {
		if !g.live(now) {
			delete(t.access, token)
		}
	}
	access := rand.Text() + rand.Text()
	t.access[access] = grant{scopes: scopes, ends: now.Add(time.Duration(life) * time.Second)}
	t.counts.Issued++
	body := object{"access_token": access, "token_type": "bearer", "scope": strings.Join(scopes, " "), "expires_in": life}
	if refreshable {
		refresh := rand.Text() + rand.Text()
		t.refresh[refresh] = grant{scopes, now.Add(time.Duration(refreshLife) * time.Second), access}
		body["refresh_token"], body["refresh_token_expires_in"] = refresh, refreshLife
	}
	return jsonReply(http.StatusOK, body)
}
