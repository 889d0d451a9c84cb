package simzendesk

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestNothingIsLostAtARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	set := func(b *bench) (User, Field) {
		return b.agent("ann"), b.acme.AddField(Field{Type: "multiselect", Title: "M", Options: []Option{{Value: "a"}, {Value: "b"}}})
	}
	first := newBench(t, Config{Journal: path})
	ann, field := set(first)
	body := `{"ticket":{` + plain + fmt.Sprintf(`,"external_id":"e1","requester":{"name":"Neo","email":"neo@example.com"},"assignee_id":%d,"custom_fields":[{"id":%d,"value":["a","b"]}]}}`, ann.ID, field.ID)
	was := first.do("POST", "/api/v2/tickets", body, "Idempotency-Key", "k").want(t, 201)
	first.create(plain+`,"external_id":"e2"`).want(t, 201)
	first.do("PUT", "/api/v2/tickets/2", `{"ticket":{"external_id":"e3","comment":{"body":"more"}}}`).want(t, 200)
	first.do("PUT", fmt.Sprintf("/api/v2/ticket_fields/%d", field.ID), `{"ticket_field":{"required":true}}`).want(t, 200)
	form := first.acme.AddForm(Form{Name: "Returns"})
	first.do("PUT", fmt.Sprintf("/api/v2/ticket_forms/%d", form.ID), fmt.Sprintf(`{"ticket_form":{"ticket_field_ids":[%d]}}`, field.ID)).want(t, 200)
	made := first.do("POST", "/api/v2/ticket_fields", `{"ticket_field":{"type":"text","title":"Made"}}`).want(t, 201)
	first.do("POST", "/api/v2/users/create_or_update", `{"user":{"email":"ann@acme.example","name":"Ann B"}}`).want(t, 200)
	tickets, mails, summary := first.acme.Tickets(), first.acme.Notifications(), first.sim.Summary()
	if err := first.sim.Close(); err != nil {
		t.Fatal(err)
	}
	// What a crash left half written is cut off.
	half, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := half.WriteString(`{"account":"acme","ticket":{"id":3`); err != nil {
		t.Fatal(err)
	}
	if err := half.Close(); err != nil {
		t.Fatal(err)
	}

	second := newBench(t, Config{Journal: path})
	annAgain, fieldAgain := set(second)
	if annAgain.ID != ann.ID || annAgain.Name != "Ann B" || fieldAgain.ID != field.ID || !fieldAgain.Required {
		t.Errorf("set-up: %+v %+v", annAgain, fieldAgain)
	}
	if again := second.acme.AddForm(Form{Name: "Returns"}); again.ID != form.ID || !slices.Contains(again.FieldIDs, field.ID) {
		t.Errorf("form: %+v", again)
	}
	if got := second.acme.Tickets(); js(got) != js(tickets) || !reflect.DeepEqual(got[0].Fields, tickets[0].Fields) {
		t.Errorf("tickets\n%s\n%s", js(got), js(tickets))
	}
	if js(second.acme.Notifications()) != js(mails) || js(second.sim.Summary()) != js(summary) {
		t.Error("mails or summary differ")
	}
	again := second.do("POST", "/api/v2/tickets", body, "Idempotency-Key", "k").want(t, 201)
	if again.header.Get("x-idempotency-lookup") != "hit" || again.raw != was.raw {
		t.Errorf("the key was forgotten: %s", again.raw)
	}
	next := second.create(plain).want(t, 201)
	if next.id("ticket", "id") != 3 || next.id("audit", "id") <= made.id("ticket_field", "id") {
		t.Errorf("ids do not go on: %.300s", next.raw)
	}
	if a := second.create(plain+`,"requester":"neo@example.com"`).want(t, 201); a.id("ticket", "requester_id") != was.id("ticket", "requester_id") {
		t.Error("the requester was forgotten")
	}
	second.do("GET", fmt.Sprintf("/api/v2/ticket_fields/%d", made.id("ticket_field", "id")), "").want(t, 200)
}

func TestJournalThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("junk\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "open journal", broken: "line 1"} {
		s := New(Config{Journal: path})
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	// From the first failure on nothing is confirmed.
	b := newBench(t, Config{Journal: filepath.Join(dir, "good")})
	b.create(plain).want(t, 201)
	if err := b.sim.journal.file.Close(); err != nil {
		t.Fatal(err)
	}
	b.sim.close = func() error { return nil }
	for range 2 {
		b.create(plain).want(t, 500)
	}
	b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"subject":"x"}}`).want(t, 500)
	b.do("POST", "/api/v2/imports/tickets", `{"ticket":{`+plain+`}}`).want(t, 500)
	b.do("POST", "/api/v2/ticket_fields", `{"ticket_field":{"type":"text","title":"T"}}`).want(t, 500)
	b.do("POST", "/api/v2/users/create_or_update", `{"user":{"name":"N"}}`).want(t, 500)
	for path, body := range map[string]string{"/api/v2/tickets/create_many": many(1, same), "/api/v2/tickets/update_many": `{"tickets":[{"id":1,"subject":"x"}]}`} {
		if a := b.status(b.job(path, body)); a.at("job_status", "status") != "failed" {
			t.Errorf("%s: %s", path, a.raw)
		}
	}
	if b.sim.Err() == nil || len(b.acme.Tickets()) != 1 || b.acme.CloseTicket(1) {
		t.Errorf("%v, %d tickets", b.sim.Err(), len(b.acme.Tickets()))
	}
}

func BenchmarkCreate(b *testing.B) {
	for name, journal := range map[string]string{"memory": "", "journal": filepath.Join(b.TempDir(), "journal")} {
		b.Run(name, func(b *testing.B) {
			s := New(Config{Journal: journal})
			s.AddAccount(acme())
			n := 0
			for b.Loop() {
				n++
				w := benchRequest(s, fmt.Sprintf(`{"ticket":{`+plain+`,"external_id":"%s%d"}}`, name, n))
				if w != 201 {
					b.Fatalf("status %d", w)
				}
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
