package zendesk

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"passerelle/pkg/ticket"
)

// Budget gives out an account's calls. It may be asked concurrently.
type Budget interface {
	// Take asks for one call to an endpoint class, as "POST tickets" or "GET tickets/{id}/comments", and may wait a little
	// for it. With ok, answered is called exactly once with what came of the call; status 0 and a nil header: no answer.
	// Otherwise none is left, and may be asked for again after wait.
	Take(ctx context.Context, endpoint string) (answered func(status int, header http.Header), wait time.Duration, ok bool)
}

// Explainer is a Budget that says why it has no call left, for people: what is so, and what to do. Either may be empty.
type Explainer interface {
	Why() (message, hint string)
}

// ErrNoCall is the cause of a failure that is Limited because the budget gave no leave. Other calls may get it.
var ErrNoCall = errors.New("no leave for a call")

// On gives a client that asks b before each call. Log-ins and exchanges of refresh tokens are not asked for: Zendesk
// does not count them among the API's calls. It shares all else with c, whose Close ends both.
//
// Without a call left, methods give a failure that is Limited, and nothing was sent: it is never uncertain. Its cause is
// ErrNoCall, or the end of the context.
func (c *Client) On(b Budget) *Client {
	limited := *c
	limited.budget = b
	return &limited
}

// take gives the function that is to be told what came of the call.
func (c *Client) take(ctx context.Context, r request) (func(int, http.Header), error) {
	if c.budget == nil {
		return func(int, http.Header) {}, nil
	}
	answered, wait, ok := c.budget.Take(ctx, endpointClass(r.method, r.path))
	if !ok {
		message, hint := "the account has no call left for now", hintWait
		if e, explains := c.budget.(Explainer); explains {
			why, what := e.Why()
			message, hint = cmp.Or(why, message), cmp.Or(what, hint)
		}
		return nil, &ticket.Failure{
			Trouble: ticket.TroubleAccount, Limited: true, Gate: c.gate, After: wait, Reason: ticket.ReasonExpired, Err: cmp.Or(ctx.Err(), ErrNoCall),
			Detail: ticket.Detail{Message: r.what + ": " + message}, Hint: hint,
		}
	}
	return answered, nil
}

// spent is the status that the budget is told. For want of a bulk job Zendesk answers as for want of a call, and other
// calls go on.
func spent(status int, p problem) int {
	if p.code == tooManyJobs {
		return http.StatusOK
	}
	return status
}

// endpointClass names a route, without the ids in it.
func endpointClass(method, path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/api/v2/"), "/")
	for i, part := range parts {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			parts[i] = "{id}"
		}
	}
	return method + " " + strings.Join(parts, "/")
}
