package simzendesk

import (
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
)

// authenticate finds the user whose credentials the request carries and checks the scope of an OAuth token. See
// https://developer.zendesk.com/api-reference/introduction/security-and-auth/
func (c *call) authenticate() (reply, bool) {
	if bearer, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer "); ok {
		return c.authenticateBearer(bearer)
	}
	name, secret, ok := c.r.BasicAuth()
	email, byToken := strings.CutSuffix(name, "/token")
	if !ok || !byToken {
		// Nobody, and passwords, which ended in January 2026, are anonymous to /users/me and refused elsewhere.
		if c.route.pattern == "/api/v2/users/me" {
			return reply{}, true
		}
		return couldNotAuthenticate(), false
	}
	u := c.a.lockedUser(func() *User { return c.a.userByEmail(email) })
	token := c.a.account.APIToken
	if u == nil || !u.agent() || u.Suspended || u.Inactive || token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(secret)) != 1 {
		return couldNotAuthenticate(), false
	}
	c.user = u
	return reply{}, true
}

func (a *AccountState) lockedUser(find func() *User) *User {
	a.mu.Lock()
	defer a.mu.Unlock()
	return find()
}

func couldNotAuthenticate() reply {
	return jsonReply(http.StatusUnauthorized, object{"error": "Couldn't authenticate you"})
}

func invalidToken() reply {
	return jsonReply(http.StatusUnauthorized, object{"error": "invalid_token",
		"error_description": "The access token provided is expired, revoked, malformed or invalid for other reasons."})
}

func (c *call) authenticateBearer(bearer string) (reply, bool) {
	grant, ok := c.a.tokens.find(bearer, c.a.now())
	if !ok {
		return invalidToken(), false
	}
	u := c.a.lockedUser(func() *User { return c.a.userByEmail(c.a.account.OAuthUserEmail) })
	if u == nil || !u.agent() || u.Suspended || u.Inactive {
		return invalidToken(), false
	}
	c.scopes = grant.scopes
	want := []string{"write"}
	if c.route.reads() {
		want = []string{"read"}
	}
	if c.route.scope != "" {
		want = append(want, c.route.scope+":"+want[0])
	}
	if c.route.pattern != currentTokenPattern && !slices.ContainsFunc(want, func(s string) bool { return slices.Contains(grant.scopes, s) }) {
		return errorReply(http.StatusForbidden, "Forbidden", "You are missing the following required scopes: "+want[len(want)-1]), false
	}
	c.user = u
	return reply{}, true
}
