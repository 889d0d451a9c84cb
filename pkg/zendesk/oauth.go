package zendesk

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"

	"passerelle/pkg/bounded"
	"passerelle/pkg/ticket"
	"passerelle/pkg/token"
)

// Lives that Zendesk allows, and what is asked for. A refresh token is asked to live as long as it may, so that an
// account without work keeps it.
// https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/
const (
	minTokenLife    = 300 * time.Second
	maxTokenLife    = 172_800 * time.Second
	standardLife    = 2 * time.Hour
	minRefreshLife  = 7 * 24 * time.Hour
	maxRefreshLife  = 90 * 24 * time.Hour
	oauthScopes     = "read write"
	wordsOfScopes   = "read and write"
	tokenPath       = "/oauth/tokens" //nolint:gosec // an address
	whatLogIn       = "log in to Zendesk"
	whatExchange    = "exchange the Zendesk refresh token"
	hintUnreachable = "check the network, the account's url, and Zendesk's status page"
	hintStore       = "check the NATS server, which keeps the account's token for all processes; the jobs wait and go on by themselves"
)

// APITokensEnd is the day on which Zendesk stops accepting API tokens.
// https://support.zendesk.com/hc/en-us/articles/10840968198042
func APITokensEnd() time.Time { return time.Date(2027, time.April, 30, 0, 0, 0, 0, time.UTC) }

func (c *Client) tokenSource(store token.Store) *token.Source {
	secret := func() (string, error) {
		_, secret, err := c.account.OAuth()
		if err != nil {
			return "", c.unresolved(err)
		}
		return secret, nil
	}
	var source *token.Source
	if first := c.account.RefreshToken; first != nil {
		source = token.NewRotating(c.gate, secret, func() (string, error) {
			refresh, err := first()
			if err != nil {
				return "", c.unresolved(err)
			}
			return refresh, nil
		}, store, c.exchange)
		source.SetWay(func() string {
			client, _, _ := c.account.OAuth() // what cannot be had is another way than what can
			return client + " at " + c.account.URL
		})
	} else {
		source = token.NewSource(c.gate, secret, store, c.logIn)
	}
	if c.account.Now != nil {
		source.SetClock(c.account.Now)
	}
	return source
}

func (c *Client) now() time.Time {
	if c.account.Now != nil {
		return c.account.Now()
	}
	return time.Now()
}

// KeepToken renews a refresh token that would end for want of work. It does nothing for other accounts. It is meant to
// be called every hour or so.
func (c *Client) KeepToken(ctx context.Context) error {
	if c.tokens == nil {
		return nil
	}
	if err := c.tokens.Keep(ctx); err != nil {
		return c.noToken(err)
	}
	return nil
}

// tokenAnswer is what POST /oauth/tokens gives.
type tokenAnswer struct {
	Access           string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"` // seconds; absent: the token does not end by itself
	Refresh          string `json:"refresh_token"`
	RefreshExpiresIn int64  `json:"refresh_token_expires_in"` // seconds
}

// token gives the access token. One that does not end by itself is renewed as if it did.
func (a tokenAnswer) token(now time.Time, asked time.Duration) token.Token {
	return token.Token{Access: a.Access, IssuedAt: now, ExpiresAt: now.Add(life(a.ExpiresIn, asked, maxTokenLife))}
}

func life(seconds int64, unknown, most time.Duration) time.Duration {
	if seconds <= 0 {
		return unknown
	}
	return time.Duration(min(seconds, int64(most/time.Second))) * time.Second
}

// askedLife is the life to ask for, within what Zendesk takes.
func (c *Client) askedLife() time.Duration {
	if c.account.TokenLife == 0 {
		return standardLife
	}
	return min(max(c.account.TokenLife, minTokenLife), maxTokenLife)
}

// logIn uses the client-credentials grant.
// https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/
func (c *Client) logIn(ctx context.Context) (token.Token, error) {
	answer, err := c.requestToken(ctx, whatLogIn, map[string]any{"grant_type": "client_credentials", "scope": oauthScopes})
	if err != nil {
		return token.Token{}, err
	}
	return answer.token(c.now(), c.askedLife()), nil
}

// exchange uses the refresh-token grant, which ends the refresh token and the access token that came with it. The
// scopes stay those that were granted.
// https://developer.zendesk.com/documentation/api-basics/authentication/refresh-token
func (c *Client) exchange(ctx context.Context, refresh string) (token.Grant, error) {
	answer, err := c.requestToken(ctx, whatExchange, map[string]any{
		"grant_type": "refresh_token", "refresh_token": refresh, "refresh_token_expires_in": int(maxRefreshLife.Seconds()),
	})
	if err != nil {
		return token.Grant{}, err
	}
	now := c.now()
	return token.Grant{
		Token: answer.token(now, c.askedLife()), Refresh: answer.Refresh,
		RefreshExpiresAt: now.Add(life(answer.RefreshExpiresIn, minRefreshLife, maxRefreshLife)),
	}, nil
}

