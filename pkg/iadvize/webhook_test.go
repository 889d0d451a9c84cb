package iadvize

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/ticket"
)

func TestDecodeWebhook(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	const head = `{"eventId":"e1","platform":"HA","projectId":"12","clientId":1,"conversationId":"C-1","createdAt":"2019-04-12T07:58:35.171Z",`
	for _, tc := range []struct {
		name, body     string
		kind           ticket.Kind
		agents         []int64
		ignored, wrong bool
	}{
		{name: "closed", body: head + `"eventType":"v2.conversation.closed","operatorIds":[1,"2"],"new":{"x":1}}`, kind: ticket.KindClosed, agents: []int64{1, 2}},
		{name: "closed as in 2019", body: head + `"eventType":"v2.conversation.closed","operatorId":[15,16]}`, kind: ticket.KindClosed, agents: []int64{15, 16}},
		{name: "score", body: head + `"eventType":"satisfaction.answered","customerSatisfaction":3}`, kind: ticket.KindSatisfaction},
		{name: "recommendation of 0", body: head + `"eventType":"satisfaction.answered","netPromoterScore":0}`, kind: ticket.KindSatisfaction},
		{name: "comment", body: head + `"eventType":"satisfaction.answered","satisfactionComment":"ok"}`, kind: ticket.KindSatisfaction},
		{name: "custom question", body: head + `"eventType":"satisfaction.answered","customQuestion":true}`, ignored: true},
		{name: "pushed", body: head + `"eventType":"v2.conversation.pushed","operatorId":1}`, ignored: true},
		{name: "deprecated", body: `{"eventType":"conversation.closed","conversationId":1,"websiteId":1}`, ignored: true},
		{name: "other visitor id", body: `{"eventType":"visitor.updated","visitorId":"593d"}`, ignored: true},
		{name: "no type", body: `{}`, wrong: true},
		{name: "comments in it", body: head + `"eventType":"v2.conversation.closed" // x` + "\n}", wrong: true},
		{name: "a list", body: `[]`, wrong: true},
		{name: "empty", wrong: true},
		{name: "no conversation", body: `{"eventType":"v2.conversation.closed","projectId":1,"createdAt":"2019-04-12T07:58:35Z"}`, wrong: true},
		{name: "no project", body: `{"eventType":"v2.conversation.closed","conversationId":"c","createdAt":"2019-04-12T07:58:35Z"}`, wrong: true},
		{name: "no time", body: `{"eventType":"v2.conversation.closed","conversationId":"c","projectId":1}`, wrong: true},
		{name: "project is an object", body: `{"eventType":"v2.conversation.closed","conversationId":"c","projectId":{}}`, wrong: true},
		{name: "long channel", body: head + `"eventType":"v2.conversation.closed","channel":"` + strings.Repeat("<", 65) + `"}`, wrong: true},
		{name: "many agents", body: head + `"eventType":"v2.conversation.closed","operatorIds":[1` + strings.Repeat(",1", 1000) + `]}`, wrong: true},
		{name: "channel is a number", body: head + `"eventType":"v2.conversation.closed","channel":1}`, wrong: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := DecodeWebhook([]byte(tc.body), now)
			switch {
			case tc.ignored:
				if !errors.Is(err, ErrIgnored) {
					t.Fatalf("error = %v, want ErrIgnored", err)
				}
			case tc.wrong:
				if err == nil || errors.Is(err, ErrIgnored) {
					t.Fatalf("error = %v, want one that refuses the body", err)
				}
			case err != nil:
				t.Fatal(err)
			case got.Kind != tc.kind || got.Platform != "ha" || got.ProjectID != 12 || !got.ReceivedAt.Equal(now) || !slices.Equal(got.OperatorIDs, tc.agents):
				t.Fatalf("event = %+v", got)
			}
		})
	}
}

func TestALongCommentIsCutToWhatCanBeStored(t *testing.T) {
	comment := strings.Repeat("é<", 300_000)
	body := `{"eventId":"e","eventType":"satisfaction.answered","platform":"ha","projectId":1,"conversationId":"c",` +
		`"createdAt":"2019-04-12T07:58:35.171Z","satisfactionComment":"` + comment + `"}`
	event, err := DecodeWebhook([]byte(body), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	if got := event.Satisfaction.Comment; len(stored) > 500_000 || len(got) < 59_000 || !strings.HasPrefix(comment, got) {
		t.Errorf("%d bytes of comment, %d of the event", len(got), len(stored))
	}
}

func FuzzDecodeWebhook(f *testing.F) {
	f.Add([]byte(`{"eventType":"v2.conversation.closed","conversationId":"c","projectId":1,"createdAt":"2019-04-12T07:58:35Z"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		event, err := DecodeWebhook(body, time.Unix(0, 0))
		if err == nil && (event.ConversationID == "" || event.ProjectID <= 0 || event.Key() == "") {
			t.Fatalf("an event without identity was accepted: %+v", event)
		}
	})
}
