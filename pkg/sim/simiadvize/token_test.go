package simiadvize

import (
	"net/http"
	"testing"
	"time"
)

func TestTokens(t *testing.T) {
	p := start(t, Config{TokenLife: time.Hour})
	status, body := p.login("api@example.com", "secret")
	if status != http.StatusOK || body["expires_in"] != 3600.0 || body["token_type"] != "Bearer" || body["refresh_token"] != "none" {
		t.Fatalf("status %d, body %v", status, body)
	}
	check := func() (int, any) {
		status, body := p.do(http.MethodGet, "/_authenticated", "", "")
		return status, body["authenticated"]
	}
	valid := func(want bool) {
		t.Helper()
		if status, said := check(); (status == http.StatusOK) != want || (said == true) != want {
			t.Errorf("status %d, authenticated %v, want %v", status, said, want)
		}
	}
	valid(false)
	first := body["access_token"].(string)
	p.token = first
	valid(true)
	_, body = p.login("api@example.com", "secret")
	p.token = body["access_token"].(string)
	valid(true)
	p.token = first // an older token stays valid
	p.clock.advance(time.Hour - time.Second)
	valid(true)
	p.clock.advance(time.Second)
	valid(false)
	_, body = p.login("api@example.com", "secret")
	p.token = body["access_token"].(string)
	p.RevokeTokens()
	valid(false)
	if got := p.Requests(); got.Tokens != 3 || got.Authenticated != 6 {
		t.Errorf("%+v", got)
	}
}

func TestTokenRefusals(t *testing.T) {
	p := start(t, Config{})
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		contentType, body string
		status            int
		error             string
	}{
		"wrong password": {form, "username=api%40example.com&password=x&grant_type=password", 401, "invalid_grant"},
		"unknown user":   {form, "username=x&password=x&grant_type=password", 401, "invalid_grant"},
		"wrong grant":    {form, "username=api%40example.com&password=secret&grant_type=refresh_token", 400, "unsupported_grant_type"},
		"json":           {"application/json", `{"username":"api@example.com"}`, 400, "invalid_request"},
		"broken":         {form, "username=%zz", 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := p.do(http.MethodPost, "/oauth2/token", c.contentType, c.body)
			if status != c.status || body["error"] != c.error {
				t.Errorf("status %d, body %v", status, body)
			}
		})
	}
	if got := p.Requests().TokensRefused; got != 5 {
		t.Errorf("%d refused", got)
	}
}

func TestLoginsPerMinute(t *testing.T) {
	for name, c := range map[string]struct {
		cfg      Config
		accepted int
	}{
		"documented": {Config{}, 10},
		"own":        {Config{LoginsPerMinute: 3}, 3},
		"address":    {Config{LoginsPerMinute: -1, LoginsPerMinuteByAddress: 4}, 4},
		"unlimited":  {Config{LoginsPerMinute: -1}, 15},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, c.cfg)
			for n := range 15 {
				want := http.StatusOK
				if n >= c.accepted {
					want = http.StatusTooManyRequests
				}
				if got, _ := p.login("api@example.com", "secret"); got != want {
					t.Errorf("log-in %d: status %d, want %d", n+1, got, want)
				}
			}
			p.clock.advance(59 * time.Second) // the clock minute began at noon
			if got, _ := p.login("api@example.com", "secret"); (got == http.StatusOK) != (c.accepted == 15) {
				t.Errorf("within the minute: status %d", got)
			}
			p.clock.advance(time.Second)
			if got, _ := p.login("api@example.com", "secret"); got != http.StatusOK {
				t.Errorf("in the next minute: status %d", got)
			}
		})
	}
}
