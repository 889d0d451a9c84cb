package zendesk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	json "github.com/go-json-experiment/json/v1"
	"github.com/go-resty/resty/v2"

	"passerelle/pkg/bounded"
	"passerelle/pkg/ticket"
	"passerelle/pkg/token"
)

// Account is one Zendesk account. Exactly one of OAuth and APIToken is set; both are asked for their secrets when
// these are used, so that a changed secret needs no restart.
type Account struct {
	Name     string
	URL      string // as https://acme.zendesk.com
	OAuth    func() (clientID, clientSecret string, err error)
	APIToken func() (email, token string, err error)

	// RefreshToken gives the first refresh token of an authorization-code flow, for OAuth; nil: client credentials. It
	// needs the store, which the later ones are kept in.
	RefreshToken func() (string, error)
	TokenLife    time.Duration    // to ask for, of access tokens: 5 min to 48 h; 0: 2 h
	Now          func() time.Time // for the lives of tokens; nil: time.Now
}

// Bounds of a call.
const (
	callTimeout = 25 * time.Second // below the time after which the queue hands the job to another worker
	maxBody     = 16 << 20
)

// Client works for one account. Its methods may be called concurrently. Their errors are *ticket.Failure.
type Client struct {
	account Account
	gate    string
	http    *resty.Client
	tokens  *token.Source // nil with an API token
	budget  Budget        // nil: calls are not counted
}

// calls is of all accounts: thousands of resty's clients, with settings of their own, would be a tenth of what is looked
// through whenever a worker's memory is collected.
var calls = sync.OnceValue(func() *resty.Client { return bounded.Client(callTimeout, maxBody) })

// NewClient makes a client. It calls nobody. The store shares OAuth tokens with other processes and may be nil.
func NewClient(a Account, store token.Store) *Client {
	a.URL = strings.TrimRight(a.URL, "/")
	c := &Client{account: a, gate: "zendesk/" + a.Name, http: calls()}
	if a.OAuth != nil {
		c.tokens = c.tokenSource(store)
	}
	return c
}

// Close waits for a token that is being renewed, for a few seconds at most, and ends the idle connections of all clients.
func (c *Client) Close() {
	if c.tokens != nil {
		c.tokens.Finish()
	}
	c.http.GetClient().CloseIdleConnections()
}

// request is one call.
type request struct {
	what    string // for errors, as "create ticket"
	method  string
	path    string
	query   url.Values
	body    any
	key     string // Idempotency-Key
	creates bool   // a lost answer may hide a ticket
}

// do calls, and once more with another token when OAuth's is refused.
func (c *Client) do(ctx context.Context, r request, into any) error {
	refused, err := c.once(ctx, r, into)
	if refused != "" {
		c.tokens.Refused(refused)
		_, err = c.once(ctx, r, into)
	}
	return err
}

// once calls once. It gives the token of OAuth that was refused, if that is what failed.
func (c *Client) once(ctx context.Context, r request, into any) (refused string, err error) {
	call, access, err := c.authorised(ctx)
	if err != nil {
		return "", err
	}
	if r.body != nil {
		if call, err = bounded.WithJSON(call, r.body); err != nil {
			return "", c.lost(r, err)
		}
	}
	if r.key != "" {
		// Written otherwise than the standard library writes it: of a request with that header it believes that it may
		// send it again unseen when a connection breaks, and then a refusal of the second one hides a ticket that the
		// first one made. https://pkg.go.dev/net/http#Transport
		call.SetHeaderVerbatim("idempotency-key", r.key)
	}
	answered, err := c.take(ctx, r)
	if err != nil {
		return "", err
	}
	var answer bounded.Answer
	response, err := call.SetQueryParamsFromValues(r.query).SetDoNotParseResponse(true).Execute(r.method, c.account.URL+r.path)
	if err == nil {
		answer, err = bounded.Read(response)
	}
	if err != nil {
		answered(0, nil)
		return "", c.lost(r, err)
	}
	defer answer.Done()
	status := response.StatusCode()
	if status < 200 || status > 299 {
		p := readProblem(answer.Bytes())
		answered(spent(status, p), response.Header())
		if status == http.StatusUnauthorized {
			refused = access
		}
		return refused, c.failure(r, status, p, response)
	}
	answered(spent(status, problem{}), response.Header())
	if err := json.Unmarshal(answer.Bytes(), into); err != nil {
		return "", c.failure(r, 0, problem{}, response)
	}
	return "", nil
}

func (c *Client) authorised(ctx context.Context) (*resty.Request, string, error) {
	call := c.http.R().SetContext(ctx).SetHeader("Accept", "application/json")
	if c.tokens != nil {
		access, err := c.tokens.Token(ctx)
		if err != nil {
			return nil, "", c.noToken(err)
		}
		return call.SetAuthToken(access), access, nil
	}
	email, secret, err := c.account.APIToken()
	if err != nil {
		return nil, "", c.unresolved(err)
	}
	return call.SetBasicAuth(email+"/token", secret), "", nil
}

func (c *Client) unresolved(err error) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleAccount, Gate: c.gate, Here: true, Reason: ticket.ReasonCredentialsRefused, Err: err,
		Detail: ticket.Detail{Message: "the Zendesk credentials cannot be resolved: " + err.Error()}, Hint: hintCredentials,
	}
}

// failure classifies an answer. It repeats nothing of the answer's texts, which may name people.
func (c *Client) failure(r request, status int, p problem, response *resty.Response) *ticket.Failure {
	class := classify(status, p, r.creates)
	if status == http.StatusForbidden && c.tokens != nil {
		class.hint = c.scopeHint()
	}
	message := r.what + ": " + class.message
	if isCode(p.code) {
		message += " (" + p.code + ")"
	}
	if len(p.shown) > 0 {
		message += ", in: " + strings.Join(p.shown, ", ")
	}
	f := &ticket.Failure{
		Trouble: class.trouble, Reason: class.reason, Gate: c.gate, After: bounded.RetryAfter(response.Header()),
		Detail: ticket.Detail{Message: message, Status: status, Fields: p.fields}, Hint: class.hint,
	}
	switch {
	case p.code == tooManyJobs && status >= http.StatusBadRequest:
		f.Limited, f.Err = true, ErrTooManyJobs
		if f.After == 0 {
			f.After = jobsWait
		}
	case status == http.StatusTooManyRequests:
		f.Limited = true
	}
	return f
}

// lost is for a call without an answer. Its text keeps the kind of error only; the address may be in the original.
func (c *Client) lost(r request, err error) *ticket.Failure {
	kind := "no answer"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		kind = "no answer in time"
	case bounded.TooLarge(err):
		kind = fmt.Sprintf("the answer is over %d MiB", maxBody>>20)
	}
	f := &ticket.Failure{
		Trouble: ticket.TroubleAccount, Gate: c.gate, Reason: ticket.ReasonExpired, Err: err,
		Detail: ticket.Detail{Message: r.what + ": " + kind}, Hint: hintUnreachable,
	}
	if r.creates {
		f.Trouble = ticket.TroubleUncertain
	}
	return f
}
