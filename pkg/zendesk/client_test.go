package zendesk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"passerelle/pkg/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c := NewClient(Account{Name: "acme", URL: server.URL + "/", APIToken: func() (string, string, error) { return "admin@example.com", "hunter2", nil }}, nil)
	t.Cleanup(c.Close)
	return c
}

func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

var draft = ticket.Draft{
	ExternalID: "iadvize:c1", Status: "solved", Subject: "s", Requester: ticket.Requester{Name: "Ada", Email: "ada@example.com"}, AssigneeID: 7, FormID: 9,
	Tags: []string{"iadvize"}, Fields: []ticket.FieldValue{{ID: 10, Value: "c1"}},
	Comments: []ticket.Comment{{HTML: "<p>one</p>"}, {HTML: "<p>two</p>", Public: true}},
}

func failure(t *testing.T, err error) *ticket.Failure {
	t.Helper()
	var f *ticket.Failure
	if !errors.As(err, &f) {
		t.Fatalf("error = %v, want a failure", err)
	}
	for _, secret := range []string{"hunter2", "admin@example.com", "127.0.0.1", "Ada"} {
		if strings.Contains(f.Error()+f.Hint, secret) {
			t.Errorf("%q tells %q", f.Error(), secret)
		}
	}
	if f.Hint == "" || f.Detail.Message == "" {
		t.Errorf("failure says too little: %+v", f)
	}
	return f
}

