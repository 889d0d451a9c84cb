package simiadvize

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The event types (technologies/webhooks/reference).
const (
	EventPushed                = "v2.conversation.pushed"
	EventClosed                = "v2.conversation.closed"
	EventSatisfaction          = "satisfaction.answered"
	EventTransaction           = "transaction.attributed"
	EventVisitorUpdated        = "visitor.updated"
	EventUserCreated           = "user.created"
	EventUserUpdated           = "user.updated"
	EventUserConnected         = "user.connected"
	EventUserDisconnected      = "user.disconnected"
	EventUserAvailability      = "user.availability.updated"
	EventDeprecatedStarted     = "conversation.started"
	EventDeprecatedTransferred = "conversation.transferred"
	EventDeprecatedClosed      = "conversation.closed"
)

// Event is what a webhook says. A caller may change any part before Send; the same ID sent again is the same event.
type Event struct {
	ID             string // UUID
	Type           string
	Platform       string // ha or sd
	ConversationID string // "" when the event is not about a conversation; Send keeps its outcome under it
	CreatedAt      time.Time
	Fields         map[string]any // all beyond the common ones
}

func (s *Server) event(eventType, platform, conversationID string, at time.Time, fields map[string]any) Event {
	if conversationID != "" {
		fields["conversationId"] = conversationID
	}
	return Event{
		ID: uuid.NewString(), Type: eventType, Platform: cmp.Or(strings.ToLower(platform), "ha"),
		ConversationID: conversationID, CreatedAt: at, Fields: fields,
	}
}

// body is the event's JSON, flat and without an envelope.
func (s *Server) body(e Event) ([]byte, error) {
	sp := s.spelling()
	flat := map[string]any{
		"eventId": e.ID, "eventType": e.Type, "platform": e.Platform, "clientId": sp.id(s.cfg.ClientID),
		"createdAt": sp.time(e.CreatedAt).String(), "sentAt": sp.time(s.cfg.Now()).String(),
	}
	maps.Copy(flat, e.Fields)
	out, err := json.Marshal(flat)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", e.Type, err)
	}
	return out, nil
}

func (s *Server) conversationFields(c Conversation) map[string]any {
	fields := map[string]any{
		"projectId": s.spelling().id(c.ProjectID), "channel": c.Channel, "visitorId": nil, "visitorExternalId": nil,
	}
	if c.Visitor != nil {
		fields["visitorId"], fields["visitorExternalId"] = orNull(c.Visitor.ID), orNull(c.Visitor.ExternalID)
	}
	return fields
}

// PushedEvent says that the conversation was given to an operator.
func (s *Server) PushedEvent(c Conversation, operatorID int64) Event {
	fields := s.conversationFields(c)
	fields["operatorId"] = s.spelling().id(operatorID)
	at := c.CreatedAt
	for _, m := range c.Messages {
		if m.Kind == Pushed && m.AgentID == operatorID {
			at = m.At
		}
	}
	return s.event(EventPushed, c.Platform, c.ID, at, fields)
}

// ClosedEvent says that the conversation ended.
func (s *Server) ClosedEvent(c Conversation) Event {
	ids := make([]int64, len(c.Agents))
	for i, a := range c.Agents {
		ids[i] = a.ID
	}
	fields := s.conversationFields(c)
	fields["operatorIds"] = s.spelling().ids(ids)
	return s.event(EventClosed, c.Platform, c.ID, cmp.Or(c.ClosedAt, s.cfg.Now()), fields)
}

// satisfaction carries exactly one answer: a click of the visitor.
func (s *Server) satisfaction(c Conversation, key string, value any) Event {
	fields := map[string]any{"projectId": s.spelling().id(c.ProjectID), key: value}
	return s.event(EventSatisfaction, c.Platform, c.ID, s.cfg.Now(), fields)
}

// CustomerSatisfactionEvent says that the visitor clicked a score of 1 to 5.
func (s *Server) CustomerSatisfactionEvent(c Conversation, score int) Event {
	return s.satisfaction(c, "customerSatisfaction", score)
}

// NetPromoterScoreEvent says that the visitor clicked a recommendation of 0 to 10.
func (s *Server) NetPromoterScoreEvent(c Conversation, score int) Event {
	return s.satisfaction(c, "netPromoterScore", score)
}

// SatisfactionCommentEvent says that the visitor left a comment.
func (s *Server) SatisfactionCommentEvent(c Conversation, text string) Event {
	return s.satisfaction(c, "satisfactionComment", text)
}

// CustomQuestionEvent says that the visitor answered the site's own question.
func (s *Server) CustomQuestionEvent(c Conversation, yes bool) Event {
	return s.satisfaction(c, "customQuestion", yes)
}

// TransactionEvent says that a purchase was attributed to the conversation.
func (s *Server) TransactionEvent(c Conversation, externalID string, amount float64, operatorID int64) Event {
	now := s.cfg.Now()
	return s.event(EventTransaction, c.Platform, c.ID, now, map[string]any{
		"projectId": s.spelling().id(c.ProjectID), "transactionId": uuid.NewString(),
		"receivedAt": s.spelling().time(now).String(), "externalId": externalID, "amount": amount,
		"source": "Onsite", "operatorId": s.spelling().id(operatorID),
	})
}

// VisitorUpdatedEvent says that an operator changed a visitor. Its visitorId is of the old kind, and it names neither
// project nor conversation.
func (s *Server) VisitorUpdatedEvent(platform string, operatorID int64, visitorID string) Event {
	return s.event(EventVisitorUpdated, platform, "", s.cfg.Now(), map[string]any{
		"operatorId": s.spelling().id(operatorID), "visitorId": visitorID,
	})
}

// UserEvent is one of user.created, user.updated, user.connected and user.disconnected.
func (s *Server) UserEvent(eventType, platform string, userID int64) Event {
	return s.event(eventType, platform, "", s.cfg.Now(), map[string]any{"userId": s.spelling().id(userID)})
}

// UserAvailabilityEvent says on which channels a user is available now.
func (s *Server) UserAvailabilityEvent(platform string, userID int64, available map[string]bool) Event {
	list := []map[string]string{}
	for _, channel := range []string{"CHAT", "CALL", "VIDEO", "THIRD_PARTY"} {
		status := "UNAVAILABLE"
		if available[channel] {
			status = "AVAILABLE"
		}
		list = append(list, map[string]string{"channel": channel, "status": status})
	}
	return s.event(EventUserAvailability, platform, "", s.cfg.Now(), map[string]any{
		"userId": s.spelling().id(userID), "origin": "desk", "availabilities": list,
	})
}

// DeprecatedEvent is conversation.started, conversation.transferred or conversation.closed, with the integer ids of
// their time.
func (s *Server) DeprecatedEvent(eventType string, c Conversation, operatorID int64) Event {
	fields := map[string]any{
		"websiteId": c.ProjectID, "conversationId": c.LegacyID, "operatorId": operatorID,
		"channel": strings.ToLower(c.Channel), "visitorId": "593de0891b628a50b09835dc6c0e92565329c74baa90e",
	}
	if eventType == EventDeprecatedTransferred {
		fields["transferredConversationId"] = c.LegacyID + 1
	}
	return s.event(eventType, c.Platform, "", s.cfg.Now(), fields)
}
