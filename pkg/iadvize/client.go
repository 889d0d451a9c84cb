package iadvize

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1"
	"github.com/go-resty/resty/v2"

	"passerelle/pkg/bounded"
	"passerelle/pkg/ticket"
	"passerelle/pkg/token"
)

// Connection is one iAdvize app with its API user.
type Connection struct {
	Name     string
	URL      string // of GraphQL
	TokenURL string
	Platform string // "ha" or "sd"
	// Credentials are asked for at each log-in, so that a changed secret needs no restart.
	Credentials func() (username, password string, err error)
}

// Limits of an answer, and of a token.
const (
	maxBody     = 16 << 20
	callTimeout = 20 * time.Second
	maxToken    = 7 * 24 * time.Hour
)

// Client reads from one iAdvize connection. Its methods may be called concurrently.
type Client struct {
	gate   string
	c      Connection
	http   *resty.Client
	tokens *token.Source

	together together
}

// NewClient makes a client. It calls nobody. The store shares the token with other processes and may be nil.
func NewClient(c Connection, store token.Store) *Client {
	client := &Client{gate: "iadvize/" + c.Name, c: c}
	client.http = bounded.Client(callTimeout, maxBody)
	// The stored token is sealed by the password; after a change of it the others log in once more.
	password := func() (string, error) {
		_, password, err := c.Credentials()
		if err != nil {
			return "", client.unresolved(err)
		}
		return password, nil
	}
	client.tokens = token.NewSource("iadvize/"+c.Name, password, store, client.logIn)
	return client
}

// Close ends the idle connections of all clients.
func (c *Client) Close() { c.http.GetClient().CloseIdleConnections() }

// logIn follows https://docs.iadvize.dev/technologies/graphql-api/authentication
func (c *Client) logIn(ctx context.Context) (token.Token, error) {
	username, password, err := c.c.Credentials()
	if err != nil {
		return token.Token{}, c.unresolved(err)
	}
	response, err := c.http.R().SetContext(ctx).SetFormData(map[string]string{
		"username": username, "password": password, "grant_type": "password",
	}).Post(c.c.TokenURL)
	if err != nil {
		return token.Token{}, c.unreachable("log in to iAdvize", err)
	}
	switch status := response.StatusCode(); {
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusForbidden:
		return token.Token{}, c.refused(status, "iAdvize refused the log-in")
	case status != http.StatusOK:
		return token.Token{}, c.trouble("log in to iAdvize", response)
	}
	var answer struct {
		Access    string `json:"access_token"`
		ExpiresIn int64  `json:"expires_in"` // seconds
	}
	if err := json.Unmarshal(response.Body(), &answer); err != nil || answer.Access == "" || answer.ExpiresIn <= 0 {
		return token.Token{}, c.trouble("log in to iAdvize: the answer holds no token", response)
	}
	life := min(time.Duration(min(answer.ExpiresIn, int64(maxToken/time.Second)))*time.Second, maxToken)
	now := time.Now()
	return token.Token{Access: answer.Access, IssuedAt: now, ExpiresAt: now.Add(life)}, nil
}

type graphQLError struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

// query sends an operation of a document. It asks once more with another token when the first one is refused.
func (c *Client) query(ctx context.Context, document, operation string, variables map[string]any, into any) error {
	for attempt := range 2 {
		access, err := c.tokens.Token(ctx)
		if err != nil {
			var failure *ticket.Failure
			if errors.As(err, &failure) {
				return failure
			}
			return c.unreachable("get an iAdvize token", err)
		}
		status, err := c.once(ctx, access, map[string]any{"query": document, "operationName": operation, "variables": variables}, into)
		if status == http.StatusUnauthorized {
			c.tokens.Refused(access)
			if attempt == 0 {
				continue
			}
		}
		return err
	}
	return nil
}

const turnedAway = "iAdvize refused the token"

// once asks once. The status is 0 without an answer.
func (c *Client) once(ctx context.Context, access string, body, into any) (status int, err error) {
	call, err := bounded.WithJSON(c.http.R().SetContext(ctx).SetAuthToken(access), body)
	if err != nil {
		return 0, c.unreachable("read from iAdvize", err)
	}
	var answer bounded.Answer
	response, err := call.SetDoNotParseResponse(true).Post(c.endpoint())
	if err == nil {
		answer, err = bounded.Read(response)
	}
	if err != nil {
		return 0, c.unreachable("read from iAdvize", err)
	}
	defer answer.Done()
	if status = response.StatusCode(); status == http.StatusUnauthorized {
		return status, c.refused(status, turnedAway)
	}
	return status, c.decode(response, answer.Bytes(), into)
}

