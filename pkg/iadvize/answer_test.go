package iadvize

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/ticket"
)

// shape is a form of answer to a query, and what it means when the status does not say otherwise.
type shape struct {
	name string
	body string
	what meaning
}

type meaning int

const (
	conversationRead meaning = iota
	conversationUnknown
	fieldRefused
	queryRefused
	otherForm
	noGraphQL
)

// The names in them must not show in a failure.
var shapes = []shape{
	{"a conversation", `{"data":{"conversation":{"id":"c1"}}}`, conversationRead},
	{"a conversation, and an empty list of errors", `{"data":{"conversation":{"id":"c1"}},"errors":[]}`, conversationRead},
	{"no conversation", `{"data":{"conversation":null}}`, conversationUnknown},
	{"no data", `{"data":null}`, conversationUnknown},
	{"an error at a field", `{"data":{"conversation":null},"errors":[{"message":"Ada was not found","path":["conversation"]}]}`, fieldRefused},
	{"an error at a field, without data", `{"data":null,"errors":[{"message":"x","path":["conversation","visitor"],"extensions":{"category":"graphql"}}]}`, fieldRefused},
	{"an error of the whole query", `{"errors":[{"message":"Cannot query field \"customData\" on type \"Conversation\".","locations":[{"line":1,"column":2}]}]}`, queryRefused},
	{"an error of the whole query, with an empty path", `{"data":null,"errors":[{"message":"Ada","path":[]}]}`, queryRefused},
	{"errors of both kinds", `{"errors":[{"message":"x","path":["conversation"]},{"message":"y"}]}`, queryRefused},
	{"an error that says nothing", `{"errors":[{}]}`, queryRefused},
	{"errors beside data", `{"data":{"conversation":{"id":"c1"}},"errors":[{"message":"x","path":["conversation","tags"]}]}`, fieldRefused},
	{"data of another form", `{"data":{"conversation":[1]}}`, otherForm},
	{"data as text", `{"data":"Ada"}`, otherForm},
	{"an empty object", `{}`, otherForm},
	{"null", `null`, otherForm},
	{"empty", ``, noGraphQL},
	{"a page", `<html><h1>502 Bad Gateway</h1></html>`, noGraphQL},
	{"text", `Too Many Requests`, noGraphQL},
	{"half", `{"data":{"conversation":{"id":"c`, noGraphQL},
	{"a list", `[{"data":null}]`, noGraphQL},
	{"errors of another form", `{"errors":"Ada"}`, noGraphQL},
}

// rightly says what must come of an answer; trouble 0: the conversation.
func rightly(status int, what meaning) (ticket.Trouble, ticket.Reason) {
	switch {
	case status == 401 || status == 403:
		return ticket.TroubleAccount, ticket.ReasonCredentialsRefused
	case status == 429 || status >= 500 || what == noGraphQL:
		return ticket.TroubleAccount, ticket.ReasonExpired
	case what == queryRefused: // errors of GraphQL come with 200, and with 400
		return ticket.TroubleAccount, ticket.ReasonConversationNotFound
	case what == fieldRefused:
		return ticket.TroubleHiccup, ticket.ReasonConversationNotFound
	case status != 200:
		return ticket.TroubleAccount, ticket.ReasonExpired
	case what == otherForm:
		return ticket.TroubleAccount, ticket.ReasonConversationNotFound
	case what == conversationUnknown:
		return ticket.TroubleHiccup, ticket.ReasonConversationNotFound
	default:
		return 0, ""
	}
}

// answering is the network: it logs in, and gives one answer to every query.
type answering struct {
	status int
	header http.Header
	body   string
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := a.status, a.body
	if r.URL.Path == "/token" {
		status, body = http.StatusOK, `{"access_token":"t","expires_in":86400}`
	}
	return &http.Response{StatusCode: status, Header: a.header.Clone(), Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestEachStatusWithEachShapeHasItsClass(t *testing.T) {
	c := client(t, nil, "ha")
	network := &answering{header: http.Header{"Retry-After": {"7"}}}
	c.http.SetTransport(network)
	for status := 100; status <= 599; status++ {
		for _, s := range shapes {
			network.status, network.body = status, s.body
			got, err := c.Read(t.Context(), uuidOne)
			checkRead(t, status, s, got, err)
		}
	}
}

func checkRead(t *testing.T, status int, s shape, got ticket.Conversation, err error) {
	t.Helper()
	trouble, reason := rightly(status, s.what)
	if trouble == 0 {
		if err != nil || got.ID != uuidOne {
			t.Errorf("%d, %s: %+v, %v", status, s.name, got, err)
		}
		return
	}
	var f *ticket.Failure
	if !errors.As(err, &f) || f.Trouble != trouble || f.Reason != reason {
		t.Errorf("%d, %s: %+v (%v), want %v, %q", status, s.name, f, err, trouble, reason)
		return
	}
	if f.Trouble == ticket.TroubleAccount && f.Gate != "iadvize/main" || f.Hint == "" || strings.Contains(f.Error()+f.Hint, "Ada") {
		t.Errorf("%d, %s: %+v", status, s.name, f)
	}
	if f.Reason == ticket.ReasonExpired && f.After != 7*time.Second {
		t.Errorf("%d, %s: after %s", status, s.name, f.After)
	}
}

func TestAnswersOverHTTP(t *testing.T) {
	var status int
	var body string
	c := client(t, &desk{graphQL: func(w http.ResponseWriter, _ string, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}}, "ha")
	for _, status = range []int{200, 201, 202, 302, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504, 520, 599} {
		for _, s := range shapes {
			body = s.body
			got, err := c.Read(t.Context(), uuidOne)
			checkRead(t, status, s, got, err)
		}
	}
}

func TestRetryAfterIsObeyedAndCapped(t *testing.T) {
	c := client(t, nil, "ha")
	network := &answering{status: http.StatusTooManyRequests}
	c.http.SetTransport(network)
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, " 7 ": 7 * time.Second, "999999": 15 * time.Minute, strings.Repeat("9", 5000): 15 * time.Minute, "-1": 0, "soon": 0, "": 0, "5m": 0, "7.5": 0,
		"Tue, 24 Nov 2026 10:00:30 GMT": 30 * time.Second, "Tue, 24 Nov 2026 09:59:30 GMT": 0, "Wed, 24 Nov 2027 10:00:00 GMT": 15 * time.Minute,
	} {
		network.header = http.Header{"Retry-After": {header}, "Date": {"Tue, 24 Nov 2026 10:00:00 GMT"}}
		_, err := c.Read(t.Context(), uuidOne)
		var f *ticket.Failure
		if !errors.As(err, &f) || f.After != want {
			t.Errorf("Retry-After %.40q: %+v, want after %s", header, f, want)
		}
	}
	network.header = http.Header{"Retry-After": {time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}}
	var f *ticket.Failure
	if _, err := c.Read(t.Context(), uuidOne); !errors.As(err, &f) || f.After <= 0 || f.After > time.Minute {
		t.Errorf("a date a minute from now: %+v", f)
	}
}

const uuidOne = "4c8c7408-f73c-42cd-89e9-afbbee7d9024"
