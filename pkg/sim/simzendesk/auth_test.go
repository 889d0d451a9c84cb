package simzendesk

import (
	"fmt"
	"net/url"
	"testing"
	"time"
)

func TestBasicAuthentication(t *testing.T) {
	b := newBench(t, Config{})
	b.agent("ann")
	b.agent("gone", func(u *User) { u.Suspended = true })
	b.acme.AddUser(User{Name: "Vera", Email: "vera@example.com"})
	for name, c := range map[string]struct {
		user, secret string
		tickets, me  int
		id           bool
	}{
		"admin":    {"admin@acme.example/token", "secret", 200, 200, true},
		"agent":    {"ann@acme.example/token", "secret", 200, 200, true},
		"wrong":    {"admin@acme.example/token", "wrong", 401, 401, false},
		"nobody":   {"who@acme.example/token", "secret", 401, 401, false},
		"end user": {"vera@example.com/token", "secret", 401, 401, false},
		"gone":     {"gone@acme.example/token", "secret", 401, 401, false},
		"password": {"admin@acme.example", "secret", 401, 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			for path, want := range map[string]int{"/api/v2/tickets": c.tickets, "/api/v2/users/me": c.me} {
				r := b.request("GET", path, "")
				r.SetBasicAuth(c.user, c.secret)
				a, err := b.try(r)
				if err != nil {
					t.Fatal(err)
				}
				a.want(t, want)
				if want == 401 {
					wantJSON(t, a.body, `{"error":"Couldn't authenticate you"}`)
				}
				if path == "/api/v2/users/me" && (a.id("user", "id") != 0) != c.id {
					t.Errorf("me: %.200s", a.raw)
				}
			}
		})
	}
	// Imports and changes of fields are for admins.
	for path, method := range map[string]string{"/api/v2/imports/tickets": "POST", "/api/v2/ticket_fields": "POST", "/api/v2/ticket_fields/1": "PUT"} {
		r := b.request(method, path, `{}`)
		r.SetBasicAuth("ann@acme.example/token", "secret")
		a, err := b.try(r)
		if err != nil {
			t.Fatal(err)
		}
		wantJSON(t, a.want(t, 403).at("error", "title"), `"Forbidden"`)
	}
}