func TestCreate(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.Method != http.MethodPost || r.URL.Path != "/api/v2/tickets" || r.Header.Get("Idempotency-Key") != "iadvize:c1" || user != "admin@example.com/token" || password != "hunter2" {
			t.Errorf("request = %s %s %v", r.Method, r.URL, r.Header)
		}
		body, _ := io.ReadAll(r.Body)
		want := `{"ticket":{"subject":"s","comment":{"html_body":"\u003cp\u003eone\u003c/p\u003e","public":false},"requester":{"name":"Ada","email":"ada@example.com"},` +
			`"assignee_id":7,"ticket_form_id":9,"status":"solved","external_id":"iadvize:c1","tags":["iadvize"],"custom_fields":[{"id":10,"value":"c1"}]}}`
		if string(body) != want {
			t.Errorf("body = %s", body)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"ticket":{"id":42,"url":"https://elsewhere.example/42.json"},"audit":{}}`)
	})
	got, _, err := c.Create(t.Context(), draft)
	if err != nil || got.ID != 42 || !strings.HasSuffix(got.URL, "/agent/tickets/42") || strings.Contains(got.URL, "elsewhere") {
		t.Errorf("Create = %+v, %v", got, err)
	}
}

func TestCreateFailures(t *testing.T) {
	const invalid = `{"error":"RecordInvalid","description":"x","details":%s}`
	for _, tc := range []struct {
		name    string
		answer  http.HandlerFunc
		trouble ticket.Trouble
		reason  ticket.Reason
		fields  int
	}{
		{"required to solve", say(422, fmt.Sprintf(invalid, `{"base":[{"description":"Service : est requis","error":null,"ticket_field_id":20,"ticket_field_type":"FieldTagger"},{"description":"Order: is required","error":null,"ticket_field_id":21,"ticket_field_type":"FieldText"}]}`)), ticket.TroubleJob, ticket.ReasonRequiredFieldMissing, 2},
		{"bad date", say(422, fmt.Sprintf(invalid, `{"base":[{"description":"Date is not valid","error":"InvalidValue","ticket_field_id":20,"ticket_field_type":"FieldDate"}]}`)), ticket.TroubleJob, ticket.ReasonRejected, 1},
		{"suspended", say(422, fmt.Sprintf(invalid, `{"requester":[{"description":"Demandeur : Ada est suspendu","error":"UserSuspended"}]}`)), ticket.TroubleJob, ticket.ReasonRequesterSuspended, 0},
		{"name too short", say(422, fmt.Sprintf(invalid, `{"requester":[{"description":"Requester: Name: is too short"}]}`)), ticket.TroubleJob, ticket.ReasonRejected, 0},
		{"assignee", say(422, fmt.Sprintf(invalid, `{"assignee":[{"description":"x","error":"InvalidValue"}]}`)), ticket.TroubleJob, ticket.ReasonRejected, 0},
		{"generic sample", say(422, `{"details":{"value":[{"type":"blank","description":"can't be blank"}]},"error":"RecordInvalid"}`), ticket.TroubleJob, ticket.ReasonRejected, 0},
		{"details as text", say(422, fmt.Sprintf(invalid, `"odd"`)), ticket.TroubleJob, ticket.ReasonRejected, 0},
		{"details' entry as text", say(422, fmt.Sprintf(invalid, `{"base":"odd"}`)), ticket.TroubleJob, ticket.ReasonRejected, 0},
		{"idempotency", say(400, `{"error":"IdempotentRequestError"}`), ticket.TroubleUncertain, "", 0},
		{"too many jobs", say(422, `{"error":"TooManyJobs"}`), ticket.TroubleAccount, ticket.ReasonExpired, 0},
		{"malformed", say(400, `{"errors":[{"code":"InvalidParameter"}]}`), ticket.TroubleJob, ticket.ReasonRejected, 0},
		{"unauthorised", say(401, `{"error":"Couldn't authenticate you"}`), ticket.TroubleAccount, ticket.ReasonCredentialsRefused, 0},
		{"forbidden", say(403, `{"error":{"title":"Forbidden","message":"m"}}`), ticket.TroubleAccount, ticket.ReasonCredentialsRefused, 0},
		{"no such account", say(404, `<html>`), ticket.TroubleAccount, ticket.ReasonCredentialsRefused, 0},
		{"conflict", say(409, `{"error":"DatabaseConflict","description":"Database collision"}`), ticket.TroubleUncertain, "", 0},
		{"deadlock", say(500, `{"error":"DatabaseDeadlock"}`), ticket.TroubleUncertain, ticket.ReasonExpired, 0},
		{"gateway", say(502, `<html>`), ticket.TroubleUncertain, ticket.ReasonExpired, 0},
		{"success without a ticket", say(201, `{}`), ticket.TroubleUncertain, "", 0},
		{"success that is no JSON", say(201, `<html>`), ticket.TroubleUncertain, "", 0},
		{"cut short", say(201, `{"ticket":{"id":4`), ticket.TroubleUncertain, "", 0},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, ticket.TroubleAccount, ticket.ReasonCredentialsRefused, 0},
		{"reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ticket.TroubleUncertain, ticket.ReasonExpired, 0},
		{"huge", func(w http.ResponseWriter, _ *http.Request) {
			for range maxBody>>20 + 1 {
				_, _ = w.Write([]byte(strings.Repeat(" ", 1<<20)))
			}
		}, ticket.TroubleUncertain, ticket.ReasonExpired, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := client(t, tc.answer).Create(t.Context(), draft)
			f := failure(t, err)
			if f.Trouble != tc.trouble || f.Reason != tc.reason || len(f.Detail.Fields) != tc.fields {
				t.Errorf("failure = %+v", f)
			}
		})
	}
}

func TestFind(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("external_id") != "iadvize:c1" {
			t.Errorf("query = %s", r.URL.RawQuery)
		}
		_, _ = io.WriteString(w, `{"tickets":[{"id":9,"external_id":"iadvize:c1"},{"id":5,"external_id":"IADVIZE:C1"},{"id":1,"external_id":"other"}],"count":3}`)
	})
	if got, found, err := c.Find(t.Context(), "iadvize:c1"); err != nil || !found || got.ID != 5 {
		t.Errorf("Find = %+v, %v, %v; want the oldest", got, found, err)
	}
	c = client(t, say(200, `{"tickets":[]}`))
	if _, found, err := c.Find(t.Context(), "iadvize:c1"); found || err != nil {
		t.Errorf("found = %v, %v", found, err)
	}
	c = client(t, say(503, ``))
	_, _, err := c.Find(t.Context(), "iadvize:c1")
	if f := failure(t, err); f.Trouble != ticket.TroubleAccount {
		t.Errorf("failure = %+v", f)
	}
}

func TestComments(t *testing.T) {
	var added []string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			body, _ := io.ReadAll(r.Body)
			added = append(added, string(body))
			_, _ = io.WriteString(w, `{"ticket":{"id":42,"updated_at":"2026-11-24T10:00:01Z"}}`)
		case !strings.HasSuffix(r.URL.Path, "/comments"):
			_, _ = io.WriteString(w, `{"ticket":{"id":42,"updated_at":"2026-11-24T10:00:00Z"}}`)
		case r.URL.Query().Get("page[after]") == "":
			_, _ = io.WriteString(w, `{"comments":[{"author_id":1},{"author_id":2}],"meta":{"has_more":true,"after_cursor":"x"}}`)
		default:
			_, _ = io.WriteString(w, `{"comments":[{"author_id":1}],"meta":{"has_more":false}}`)
		}
	})
	n, stamp, err := c.CountComments(t.Context(), 42)
	if n != 2 || stamp != "2026-11-24T10:00:00Z" || err != nil {
		t.Errorf("count = %d, %q, %v", n, stamp, err)
	}
	if stamp, err = c.AddComment(t.Context(), 42, draft.Comments[1], stamp); stamp != "2026-11-24T10:00:01Z" || err != nil {
		t.Errorf("added: %q, %v", stamp, err)
	}
	if want := `{"ticket":{"comment":{"html_body":"\u003cp\u003etwo\u003c/p\u003e","public":true},"safe_update":true,"updated_stamp":"2026-11-24T10:00:00Z"}}`; len(added) != 1 || added[0] != want {
		t.Errorf("added %v", added)
	}
	c = client(t, say(409, `{"error":"UpdateConflict","description":"Safe Update prevented the update due to outdated ticket data."}`))
	_, err = c.AddComment(t.Context(), 42, draft.Comments[1], stamp)
	if f := failure(t, err); f.Trouble != ticket.TroubleHiccup {
		t.Errorf("failure = %+v", f)
	}
	_, _, err = c.CountComments(t.Context(), 42)
	failure(t, err)
}

func TestSetFields(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/api/v2/tickets/42" || string(body) != `{"ticket":{"custom_fields":[{"id":12,"value":"4"}]}}` {
			t.Errorf("request = %s %s", r.URL.Path, body)
		}
		_, _ = io.WriteString(w, `{"ticket":{"id":42}}`)
	})
	if err := c.SetFields(t.Context(), 42, []ticket.FieldValue{{ID: 12, Value: "4"}}); err != nil {
		t.Error(err)
	}
	for name, tc := range map[string]struct {
		status int
		body   string
		reason ticket.Reason
	}{
		"closed":  {422, `{"error":"RecordInvalid","details":{"status":[{"description":"Statut : fermé"}]}}`, ticket.ReasonTicketClosed},
		"deleted": {404, `{"error":"RecordNotFound","description":"Not found"}`, ticket.ReasonRejected},
	} {
		err := client(t, say(tc.status, tc.body)).SetFields(t.Context(), 42, nil)
		if f := failure(t, err); f.Trouble != ticket.TroubleJob || f.Reason != tc.reason {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestAgent(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/group_memberships") {
			_, _ = io.WriteString(w, `{"group_memberships":[{"group_id":5},{"group_id":6}]}`)
			return
		}
		_, _ = io.WriteString(w, `{"users":[{"id":1,"email":"xchloe@example.com","role":"agent"},{"id":2,"email":"chloe@example.com","role":"end-user"},
			{"id":3,"email":"CHLOE@example.com","role":"admin","role_type":4,"active":true},{"id":4,"email":"light@example.com","role":"agent","role_type":1}]}`)
	})
	got, found, err := c.Agent(t.Context(), " Chloe@Example.com ")
	if err != nil || !found || got.ID != 3 || !got.Assignable(5) || got.Assignable(7) {
		t.Errorf("agent = %+v, %v, %v", got, found, err)
	}
	if got, found, err := c.Agent(t.Context(), "light@example.com"); err != nil || !found || got.Assignable(0) {
		t.Errorf("light agent = %+v, %v, %v", got, found, err)
	}
	for _, email := range []string{"nobody@example.com", "", "a b@example.com"} {
		if _, found, err := c.Agent(t.Context(), email); found || err != nil {
			t.Errorf("%q: %v, %v", email, found, err)
		}
	}
	c = client(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/group_memberships") {
			w.WriteHeader(500)
			return
		}
		_, _ = io.WriteString(w, `{"users":[{"id":1,"email":"a@example.com","role":"agent"}]}`)
	})
	_, _, err = c.Agent(t.Context(), "a@example.com")
	failure(t, err)
	_, _, err = client(t, say(500, "")).Agent(t.Context(), "a@example.com")
	failure(t, err)
}

const fieldsAnswer = `{"ticket_fields":[
 {"id":1,"type":"assignee","title":"Assignee","active":true,"required":true},
 {"id":20,"type":"tagger","title":"Service","active":true,"custom_field_options":[{"value":"sav","name":"SAV","default":true},{"value":"x","allow_solving":false}]},
 {"id":21,"type":"regexp","title":"Order","active":true,"regexp_for_validation":"\\d+"}]}`

func forms(form http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v2/ticket_fields") {
			_, _ = io.WriteString(w, fieldsAnswer)
			return
		}
		form(w, r)
	}
}

func TestForm(t *testing.T) {
	const form = `{"id":9,"name":"F","active":true,"default":true,"ticket_field_ids":[21,20,99],"agent_conditions":[
	 {"parent_field_id":20,"value":"sav","child_fields":[{"id":21,"is_required":true,"required_on_statuses":{"type":"SOME_STATUSES","statuses":["solved"]}},{"id":22,"is_required":true}]},
	 {"parent_field_id":23,"value":true,"child_fields":[]}]}`
	c := client(t, forms(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2/ticket_forms/9" {
			_, _ = io.WriteString(w, `{"ticket_form":`+form+`}`)
			return
		}
		_, _ = io.WriteString(w, `{"ticket_forms":[{"id":8,"active":true},`+form+`]}`)
	}))
	for _, id := range []int64{9, 0} {
		got, err := c.Form(t.Context(), id)
		if err != nil || got.ID != 9 || len(got.Fields) != 2 || got.Fields[0].ID != 21 || got.Fields[0].Regexp != `\d+` {
			t.Fatalf("form %d = %+v, %v", id, got, err)
		}
		if o := got.Fields[1].Options; !o[0].Default || !o[1].BlocksSolved {
			t.Errorf("options = %+v", o)
		}
		if k := got.Conditions; len(k) != 2 || k[1].Value != "true" || k[0].Children[0].Statuses.Statuses[0] != "solved" || k[0].Children[1].Statuses != nil {
			t.Errorf("conditions = %+v", k)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("the form cannot be cached: %v", err)
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"not on this plan": say(403, `{}`), "no such endpoint": say(404, `{"error":"InvalidEndpoint"}`), "no default": say(200, `{"ticket_forms":[]}`),
	} {
		if got, err := client(t, forms(answer)).Form(t.Context(), 0); err != nil || got.ID != 0 || len(got.Fields) != 3 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, tc := range map[string]struct {
		answer  http.HandlerFunc
		id      int64
		trouble ticket.Trouble
	}{
		"unknown":  {say(404, `{"error":"RecordNotFound"}`), 9, ticket.TroubleJob},
		"inactive": {say(200, `{"ticket_form":{"id":9,"active":false}}`), 9, ticket.TroubleJob},
		"down":     {say(500, ``), 9, ticket.TroubleAccount},
		"all down": {say(500, ``), 0, ticket.TroubleAccount},
	} {
		_, err := client(t, forms(tc.answer)).Form(t.Context(), tc.id)
		if f := failure(t, err); f.Trouble != tc.trouble || tc.trouble == ticket.TroubleJob && f.Reason != ticket.ReasonRejected {
			t.Errorf("%s: %+v", name, f)
		}
	}
	c = client(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v2/ticket_fields") {
			w.WriteHeader(500)
			return
		}
		_, _ = io.WriteString(w, `{"ticket_form":`+form+`}`)
	})
	_, err := c.Form(t.Context(), 9)
	failure(t, err)
}

func TestOAuth(t *testing.T) {
	logIns := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oauth/tokens" {
			logIns++
			fmt.Fprintf(w, `{"access_token":"t%d","expires_in":1800}`, logIns)
			return
		}
		if r.Header.Get("Authorization") == "Bearer t1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"ticket":{"id":42}}`)
	}))
	defer server.Close()
	secret := func() (string, string, error) { return "id", "hunter2", nil }
	c := NewClient(Account{Name: "acme", URL: server.URL, OAuth: secret}, nil)
	defer c.Close()
	for range 3 {
		if got, _, err := c.Create(t.Context(), draft); err != nil || got.ID != 42 {
			t.Fatalf("Create = %+v, %v", got, err)
		}
	}
	if logIns != 2 {
		t.Errorf("%d log-ins, want one and one after the token was revoked", logIns)
	}
}

func TestOAuthFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		reason ticket.Reason
	}{
		"invalid client": {say(401, `{"error":"invalid_client"}`), ticket.ReasonCredentialsRefused},
		"invalid scope":  {say(400, `{"error":"invalid_scope"}`), ticket.ReasonCredentialsRefused},
		"down":           {say(503, ``), ticket.ReasonExpired},
		"no token":       {say(200, `{}`), ticket.ReasonExpired},
		"reset":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ticket.ReasonExpired},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.answer)
			defer server.Close()
			c := NewClient(Account{Name: "acme", URL: server.URL, OAuth: func() (string, string, error) { return "id", "hunter2", nil }}, nil)
			defer c.Close()
			_, _, err := c.Create(t.Context(), draft)
			if f := failure(t, err); f.Trouble != ticket.TroubleAccount || f.Reason != tc.reason {
				t.Errorf("failure = %+v", f)
			}
		})
	}
	unset := func() (string, string, error) { return "", "", errors.New("ZENDESK_SECRET is not set") }
	for _, a := range []Account{{Name: "acme", OAuth: unset}, {Name: "acme", APIToken: unset}} {
		_, _, err := NewClient(a, nil).Create(t.Context(), draft)
		if f := failure(t, err); f.Reason != ticket.ReasonCredentialsRefused || !strings.Contains(f.Error(), "ZENDESK_SECRET") {
			t.Errorf("failure = %+v", f)
		}
	}
}
