package iadvize

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/pkg/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk answers log-ins and queries by what the test puts in.
type desk struct {
	logIn   func(w http.ResponseWriter, r *http.Request)
	graphQL func(w http.ResponseWriter, after string, r *http.Request)
	logIns  int
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		d.logIns++
		if d.logIn != nil {
			d.logIn(w, r)
			return
		}
		fmt.Fprintf(w, `{"access_token":"t%d","expires_in":86400,"token_type":"Bearer","refresh_token":"none"}`, d.logIns)
		return
	}
	var query struct {
		Variables struct{ After string }
	}
	if err := json.NewDecoder(r.Body).Decode(&query); err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	d.graphQL(w, query.Variables.After, r)
}

func client(t *testing.T, d *desk, platform string) *Client {
	t.Helper()
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	c := NewClient(Connection{
		Name: "main", URL: server.URL + "/graphql", TokenURL: server.URL + "/token", Platform: platform,
		Credentials: func() (string, string, error) { return "user", "hunter2", nil },
	}, nil)
	t.Cleanup(c.Close)
	return c
}

func say(status int, body string) func(http.ResponseWriter, string, *http.Request) {
	return func(w http.ResponseWriter, _ string, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

const firstPage = `{"data":{"conversation":{"id":"c1","createdAt":"2026-05-01T08:00:00Z","closedAt":"2026-05-01T08:10:00+00:00[UTC]",
"channel":"CHAT","language":{"code":"fr"},"project":{"id":12},"visitor":{"firstName":"Ada","email":"ada@example.com","lastName":null},
"tags":[{"name":"Retour"}],"satisfactionSurvey":{"customerSatisfaction":5,"netPromoterScore":null,"satisfactionComment":null},
"closingFormValues":[{"fieldId":"create_escalation_ticket","value":"Checked"},{"fieldId":"private_note","value":"a note"}],
"customData":[{"key":"order","stringValue":"A1"}],
"messages":{"edges":[
{"node":{"__typename":"SystemMessage","createdAt":"2026-05-01T08:00:00Z","attachment":{"__typename":"ConversationPushedSystemAttachment","toUser":{"__typename":"Bot","id":1,"lastName":"Robot"}}}},
{"node":{"__typename":"UserMessage","createdAt":"odd","text":"Hello","author":{"__typename":"Bot","id":"1","lastName":"Robot"}}},
{"node":{"__typename":"VisitorMessage","createdAt":"2026-05-01T08:01:00Z","text":"Hi","attachments":[{"url":"https://example.com/a","name":"a"}]}}
],"pageInfo":{"endCursor":"p2","hasNextPage":true}}}}}`

const secondPage = `{"data":{"conversation":{"id":"c1","tags":[],"messages":{"edges":[
{"node":{"__typename":"SystemMessage","attachment":{"toUser":{"__typename":"Professional","id":"7","email":"chloe@example.com","firstName":"Chloé","lastName":"D","userName":null}}}},
{"node":{"__typename":"UserMessage","text":"Sent","author":{"__typename":"Professional","id":7,"firstName":"Chloé","lastName":"D"}}},
{"node":{"__typename":"SomethingNew"}}
],"pageInfo":{"endCursor":"p3","hasNextPage":false}}}}}`

func TestReadAllPages(t *testing.T) {
	d := &desk{}
	d.graphQL = func(w http.ResponseWriter, after string, r *http.Request) {
		if r.URL.RawQuery != "platform=sd" || r.Header.Get("Authorization") != "Bearer t1" {
			t.Errorf("request = %s, %s", r.URL, r.Header.Get("Authorization"))
		}
		page := firstPage
		if after == "p2" {
			page = secondPage
		}
		_, _ = w.Write([]byte(page))
	}
	got, err := client(t, d, "sd").Read(t.Context(), "c1")
	if err != nil {
		t.Fatal(err)
	}
	if got.Channel != "CHAT" || got.Language != "fr" || got.ProjectID != 12 || !got.ClosedAt.Equal(time.Date(2026, 5, 1, 8, 10, 0, 0, time.UTC)) {
		t.Errorf("conversation = %+v", got)
	}
	if got.Visitor.Email != "ada@example.com" || got.Tags[0] != "Retour" || *got.Survey.Score != 5 || got.CustomData["order"] != "A1" {
		t.Errorf("conversation = %+v", got)
	}
	if got.ClosingForm != (ticket.ClosingForm{Known: true, Escalate: true, PrivateNote: "a note"}) {
		t.Errorf("closing form = %+v", got.ClosingForm)
	}
	if len(got.Messages) != 3 || got.Messages[0].Speaker != ticket.SpeakerBot || got.Messages[1].Attachments[0].Name != "a" || got.Messages[2].Name != "Chloé D" {
		t.Errorf("messages = %+v", got.Messages)
	}
	if agent, ok := got.HandledBy(); !ok || agent.ID != 7 || agent.Email != "chloe@example.com" {
		t.Errorf("handled by %+v", agent)
	}
}

// The answer's other parts are not asked for; a form is known when it is empty, and not when it is null.
func TestClosingForm(t *testing.T) {
	for form, want := range map[string]ticket.ClosingForm{
		`null`: {}, `[]`: {Known: true}, `[{"fieldId":"create_escalation_ticket","value":"on"},{"fieldId":"other"}]`: {Known: true, Escalate: true},
	} {
		d := &desk{graphQL: say(200, `{"data":{"conversation":{"closingFormValues":`+form+`}}}`)}
		if got, err := client(t, d, "ha").ClosingForm(t.Context(), "c1"); err != nil || got != want {
			t.Errorf("%s: %+v, %v", form, got, err)
		}
	}
	_, err := client(t, &desk{graphQL: say(200, `{"data":{"conversation":null}}`)}, "ha").ClosingForm(t.Context(), "c1")
	var f *ticket.Failure
	if !errors.As(err, &f) || f.Trouble != ticket.TroubleHiccup || f.Reason != ticket.ReasonConversationNotFound {
		t.Errorf("unknown: %v", err)
	}
}

func TestReadFailures(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answer  func(http.ResponseWriter, string, *http.Request)
		trouble ticket.Trouble
		reason  ticket.Reason
		after   time.Duration
	}{
		{"null", say(200, `{"data":{"conversation":null}}`), ticket.TroubleHiccup, ticket.ReasonConversationNotFound, 0},
		{"not found as an error", say(200, `{"data":null,"errors":[{"message":"m","path":["conversation"]}]}`), ticket.TroubleHiccup, ticket.ReasonConversationNotFound, 0},
		{"unknown field", say(400, `{"errors":[{"message":"Cannot query field"}]}`), ticket.TroubleAccount, ticket.ReasonConversationNotFound, 0},
		{"other form", say(200, `{"data":{"conversation":{"tags":"x"}}}`), ticket.TroubleAccount, ticket.ReasonConversationNotFound, 0},
		{"401", say(401, `{"error":"invalid_token"}`), ticket.TroubleAccount, ticket.ReasonCredentialsRefused, 0},
		{"403 in HTML", say(403, `<html>`), ticket.TroubleAccount, ticket.ReasonCredentialsRefused, 0},
		{"500", say(500, ``), ticket.TroubleAccount, ticket.ReasonExpired, 0},
		{"404", say(404, `{}`), ticket.TroubleAccount, ticket.ReasonExpired, 0},
		{"HTML", say(200, `<html>`), ticket.TroubleAccount, ticket.ReasonExpired, 0},
		{"redirect", func(w http.ResponseWriter, _ string, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, ticket.TroubleAccount, ticket.ReasonExpired, 0},
		{"429", func(w http.ResponseWriter, _ string, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(429)
		}, ticket.TroubleAccount, ticket.ReasonExpired, 7 * time.Second},
		{"429 for ever", func(w http.ResponseWriter, _ string, _ *http.Request) {
			w.Header().Set("Retry-After", "999999")
			w.WriteHeader(429)
		}, ticket.TroubleAccount, ticket.ReasonExpired, 15 * time.Minute},
		{"reset", func(http.ResponseWriter, string, *http.Request) { panic(http.ErrAbortHandler) }, ticket.TroubleAccount, ticket.ReasonExpired, 0},
		{"huge", func(w http.ResponseWriter, _ string, _ *http.Request) {
			for range maxBody>>20 + 1 {
				_, _ = w.Write([]byte(strings.Repeat(" ", 1<<20)))
			}
		}, ticket.TroubleAccount, ticket.ReasonExpired, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := client(t, &desk{graphQL: tc.answer}, "ha").Read(t.Context(), "4c8c7408-f73c-42cd-89e9-afbbee7d9024")
			var f *ticket.Failure
			if !errors.As(err, &f) || f.Trouble != tc.trouble || f.Reason != tc.reason || f.After != tc.after {
				t.Fatalf("failure = %+v", err)
			}
			if f.Trouble == ticket.TroubleAccount && f.Gate != "iadvize/main" {
				t.Errorf("gate = %q", f.Gate)
			}
			if f.Hint == "" || strings.Contains(f.Error(), "hunter2") || strings.Contains(f.Error(), "127.0.0.1") {
				t.Errorf("error = %q, hint = %q", f.Error(), f.Hint)
			}
		})
	}
}

func TestATokenThatWasRevokedIsRenewedOnce(t *testing.T) {
	d := &desk{}
	d.graphQL = func(w http.ResponseWriter, _ string, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer t1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(secondPage))
	}
	if _, err := client(t, d, "ha").Read(t.Context(), "c1"); err != nil || d.logIns != 2 {
		t.Errorf("error = %v after %d log-ins", err, d.logIns)
	}
}

func TestLogInFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		reason ticket.Reason
	}{
		"refused":  {401, `{"error":"invalid_grant"}`, ticket.ReasonCredentialsRefused},
		"too many": {429, ``, ticket.ReasonExpired},
		"down":     {503, `<html>`, ticket.ReasonExpired},
		"no token": {200, `{"expires_in":5}`, ticket.ReasonExpired},
		"no life":  {200, `{"access_token":"a"}`, ticket.ReasonExpired},
		"not JSON": {200, `<html>`, ticket.ReasonExpired},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{logIn: func(w http.ResponseWriter, r *http.Request) { say(tc.status, tc.body)(w, "", r) }}
			_, err := client(t, d, "ha").Read(t.Context(), "c1")
			var f *ticket.Failure
			if !errors.As(err, &f) || f.Trouble != ticket.TroubleAccount || f.Reason != tc.reason {
				t.Errorf("failure = %+v", err)
			}
		})
	}
	d := &desk{logIn: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}
	if _, err := client(t, d, "ha").Read(t.Context(), "c1"); err == nil {
		t.Error("no error after a reset")
	}
	c := NewClient(Connection{Name: "main", Credentials: func() (string, string, error) { return "", "", errors.New("IADVIZE_PASSWORD is not set") }}, nil)
	var f *ticket.Failure
	if _, err := c.Read(t.Context(), "c1"); !errors.As(err, &f) || f.Reason != ticket.ReasonCredentialsRefused {
		t.Errorf("failure = %+v", err)
	}
}

func TestTicked(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "TRUE": true, "1": true, " on ": true, "Yes": true, "checked": true, "false": false, "0": false, "": false, "no": false} {
		if Ticked(value) != want {
			t.Errorf("Ticked(%q) = %v", value, !want)
		}
	}
}

func TestAnIDThatIsNoUUIDIsNotTheConnectionsTrouble(t *testing.T) {
	refusal := say(400, `{"errors":[{"message":"Variable \"$id\" got invalid value"}]}`)
	for _, id := range []string{"1", "", "<b>", "{4c8c7408-f73c-42cd-89e9-afbbee7d9024}", "4c8c7408f73c42cd89e9afbbee7d9024"} {
		_, err := client(t, &desk{graphQL: refusal}, "ha").Read(t.Context(), id)
		var f *ticket.Failure
		if !errors.As(err, &f) || f.Trouble != ticket.TroubleJob || f.Gate != "" || f.Reason != ticket.ReasonMalformed || f.Hint == "" {
			t.Errorf("Read(%q): failure = %+v", id, err)
		}
	}
}
