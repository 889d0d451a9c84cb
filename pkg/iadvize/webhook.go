package iadvize

import (
	"errors"
	"fmt"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1"

	"passerelle/pkg/ticket"
)

// ErrIgnored says that a webhook is sound but of no use here. The deprecated conversation.* events belong to it:
// whoever is subscribed to all events gets v2.conversation.closed too, under another id, and would have two tickets.
var ErrIgnored = errors.New("no use for this event")

// webhook is the flat payload; fields of other events are ignored.
// https://docs.iadvize.dev/technologies/webhooks/reference
type webhook struct {
	EventID        Text    `json:"eventId"`
	EventType      string  `json:"eventType"`
	Platform       string  `json:"platform"`
	ProjectID      Number  `json:"projectId"`
	ConversationID Text    `json:"conversationId"`
	OperatorIDs    Numbers `json:"operatorIds"`
	OperatorID     Numbers `json:"operatorId"`
	Channel        string  `json:"channel"`
	CreatedAt      string  `json:"createdAt"`

	Score          *Number `json:"customerSatisfaction"`
	Recommendation *Number `json:"netPromoterScore"`
	Comment        *string `json:"satisfactionComment"`
}

// Bounds of what is kept of a webhook, in bytes. JSON may write a byte as six, and NATS takes messages of 1 MiB: what is
// longer could not be stored however often it is sent.
const (
	maxID        = 128 // a UUID has 36
	maxWord      = 64
	maxComment   = 60_000 // more than a ticket field takes
	maxOperators = 1000
)

// DecodeWebhook reads the body of a webhook that was received at now. It gives ErrIgnored for an event that leads to no
// work, and an error that quotes nothing of the body when it is not what iAdvize documents.
func DecodeWebhook(body []byte, now time.Time) (ticket.Event, error) {
	// The type is read alone first: events of no use spell their other fields in ways of their own.
	var head struct {
		EventType string `json:"eventType"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return ticket.Event{}, errors.New("the body is not the JSON object that iAdvize documents")
	}
	switch head.EventType {
	case "":
		return ticket.Event{}, errors.New("eventType is missing")
	case "v2.conversation.closed", "satisfaction.answered":
	default:
		return ticket.Event{}, ErrIgnored
	}
	var w webhook
	if err := json.Unmarshal(body, &w); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return ticket.Event{}, fmt.Errorf("%s has another type than iAdvize documents", wrong.Field)
		}
		return ticket.Event{}, errors.New("an id has another type than iAdvize documents")
	}
	return w.event(now)
}

func (w webhook) event(now time.Time) (ticket.Event, error) {
	switch {
	case w.ConversationID == "" || len(w.ConversationID) > maxID:
		return ticket.Event{}, fmt.Errorf("conversationId is missing or over %d bytes", maxID)
	case len(w.EventID) > maxID:
		return ticket.Event{}, fmt.Errorf("eventId is over %d bytes", maxID)
	case len(w.Platform) > maxWord || len(w.Channel) > maxWord:
		return ticket.Event{}, fmt.Errorf("platform or channel is over %d bytes", maxWord)
	case len(w.OperatorIDs)+len(w.OperatorID) > maxOperators:
		return ticket.Event{}, fmt.Errorf("operatorIds are over %d", maxOperators)
	case w.ProjectID <= 0:
		return ticket.Event{}, errors.New("projectId is missing or not positive")
	}
	occurred, err := ParseTime(w.CreatedAt)
	if err != nil {
		return ticket.Event{}, fmt.Errorf("createdAt: %w", err)
	}
	event := ticket.Event{
		ID: string(w.EventID), Kind: ticket.KindClosed, Platform: strings.ToLower(w.Platform), ProjectID: int64(w.ProjectID),
		ConversationID: string(w.ConversationID), Channel: w.Channel, OccurredAt: occurred, ReceivedAt: now,
	}
	for _, id := range append(w.OperatorIDs, w.OperatorID...) {
		event.OperatorIDs = append(event.OperatorIDs, int64(id))
	}
	if w.EventType == "satisfaction.answered" {
		return w.satisfaction(event)
	}
	return event, nil
}

// satisfaction fills in the one answer that such a webhook carries. A custom question has no ticket field.
func (w webhook) satisfaction(event ticket.Event) (ticket.Event, error) {
	event.Kind = ticket.KindSatisfaction
	answer := ticket.Satisfaction{}
	if w.Score != nil {
		score := int(*w.Score)
		answer.Score = &score
	}
	if w.Recommendation != nil {
		score := int(*w.Recommendation)
		answer.Recommendation = &score
	}
	if w.Comment != nil {
		answer.Comment = *w.Comment
		if len(answer.Comment) > maxComment {
			answer.Comment = strings.ToValidUTF8(answer.Comment[:maxComment], "")
		}
	}
	if answer.Empty() {
		return ticket.Event{}, ErrIgnored
	}
	if event.ID == "" {
		return ticket.Event{}, errors.New("eventId is missing")
	}
	event.Satisfaction = &answer
	return event, nil
}
