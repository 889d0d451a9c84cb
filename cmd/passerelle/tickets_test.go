package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/ticket"
)

// Archive and escalation are both on: a third of the conversations is escalated, and each has one ticket.
func TestBothOptionsNeverGiveTwoTickets(t *testing.T) {
	w := newTown(t)
	w.unlimited()
	url := start(t, w.env, "serve").address("ingest")
	const conversations = 1000
	var posts errgroup.Group
	posts.SetLimit(16)
	for i := range conversations {
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
		w.conversation(id, func(c *simiadvize.Conversation) {
			if i%3 == 0 {
				c.ClosingForm = []simiadvize.FormValue{{FieldID: "create_escalation_ticket", Value: "true", Checkbox: true}}
			}
		})
		posts.Go(func() error {
			if status, answer := post(t, url, published(id)); status != 202 {
				return fmt.Errorf("%d %s", status, answer)
			}
			return nil
		})
	}
	if err := posts.Wait(); err != nil {
		t.Fatal(err)
	}
	for made := 100; made <= conversations; made += 100 { // a busy machine may take its time, as long as it gets on
		until(t, "another hundred tickets", func() bool { return w.zendesk.Summary().ExternalIDs >= made })
	}
	open := 0
	for _, got := range w.account.Tickets() {
		if got.Status == "open" {
			open++
		}
	}
	if sum := w.zendesk.Summary(); sum.Tickets != conversations || open != (conversations+2)/3 {
		t.Errorf("%d tickets, %d of them open", sum.Tickets, open)
	}
}

// surveyed is a webhook with one of the visitor's answers.
func surveyed(event, conversation, answer string, at time.Time) string {
	return fmt.Sprintf(`{"eventId":%q,"eventType":"satisfaction.answered","platform":"ha","projectId":1,"clientId":1,"conversationId":%q,%s,"createdAt":%q,"sentAt":%q}`,
		event, conversation, answer, at.Format(time.RFC3339Nano), at.Format(time.RFC3339Nano))
}

// The visitor answers before the conversation ends, while its ticket is made, afterwards in the wrong order, and when
// the ticket is closed.
func TestSatisfactionComesWhenItLikes(t *testing.T) {
	w := newTown(t)
	p := start(t, append(w.env, "PASSERELLE_LOG_LEVEL=debug"), "serve")
	url := p.address("ingest")
	now := time.Now()
	say := func(event, answer string, at time.Time) {
		t.Helper()
		if status, body := post(t, url, surveyed(event, closedID, answer, at)); status != 202 || !strings.Contains(body, "accepted") {
			t.Fatalf("%d %s", status, body)
		}
	}
	value := func(field int64) any { return w.account.TicketByExternalID("iadvize:" + closedID)[0].Fields[field] }
	say("e1", `"customerSatisfaction":2`, now)
	p.await("conversation retry") // it was tried before there was a ticket, and waits
	w.conversation(closedID, nil)
	post(t, url, published(closedID))
	say("e2", `"satisfactionComment":"Merci"`, now.Add(time.Second))
	until(t, "the answers in the ticket", func() bool {
		all := w.account.TicketByExternalID("iadvize:" + closedID)
		return len(all) == 1 && value(w.site.Score) == "2" && value(w.site.Comment) == "Merci"
	})
	say("e4", `"customerSatisfaction":5`, now.Add(4*time.Second))
	until(t, "the last score", func() bool { return value(w.site.Score) == "5" })
	say("e3", `"customerSatisfaction":1`, now.Add(3*time.Second))
	p.await("a later answer is in the ticket")
	say("e5", `"netPromoterScore":9`, now.Add(5*time.Second))
	until(t, "the recommendation", func() bool { return value(w.site.Recommendation) == "9" })
	got := w.account.TicketByExternalID("iadvize:" + closedID)[0]
	if value(w.site.Score) != "5" || got.Status != "solved" {
		t.Errorf("ticket = %+v", got)
	}
	w.account.CloseTicket(got.ID)
	say("e6", `"customerSatisfaction":3`, now.Add(6*time.Second))
	p.await("conversation dead")
	var letters []ticket.DeadLetter
	until(t, "the dead letter", func() bool {
		out, _, _ := command(t, w.env, "deadletters", "list", "-o", "json")
		return json.Unmarshal([]byte(out), &letters) == nil && len(letters) == 1
	})
	if d := letters[0]; d.Reason != ticket.ReasonTicketClosed || d.ConversationID != closedID {
		t.Errorf("letter = %+v", d)
	}
	if len(w.account.Tickets()) != 1 {
		t.Errorf("%d tickets", len(w.account.Tickets()))
	}
}
