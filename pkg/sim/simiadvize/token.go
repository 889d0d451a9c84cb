package simiadvize

import (
	"crypto/rand"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// tokens hands out access tokens and counts log-ins (technologies/graphql-api/guides, "Managing iAdvize API access
// tokens"). Every log-in makes a new token; the ones before it stay valid. Safe for concurrent use.
type tokens struct {
	cfg       Config
	passwords map[string]string

	mu        sync.Mutex
	valid     map[string]time.Time // token -> end
	minute    time.Time            // that the counts are of
	byUser    map[string]int
	byAddress map[string]int
}

func newTokens(cfg Config) *tokens {
	t := &tokens{
		cfg: cfg, passwords: map[string]string{},
		valid: map[string]time.Time{}, byUser: map[string]int{}, byAddress: map[string]int{},
	}
	for _, u := range cfg.Users {
		t.passwords[u.Username] = u.Password
	}
	return t
}

type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// login returns a token, or the status and the error that refuse it.
func (t *tokens) login(address string, form url.Values) (token string, status int, refused oauthError) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now()
	if minute := now.Truncate(time.Minute); !minute.Equal(t.minute) {
		t.minute = minute
		clear(t.byUser)
		clear(t.byAddress)
	}
	user := form.Get("username")
	password, known := t.passwords[user]
	t.byAddress[address]++
	if known { // names that nobody has are counted by their address only, or the map would grow with every guess
		t.byUser[user]++
	}
	over := func(n, limit int) bool { return limit >= 0 && n > limit }
	switch {
	case over(t.byUser[user], t.cfg.LoginsPerMinute), over(t.byAddress[address], t.cfg.LoginsPerMinuteByAddress):
		return "", http.StatusTooManyRequests, oauthError{"too_many_requests", "too many logins, token generation is blocked"}
	case form.Get("grant_type") != "password":
		return "", http.StatusBadRequest, oauthError{"unsupported_grant_type", "only password is supported"}
	case !known || password != form.Get("password"):
		return "", http.StatusUnauthorized, oauthError{"invalid_grant", "user credentials are not valid"}
	}
	maps.DeleteFunc(t.valid, func(_ string, end time.Time) bool { return !now.Before(end) })
	token = rand.Text()
	t.valid[token] = now.Add(t.cfg.TokenLife)
	return token, http.StatusOK, oauthError{}
}

func (t *tokens) accept(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	t.mu.Lock()
	defer t.mu.Unlock()
	end, known := t.valid[token]
	return known && strings.EqualFold(scheme, "Bearer") && t.cfg.Now().Before(end)
}

func (t *tokens) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.valid)
}

// RevokeTokens makes every token invalid that was handed out so far.
func (s *Server) RevokeTokens() {
	s.tokens.revoke()
}

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request, body []byte) {
	form, err := url.ParseQuery(string(body))
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		s.count(func(c *Requests) { c.TokensRefused++ })
		answer(w, http.StatusBadRequest, oauthError{"invalid_request", "expected application/x-www-form-urlencoded"})
		return
	}
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	token, status, refused := s.tokens.login(address, form)
	if status != http.StatusOK {
		s.count(func(c *Requests) { c.TokensRefused++ })
		answer(w, status, refused)
		return
	}
	s.count(func(c *Requests) { c.Tokens++ })
	answer(w, status, map[string]any{
		"access_token": token, "expires_in": int64(s.cfg.TokenLife / time.Second),
		"token_type": "Bearer", "refresh_token": "none",
	})
}

func (s *Server) serveAuthenticated(w http.ResponseWriter, r *http.Request, _ []byte) {
	s.count(func(c *Requests) { c.Authenticated++ })
	if !s.tokens.accept(r) {
		refuseToken(w)
		return
	}
	answer(w, http.StatusOK, map[string]bool{"authenticated": true})
}

// refuseToken answers 401: the documentation gives the body and leaves the status open.
func refuseToken(w http.ResponseWriter) {
	answer(w, http.StatusUnauthorized, oauthError{"invalid_token", "access token not valid"})
}