func TestClientCredentials(t *testing.T) {
	b := newBench(t, Config{}, func(a *Account) { a.OAuthScopes = []string{"read", "tickets:write"} })
	token := func(in string) answer {
		return b.do("POST", "/oauth/tokens", `{"grant_type":"client_credentials","client_id":"passerelle","client_secret":"hush"`+in+`}`)
	}
	a := token(`,"scope":"read tickets:write"`).want(t, 200)
	if a.at("refresh_token") != nil || a.id("expires_in") != 1800 || a.at("token_type") != "bearer" || a.at("scope") != "read tickets:write" {
		t.Errorf("%s", a.raw)
	}
	bearer := "Bearer " + a.at("access_token").(string)
	b.do("GET", "/api/v2/groups", "", "Authorization", bearer).want(t, 200)
	b.do("POST", "/api/v2/tickets", `{"ticket":{`+plain+`}}`, "Authorization", bearer).want(t, 201)
	b.do("POST", "/api/v2/imports/tickets", `{"ticket":{`+plain+`}}`, "Authorization", bearer).want(t, 201)
	refused := b.do("POST", "/api/v2/users/create_or_update", `{}`, "Authorization", bearer).want(t, 403)
	wantJSON(t, refused.at("error"), `"Forbidden"`)
	b.clock.move(30 * time.Minute)
	wantJSON(t, b.do("GET", "/api/v2/groups", "", "Authorization", bearer).want(t, 401).at("error"), `"invalid_token"`)

	for in, want := range map[string]string{
		`,"scope":"write"`:                               "invalid_scope",
		`,"expires_in":299`:                              "invalid_request",
		`,"expires_in":172801`:                           "invalid_request",
		`,"refresh_token_expires_in":1`:                  "invalid_request",
		`,"grant_type":"password"`:                       "unsupported_grant_type",
		`,"client_secret":"wrong"`:                       "invalid_client",
		`,"grant_type":"refresh_token"`:                  "invalid_grant",
		`,"grant_type":"authorization_code","code":"no"`: "invalid_grant",
		`,`: "invalid_request",
	} {
		if a := token(in); a.at("error") != want {
			t.Errorf("%s: %d %s", in, a.status, a.raw)
		}
	}
	a = token(`,"expires_in":300`).want(t, 200)
	bearer = "Bearer " + a.at("access_token").(string)
	b.acme.RevokeTokens()
	b.do("GET", "/api/v2/groups", "", "Authorization", bearer).want(t, 401)
	if b.acme.TokensIssued() != 2 {
		t.Errorf("%d tokens", b.acme.TokensIssued())
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	b := newBench(t, Config{}, func(a *Account) { a.RefreshToken = "first" })
	refresh := func(token string) answer {
		form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"passerelle"}, "client_secret": {"hush"}, "refresh_token": {token}}
		return b.do("POST", "/oauth/tokens", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	second := refresh("first").want(t, 200)
	wantJSON(t, refresh("first").want(t, 400).at("error"), `"invalid_grant"`)
	if got := second.id("refresh_token_expires_in"); got != 30*86400 {
		t.Errorf("a refresh token of %d s", got)
	}
	third := refresh(second.at("refresh_token").(string)).want(t, 200)
	b.do("GET", "/api/v2/tickets", "", "Authorization", "Bearer "+second.at("access_token").(string)).want(t, 401) // it ended with its refresh token
	b.do("GET", "/api/v2/tickets", "", "Authorization", "Bearer "+third.at("access_token").(string)).want(t, 200)
	b.clock.move(30 * 24 * time.Hour)
	refresh(third.at("refresh_token").(string)).want(t, 400)
	wantJSON(t, b.acme.TokenRequests(), `{"by_grant":{"refresh_token":4},"refused":{"invalid_grant":2},"issued":2,"reused":1}`)

	code := func(c string) answer {
		return b.do("POST", "/oauth/tokens", fmt.Sprintf(`{"grant_type":"authorization_code","client_id":"passerelle","client_secret":"hush","code":%q}`, c))
	}
	c := b.acme.NewAuthorizationCode("tickets:read")
	wantJSON(t, code(c).want(t, 200).at("scope"), `"tickets:read"`)
	code(c).want(t, 400)
	c = b.acme.NewAuthorizationCode()
	b.clock.move(codeLife)
	code(c).want(t, 400)
	b.do("POST", "/oauth/tokens", "%zz", "Content-Type", "application/x-www-form-urlencoded").want(t, 400)
}

func TestScopesOfAnyClient(t *testing.T) {
	account := acme()
	for scope, want := range map[string]bool{"read": true, "write": true, "tickets:read": true, "impersonate": true, "tickets:delete": false, "cars:read": false, "all": false} {
		if account.mayAsk([]string{scope}) != want {
			t.Errorf("%s: %v", scope, !want)
		}
	}
}

func TestOAuthUser(t *testing.T) {
	b := newBench(t, Config{}, func(a *Account) { a.OAuthUserEmail = "ann@acme.example" })
	token := func() string {
		a := b.do("POST", "/oauth/tokens", `{"grant_type":"client_credentials","client_id":"passerelle","client_secret":"hush","scope":"read write"}`).want(t, 200)
		return "Bearer " + a.at("access_token").(string)
	}
	b.do("GET", "/api/v2/users/me", "", "Authorization", token()).want(t, 401)
	ann := b.agent("ann")
	if a := b.do("GET", "/api/v2/users/me", "", "Authorization", token()).want(t, 200); a.id("user", "id") != ann.ID {
		t.Errorf("%s", a.raw)
	}
	b.do("POST", "/api/v2/imports/tickets", `{}`, "Authorization", token()).want(t, 403)
	ann.Suspended = true
	b.acme.AddUser(ann)
	b.do("GET", "/api/v2/groups", "", "Authorization", token()).want(t, 401)
}

func TestAddresses(t *testing.T) {
	b := newBench(t, Config{})
	wantJSON(t, b.do("GET", "/api/v2/nothing", "").want(t, 404).at("error"), `"InvalidEndpoint"`)
	b.do("DELETE", "/api/v2/tickets/1", "").want(t, 404)
	b.do("PATCH", "/api/v2/tickets/1", "").want(t, 404)
	b.do("GET", "/api/v2/tickets/1/2/comments", "").want(t, 404)
	b.url += "x"
	if a := b.do("GET", "/api/v2/tickets", "").want(t, 404); a.body != nil {
		t.Errorf("unknown account: %s", a.raw)
	}
}

func TestBodies(t *testing.T) {
	b := newBench(t, Config{})
	for body, want := range map[string]string{`{`: "InvalidJSON", `[]`: "InvalidJSON"} {
		wantJSON(t, b.do("POST", "/api/v2/tickets", body).want(t, 400).at("error"), `"`+want+`"`)
	}
	for _, body := range []string{`{}`, `{"ticket":[]}`, `{"ticket":null}`} {
		b.do("POST", "/api/v2/tickets", body).want(t, 400)
		b.do("PUT", "/api/v2/tickets/1", body).want(t, 400)
		b.do("POST", "/api/v2/imports/tickets", body).want(t, 400)
	}
	b.do("POST", "/api/v2/tickets", string(make([]byte, maxBody+1))).want(t, 413)
}

func TestScopesOfARefreshToken(t *testing.T) {
	b := newBench(t, Config{}, func(a *Account) { a.OAuthScopes = []string{"tickets:read", "tickets:write"} })
	refresh := func(token, scope string) answer {
		return b.do("POST", "/oauth/tokens", fmt.Sprintf(`{"grant_type":"refresh_token","client_id":"passerelle","client_secret":"hush","refresh_token":%q,"scope":%q}`, token, scope))
	}
	first := b.acme.NewRefreshToken()
	wantJSON(t, refresh(first, "write").want(t, 400).at("error"), `"invalid_scope"`) // not the client's
	a := refresh(first, "").want(t, 200)
	wantJSON(t, a.at("scope"), `"tickets:read tickets:write"`)
	a = refresh(a.at("refresh_token").(string), "tickets:read").want(t, 200)
	wantJSON(t, refresh(a.at("refresh_token").(string), "tickets:write").want(t, 400).at("error"), `"invalid_scope"`) // given up
	bearer := "Bearer " + a.at("access_token").(string)
	b.do("GET", "/api/v2/tickets", "", "Authorization", bearer).want(t, 200)
	b.do("POST", "/api/v2/tickets", `{"ticket":{`+plain+`}}`, "Authorization", bearer).want(t, 403)
	b.acme.RevokeRefreshTokens()
	b.do("GET", "/api/v2/tickets", "", "Authorization", bearer).want(t, 401)
	wantJSON(t, refresh(a.at("refresh_token").(string), "").want(t, 400).at("error"), `"invalid_grant"`)
}
