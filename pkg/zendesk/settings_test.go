package zendesk

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"passerelle/pkg/ticket"
)

func TestRules(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body := `{"triggers":[{"id":1,"title":"off","active":false}],"meta":{"has_more":true,"after_cursor":"next"}}`
		if r.URL.Query().Get("page[after]") == "next" {
			// Conditions may be absent; values are texts, numbers, lists and null.
			body = `{"triggers":[{"id":2,"title":"none","active":true,"conditions":{}},
				{"id":3,"title":"on","active":true,"conditions":{"all":[{"field":"status","operator":"is","value":"solved"},{"field":"custom_status_id","operator":"includes","value":["1",2]}],
				"any":[{"field":"assignee_id","operator":"is","value":null},{"field":"custom_fields_1","operator":"is","value":true}]},
				"actions":[{"field":"notification_user","value":["requester_id","Subject","Body"]},{"field":"priority","value":"high"}]}],
				"meta":{"has_more":true,"after_cursor":"next"}}`
		}
		_, _ = io.WriteString(w, body)
	})
	got, err := c.Triggers(t.Context())
	want := []Rule{{ID: 2, Title: "none"}, {
		ID: 3, Title: "on",
		All:     []RuleCondition{{"status", "is", RuleValues{"solved"}}, {"custom_status_id", "includes", RuleValues{"1", "2"}}},
		Any:     []RuleCondition{{"assignee_id", "is", RuleValues{""}}, {"custom_fields_1", "is", RuleValues{"true"}}},
		Actions: []RuleAction{{"notification_user", RuleValues{"requester_id", "Subject", "Body"}}, {"priority", RuleValues{"high"}}},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("rules %+v, %v; want %+v", got, err, want)
	}
	_, err = client(t, say(403, `{"error":"Forbidden"}`)).Automations(t.Context())
	failure(t, err)
}

func TestWhatAPlanDoesNotHave(t *testing.T) {
	c := client(t, say(403, `{"error":{"title":"Forbidden","message":"no"}}`))
	if forms, err := c.Forms(t.Context()); err != nil || len(forms) != 0 {
		t.Errorf("forms %v, %v", forms, err)
	}
	down := client(t, say(503, ``))
	for what, ask := range map[string]func() error{
		"fields": func() error { _, err := down.Fields(t.Context()); return err },
		"forms":  func() error { _, err := down.Forms(t.Context()); return err },
		"brands": func() error { _, err := down.Brands(t.Context()); return err },
		"groups": func() error { _, err := down.Groups(t.Context()); return err },
		"caller": func() error { _, err := down.Caller(t.Context()); return err },
		"create": func() error { _, err := down.CreateField(t.Context(), FieldSettings{}); return err },
		"place":  func() error { return down.SetFormFields(t.Context(), 1, nil) },
	} {
		t.Run(what, func(t *testing.T) { failure(t, ask()) })
	}
}

func TestCallerAndScopes(t *testing.T) {
	c := client(t, say(200, `{"user":{"id":null,"name":"Anonymous user","role":"end-user"}}`))
	if got, err := c.Caller(t.Context()); err != nil || got.ID != 0 {
		t.Errorf("caller %+v, %v", got, err)
	}
	c = client(t, say(200, `{"user":{"id":7,"role":"agent","role_type":1,"suspended":true}}`))
	if got, err := c.Caller(t.Context()); err != nil || got != (Caller{ID: 7, Role: "agent", Light: true, Suspended: true}) {
		t.Errorf("caller %+v, %v", got, err)
	}
	if _, known, err := c.Scopes(t.Context()); known || err != nil {
		t.Errorf("an API token has scopes: %v", err)
	}
}

func TestCreateField(t *testing.T) {
	var sent string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = string(body)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"ticket_field":{"id":5,"type":"integer","title":"Score","active":true,"agent_description":"for agents"}}`)
	})
	got, err := c.CreateField(t.Context(), FieldSettings{Field: ticket.Field{Type: ticket.FieldInteger, Title: "Score"}, AgentDescription: "for agents"})
	if err != nil || got.ID != 5 || got.AgentDescription != "for agents" {
		t.Errorf("created %+v, %v", got, err)
	}
	for _, flag := range []string{`"required":false`, `"visible_in_portal":false`, `"editable_in_portal":false`, `"required_in_portal":false`, `"active":true`} {
		if !strings.Contains(sent, flag) {
			t.Errorf("sent %s, which lacks %s", sent, flag)
		}
	}
}

func FuzzRuleValues(f *testing.F) {
	for _, seed := range []string{`"solved"`, `12`, `null`, `true`, `["a",1,null]`, `[["a"]]`, `{"a":1}`, `[]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c RuleCondition
		err := json.Unmarshal([]byte(`{"value":`+text+`}`), &c)
		if valid := json.Valid([]byte(`{"value":` + text + `}`)); valid != (err == nil) && !strings.Contains(text, `"`) {
			t.Errorf("valid JSON %v, error %v", valid, err)
		}
	})
}