func (c *Client) endpoint() string {
	if c.c.Platform == "sd" && !strings.Contains(c.c.URL, "platform=") {
		separator := "?"
		if strings.Contains(c.c.URL, "?") {
			separator = "&"
		}
		return c.c.URL + separator + "platform=" + url.QueryEscape(c.c.Platform)
	}
	return c.c.URL
}

// decode reads data and errors whatever the status: errors of GraphQL come with 200 and with 400. It reads the answer once,
// because conversations may be long: data of another form than into fails only when nothing else is wrong.
func (c *Client) decode(response *resty.Response, body []byte, into any) error {
	answer := struct {
		Data   any            `json:"data"`
		Errors []graphQLError `json:"errors"`
	}{Data: into}
	err := json.Unmarshal(body, &answer)
	status := response.StatusCode()
	switch {
	case status == http.StatusForbidden:
		return c.refused(status, turnedAway)
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || err != nil && !ofData(err):
		return c.trouble("read from iAdvize", response)
	case len(answer.Errors) > 0:
		return c.judge(answer.Errors, status)
	case status != http.StatusOK:
		return c.trouble("read from iAdvize", response)
	case err != nil || reflect.ValueOf(into).Elem().IsZero() && !hasData(body):
		return &ticket.Failure{
			Trouble: ticket.TroubleAccount, Gate: c.gate, Reason: ticket.ReasonConversationNotFound, Err: errSchema,
			Detail: ticket.Detail{Message: "iAdvize's answer has another form than the query expects", Status: status},
			Hint:   "a newer version of passerelle may know the form; its queries stand in pkg/iadvize/queries.graphql",
		}
	}
	return nil
}

// ofData tells whether an answer is of the form that GraphQL has, and only its data have another form than was expected.
func ofData(err error) bool {
	var syntax *json.SyntaxError
	var other *json.UnmarshalTypeError
	if errors.As(err, &syntax) {
		return false
	}
	return !errors.As(err, &other) || other.Field != "" && !strings.HasPrefix(other.Field, "errors")
}

// hasData tells whether an answer says anything of data, be it null.
func hasData(body []byte) bool {
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	return json.Unmarshal(body, &answer) == nil && answer.Data != nil
}

var (
	errSchema = errors.New("the schema differs")
	errQuery  = fmt.Errorf("%w: the query was refused as a whole", errSchema)
)

// judge tells a conversation that is not there from a query that the schema does not know. Messages are not repeated
// in the error: their content is iAdvize's.
func (c *Client) judge(all []graphQLError, status int) error {
	for _, e := range all {
		if len(e.Path) == 0 {
			return &ticket.Failure{
				Trouble: ticket.TroubleAccount, Gate: c.gate, Reason: ticket.ReasonConversationNotFound, Err: errQuery,
				Detail: ticket.Detail{Message: "iAdvize refused the query: its schema lacks something that is asked for", Status: status},
				Hint:   "run passerelle sites check, which names the fields that the live schema lacks",
			}
		}
	}
	return c.notFound()
}

// unresolved is a failure of this process alone.
func (c *Client) unresolved(err error) *ticket.Failure {
	f := c.refused(0, "the iAdvize credentials cannot be resolved: "+err.Error())
	f.Here = true
	return f
}

func (c *Client) refused(status int, what string) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleAccount, Gate: c.gate, Reason: ticket.ReasonCredentialsRefused,
		Detail: ticket.Detail{Message: what, Status: status},
		Hint:   fmt.Sprintf("check iadvize.%s.username and password in the configuration; the jobs wait and go on by themselves", c.c.Name),
	}
}

// unreachable keeps the kind of the error and drops its text, which may hold an address with a password.
func (c *Client) unreachable(what string, err error) *ticket.Failure {
	kind := "no answer"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		kind = "no answer in time"
	case bounded.TooLarge(err):
		kind = fmt.Sprintf("the answer is over %d MiB", maxBody>>20)
	}
	return &ticket.Failure{
		Trouble: ticket.TroubleAccount, Gate: c.gate, Reason: ticket.ReasonExpired, Err: err,
		Detail: ticket.Detail{Message: what + ": " + kind}, Hint: "check the network, and iAdvize's status page",
	}
}

func (c *Client) trouble(what string, response *resty.Response) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleAccount, Gate: c.gate, Reason: ticket.ReasonExpired, After: bounded.RetryAfter(response.Header()),
		Detail: ticket.Detail{Message: what, Status: response.StatusCode()}, Hint: "iAdvize is in trouble or limits the calls; the jobs wait",
	}
}
