package zendesk

import (
	"context"
	"net/http"
)

// Caller is the user as whom the account takes the calls.
type Caller struct {
	ID        int64  // 0: nobody, whatever the credentials are
	Role      string // "admin", "agent" or "end-user"
	Light     bool   // a light agent or contributor, who cannot write what tickets need
	Suspended bool
}

// Caller asks who the credentials are of. An answer with ID 0 means that they are of nobody: for missing or wrong ones
// the account may answer 200 with an anonymous user.
// https://developer.zendesk.com/api-reference/ticketing/users/users/#show-self
func (c *Client) Caller(ctx context.Context) (Caller, error) {
	var answer struct {
		User struct {
			ID        int64  `json:"id"`
			Role      string `json:"role"`
			RoleType  *int   `json:"role_type"`
			Suspended bool   `json:"suspended"`
		} `json:"user"`
	}
	if err := c.do(ctx, request{what: "ask who we are", method: http.MethodGet, path: "/api/v2/users/me"}, &answer); err != nil {
		return Caller{}, err
	}
	u := answer.User
	light := u.RoleType != nil && (*u.RoleType == roleLightAgent || *u.RoleType == roleContributor)
	return Caller{ID: u.ID, Role: u.Role, Light: light, Suspended: u.Suspended}, nil
}

// Scopes gives what the OAuth token in use may do. known is false with an API token, which has none, and where the
// account does not tell.
// https://developer.zendesk.com/api-reference/ticketing/oauth/oauth_tokens/#show-current-token
func (c *Client) Scopes(ctx context.Context) (scopes []string, known bool, err error) {
	if c.account.OAuth == nil {
		return nil, false, nil
	}
	var answer struct {
		Token struct {
			Scopes []string `json:"scopes"`
		} `json:"token"`
	}
	err = c.do(ctx, request{what: "read the token's scopes", method: http.MethodGet, path: "/api/v2/oauth/tokens/current"}, &answer)
	if notOnThePlan(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return answer.Token.Scopes, len(answer.Token.Scopes) > 0, nil
}