// requestToken asks once. What it cannot tell the outcome of wraps token.ErrUnanswered.
func (c *Client) requestToken(ctx context.Context, what string, body map[string]any) (tokenAnswer, error) {
	id, secret, err := c.account.OAuth()
	if err != nil {
		return tokenAnswer{}, c.unresolved(err)
	}
	body["client_id"], body["client_secret"], body["expires_in"] = id, secret, int(c.askedLife().Seconds())
	call, err := bounded.WithJSON(c.http.R().SetContext(ctx), body)
	if err != nil {
		return tokenAnswer{}, c.lost(request{what: what}, err)
	}
	response, err := call.Post(c.account.URL + tokenPath)
	if err != nil {
		return tokenAnswer{}, c.lost(request{what: what}, errors.Join(token.ErrUnanswered, err))
	}
	if status := response.StatusCode(); status < 200 || status > 299 {
		return tokenAnswer{}, c.tokenRefused(what, status, response)
	}
	var answer tokenAnswer
	if err := json.Unmarshal(response.Body(), &answer); err != nil || answer.Access == "" {
		f := c.failure(request{what: what}, http.StatusBadGateway, problem{}, response)
		f.Err = token.ErrUnanswered
		return tokenAnswer{}, f
	}
	return answer, nil
}

// tokenRefused classifies a refusal by its OAuth code: https://datatracker.ietf.org/doc/html/rfc6749#section-5.2
func (c *Client) tokenRefused(what string, status int, response *resty.Response) *ticket.Failure {
	p := readProblem(response.Body())
	switch {
	case p.code == "invalid_grant":
		return c.chainBroken(status, token.ErrRefused)
	case status == http.StatusBadRequest:
		f := c.failure(request{what: what}, http.StatusUnauthorized, p, response) // invalid_client and its like
		f.Detail.Status = status
		switch p.code {
		case "invalid_scope":
			f.Detail.Message = what + ": scope missing (invalid_scope)"
			f.Hint = c.scopeHint()
		case "unauthorized_client", "unsupported_grant_type":
			f.Hint = "let the OAuth client in Zendesk be confidential and use the grant that " + c.key() + " asks for (client credentials, or a refresh token); the jobs wait and go on by themselves"
		}
		return f
	default:
		f := c.failure(request{what: what}, status, p, response)
		if status >= http.StatusInternalServerError {
			f.Err = token.ErrUnanswered
		}
		return f
	}
}

// key names the account's OAuth settings in the configuration.
func (c *Client) key() string { return "zendesk." + c.account.Name + ".auth.oauth" }

func (c *Client) scopeHint() string {
	if c.account.RefreshToken != nil {
		return "the token needs the scopes " + wordsOfScopes + ", and its user must be an administrator: authorise the OAuth client again with scope=" +
			strings.ReplaceAll(oauthScopes, " ", "%20") + " and put the new refresh token where " + c.key() + ".refresh_token points; the jobs wait and go on by themselves"
	}
	return "the token needs the scopes " + wordsOfScopes + ", and its user must be an administrator: allow both scopes for the OAuth client of " + c.key() +
		" in Zendesk's Admin Center; the jobs wait and go on by themselves"
}

func (c *Client) chainBroken(status int, cause error) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleAccount, Gate: c.gate, Reason: ticket.ReasonCredentialsRefused, Err: cause,
		Detail: ticket.Detail{Message: whatExchange + ": it was used elsewhere, was revoked, or has expired (invalid_grant)", Status: status},
		Hint: "authorise the OAuth client again (authorization-code flow, as an administrator, scope=" + strings.ReplaceAll(oauthScopes, " ", "%20") +
			") and put the new refresh token where " + c.key() + ".refresh_token points: an environment variable needs a restart, a file does not; nothing else may use that token. The jobs wait and go on by themselves",
	}
}

// noToken is for what kept the token source from giving a token.
func (c *Client) noToken(err error) *ticket.Failure {
	var failure *ticket.Failure
	switch {
	case errors.As(err, &failure):
		if errors.Is(err, token.ErrRefused) {
			told := *failure
			told.Detail.Message += strings.TrimPrefix(err.Error(), failure.Error()) // that an earlier answer never came
			return &told
		}
		return failure
	case errors.Is(err, token.ErrRefused):
		return c.chainBroken(0, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return c.lost(request{what: "get a Zendesk token"}, err)
	default:
		return &ticket.Failure{
			Trouble: ticket.TroubleAccount, Gate: c.gate, Reason: ticket.ReasonExpired, Err: err,
			Detail: ticket.Detail{Message: "get a Zendesk token: " + err.Error()}, Hint: hintStore,
		}
	}
}
