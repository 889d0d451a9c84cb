package simiadvize

import "github.com/graph-gophers/graphql-go"

// message resolves the interface Message.
type message struct {
	ID        graphql.ID
	CreatedAt dateTime

	visitor *visitorMessage
	user    *userMessage
	system  *systemMessage
}

func (m *message) ToVisitorMessage() (*visitorMessage, bool) { return m.visitor, m.visitor != nil }
func (m *message) ToUserMessage() (*userMessage, bool)       { return m.user, m.user != nil }
func (m *message) ToSystemMessage() (*systemMessage, bool)   { return m.system, m.system != nil }

type visitorMessage struct {
	ID          graphql.ID
	CreatedAt   dateTime
	Text        *string
	Attachments *[]attachment
}

type userMessage struct {
	ID          graphql.ID
	CreatedAt   dateTime
	Text        *string
	Author      *user
	Attachments *[]attachment
}

type systemMessage struct {
	ID         graphql.ID
	CreatedAt  dateTime
	Attachment *systemAttachment
}

type attachment struct {
	URL               string
	Name, ContentType *string
}

// systemAttachment resolves the union SystemAttachment.
type systemAttachment struct {
	pushed *pushedAttachment
	closed *closedAttachment
}

type pushedAttachment struct{ ToUser *user }

type closedAttachment struct{ ClosedAt *dateTime }

func (a *systemAttachment) ToConversationPushedSystemAttachment() (*pushedAttachment, bool) {
	return a.pushed, a.pushed != nil
}

func (a *systemAttachment) ToConversationClosedSystemAttachment() (*closedAttachment, bool) {
	return a.closed, a.closed != nil
}

func (sp spelling) message(r *record, m Message) *message {
	id, at := graphql.ID(m.ID), sp.time(m.At)
	out := &message{ID: id, CreatedAt: at}
	var agent *user
	for _, a := range r.Agents {
		if a.ID == m.AgentID && m.AgentID != 0 {
			agent = sp.user(a)
		}
	}
	switch m.Kind {
	case AgentSaid:
		out.user = &userMessage{id, at, orNull(m.Text), agent, attachments(m.Attachments)}
	case Pushed:
		out.system = &systemMessage{id, at, &systemAttachment{pushed: &pushedAttachment{agent}}}
	case Closed:
		out.system = &systemMessage{id, at, &systemAttachment{closed: &closedAttachment{&at}}}
	case System:
		out.system = &systemMessage{ID: id, CreatedAt: at}
	default:
		out.visitor = &visitorMessage{id, at, orNull(m.Text), attachments(m.Attachments)}
	}
	return out
}

func attachments(list []Attachment) *[]attachment {
	if list == nil {
		return nil
	}
	out := make([]attachment, len(list))
	for i, a := range list {
		out[i] = attachment{a.URL, orNull(a.Name), orNull(a.ContentType)}
	}
	return &out
}
