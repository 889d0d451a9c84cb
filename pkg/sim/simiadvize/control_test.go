package simiadvize

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestControlConversations(t *testing.T) {
	r := receive(t, 202, 500)
	p := start(t, Config{RetryDelays: []time.Duration{}, Webhooks: []Webhook{
		{URL: "http://127.0.0.1:1", Platform: "sd"}, {URL: r.URL, Secret: "s3cret", ProjectID: 1234},
	}})
	post := func(body string, want int) map[string]any {
		t.Helper()
		status, out := p.do(http.MethodPost, "/_sim/conversations", "application/json", body)
		if status != want {
			t.Errorf("%s: status %d, body %v", body, status, out)
		}
		return out
	}
	out := post(`{"id":"`+id1+`","project_id":1234,"send":true,"messages":[{"kind":"visitor","text":"hi"}],"closing_form":[{"field_id":"create_escalation_ticket","value":"yes"}]}`, 201)
	if at(t, out, "delivery", "accepted") != true || at(t, out, "delivery", "status") != 202.0 || len(r.received()) != 1 {
		t.Errorf("%v", out)
	}
	if out := post(`{"project_id":1234}`, 201); out["id"] == "" || out["delivery"] != nil {
		t.Errorf("%v", out)
	}
	post(`{"id":"`+id2+`","project_id":9,"send":true,"webhook":{"url":"`+r.URL+`"}}`, 201)
	post(`{"project_id":9,"send":true}`, 400)
	post(`{"id":"x"}`, 400)
	post(`{"projekt":1}`, 400)
	post(`nothing`, 400)
	_, raw, err := p.try(http.MethodGet, "/_sim/conversations", "", "")
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	if err := json.Unmarshal(raw, &all); err != nil || len(all) != 3 {
		t.Fatalf("%v in %s", err, raw)
	}
	want := `{"closed_at":"2026-03-05T12:00:00Z","escalated":true,"id":"` + id1 + `","messages":1,"platform":"ha","project":1234,"webhook":"accepted","webhook_accepted":true}`
	if got := asJSON(t, all[0]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if all[1]["webhook"] != "none" || all[2]["webhook"] != "refused" || all[2]["webhook_accepted"] != false {
		t.Errorf("%s", raw)
	}
}

func TestControlEndsADelivery(t *testing.T) {
	r := receive(t, 401)
	p := start(t, Config{RetryDelays: []time.Duration{time.Hour}})
	until, err := time.Now().Add(300 * time.Millisecond).MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	status, out := p.do(http.MethodPost, "/_sim/conversations", "", `{"project_id":9,"send":true,"until":"`+string(until)+`","webhook":{"url":"`+r.URL+`"}}`)
	if status != http.StatusCreated || at(t, out, "delivery", "status") != 401.0 || at(t, out, "delivery", "attempts") != 1.0 {
		t.Errorf("%d %v", status, out)
	}
}

func TestControlFaultsAndRequests(t *testing.T) {
	p := start(t, Config{})
	if status, _ := p.do(http.MethodPost, "/_sim/faults", "", `{"kind":"status","status":503,"endpoint":"token"}`); status != http.StatusCreated {
		t.Errorf("status %d", status)
	}
	for _, bad := range []string{`{"kind":"x"}`, `{"sort":"hang"}`, `[`} {
		if status, _ := p.do(http.MethodPost, "/_sim/faults", "", bad); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", bad, status)
		}
	}
	if _, raw, _ := p.try(http.MethodGet, "/_sim/faults", "", ""); strings.TrimSpace(string(raw)) != `[{"kind":"status","endpoint":"token","status":503}]` {
		t.Errorf("%s", raw)
	}
	if status, _ := p.login("api@example.com", "secret"); status != 503 {
		t.Errorf("status %d", status)
	}
	if status, _, _ := p.try(http.MethodDelete, "/_sim/faults", "", ""); status != http.StatusNoContent {
		t.Errorf("status %d", status)
	}
	p.login("api@example.com", "secret")
	if _, got := p.do(http.MethodGet, "/_sim/requests", "", ""); got["tokens"] != 1.0 || got["faults"] != 1.0 {
		t.Errorf("%v", got)
	}
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "iadvize.jsonl")
	first := start(t, Config{Journal: path, ReadableAfter: time.Minute})
	r := receive(t, 202)
	first.add(rich())
	first.add(Conversation{ID: id2, ClosedAt: noon})
	first.Send(t.Context(), Webhook{URL: r.URL}, first.ClosedEvent(rich()))
	if err := first.Answer(id1, Survey{NetPromoterScore: number(9)}); err != nil {
		t.Fatal(err)
	}
	before := asJSON(t, first.Conversations())
	if err := first.Server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Add(rich()); err == nil {
		t.Error("added without journal")
	}
	if err := first.Answer(id1, Survey{}); err == nil {
		t.Error("answered without journal")
	}
	if d := first.Send(t.Context(), Webhook{URL: r.URL}, first.ClosedEvent(Conversation{ID: id2})); d.Error == "" || !d.Accepted {
		t.Errorf("%+v", d)
	}
	// A crash in the middle of a line.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"conversation":{"id":"`); err != nil {
		t.Fatal(err)
	}
	file.Close()

	second := start(t, Config{Journal: path, ReadableAfter: time.Minute})
	if got := asJSON(t, second.Conversations()); got != before {
		t.Errorf("%s\nwant\n%s", got, before)
	}
	if !second.WebhookAccepted(id1) || second.WebhookAccepted(id2) {
		t.Error("what became of webhooks is lost")
	}
	if c := second.ask(everything, map[string]any{"id": id1})["conversation"]; c != nil {
		t.Error("readable too early after a restart")
	}
	second.clock.advance(time.Minute)
	if c := second.ask(everything, map[string]any{"id": id1})["conversation"]; at(t, c, "satisfactionSurvey", "netPromoterScore") != 9.0 {
		t.Errorf("%v", c)
	}
	second.add(Conversation{ID: id3})
	if third := start(t, Config{Journal: path}); third.Count() != 3 {
		t.Errorf("%d conversations, want 3", third.Count())
	}
	if err := os.WriteFile(path, []byte("{}\nno json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{path, t.TempDir()} {
		if _, err := New(Config{Journal: bad}); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}
