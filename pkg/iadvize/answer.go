package iadvize

import (
	"strings"
	"time"

	"passerelle/pkg/ticket"
)

// The types below mirror queries.graphql. Everything may be absent: the schema's own promises were not published.

type conversationData struct {
	Conversation *conversationNode `json:"conversation"`
}

type conversationNode struct {
	ID        Text   `json:"id"`
	CreatedAt moment `json:"createdAt"`
	ClosedAt  moment `json:"closedAt"`
	Channel   string `json:"channel"`
	Language  *struct {
		Code string `json:"code"`
	} `json:"language"`
	Project *struct {
		ID Number `json:"id"`
	} `json:"project"`
	Visitor *visitorNode `json:"visitor"`
	Tags    []struct {
		Name string `json:"name"`
	} `json:"tags"`
	Survey *struct {
		Score          *Number `json:"customerSatisfaction"`
		Recommendation *Number `json:"netPromoterScore"`
		Comment        string  `json:"satisfactionComment"`
	} `json:"satisfactionSurvey"`
	ClosingForm closingFormNode `json:"closingFormValues"`
	CustomData  []struct {
		Key   string `json:"key"`
		Value string `json:"stringValue"`
	} `json:"customData"`
	Messages messagePage `json:"messages"`
}

// closingFormNode is nil while iAdvize knows of none.
type closingFormNode []struct {
	FieldID string `json:"fieldId"`
	Value   string `json:"value"`
}

func (n closingFormNode) closingForm() ticket.ClosingForm {
	form := ticket.ClosingForm{Known: n != nil}
	for _, field := range n {
		switch field.FieldID {
		case FieldEscalate:
			form.Escalate = Ticked(field.Value)
		case FieldPrivateNote:
			form.PrivateNote = field.Value
		}
	}
	return form
}

type visitorNode struct {
	ExternalUserID string `json:"externalUserId"`
	FirstName      string `json:"firstName"`
	LastName       string `json:"lastName"`
	Email          string `json:"email"`
	PhoneNumber    string `json:"phoneNumber"`
	Username       string `json:"username"`
}

type userNode struct {
	Type      string `json:"__typename"`
	ID        Number `json:"id"`
	Email     string `json:"email"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	UserName  string `json:"userName"`
}

type messagePage struct {
	Edges []struct {
		Node messageNode `json:"node"`
	} `json:"edges"`
	PageInfo struct {
		EndCursor   string `json:"endCursor"`
		HasNextPage bool   `json:"hasNextPage"`
	} `json:"pageInfo"`
}

type messageNode struct {
	Type        string    `json:"__typename"`
	CreatedAt   moment    `json:"createdAt"`
	Text        string    `json:"text"`
	Author      *userNode `json:"author"`
	Attachments []struct {
		URL  string `json:"url"`
		Name string `json:"name"`
	} `json:"attachments"`
	Attachment *struct {
		Type   string    `json:"__typename"`
		ToUser *userNode `json:"toUser"`
	} `json:"attachment"`
}

// moment is a timestamp that may be null or unreadable, which gives the zero time.
type moment struct{ time.Time }

// UnmarshalJSON never fails: a conversation with an odd timestamp is still worth its ticket.
func (m *moment) UnmarshalJSON(raw []byte) error {
	if t, err := ParseTime(strings.Trim(string(raw), `"`)); err == nil {
		m.Time = t
	}
	return nil
}

// Ids of the fields in the closing form that ingest offers.
const (
	FieldEscalate    = "create_escalation_ticket"
	FieldPrivateNote = "private_note"
)

// Ticked tells whether the value of a checkbox means that it was ticked. How iAdvize spells it is not documented.
func Ticked(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true", "1", "on", "yes", "checked":
		return true
	default:
		return false
	}
}

func (u userNode) agent() ticket.Agent {
	name := strings.TrimSpace(u.UserName)
	if name == "" {
		name = strings.TrimSpace(u.FirstName + " " + u.LastName)
	}
	return ticket.Agent{ID: int64(u.ID), Name: name, Email: strings.TrimSpace(u.Email), Human: u.Type != "Bot"}
}

func (n conversationNode) conversation(id string) ticket.Conversation {
	c := ticket.Conversation{ID: id, Channel: n.Channel, CreatedAt: n.CreatedAt.Time, ClosedAt: n.ClosedAt.Time, CustomData: map[string]string{}}
	if n.Language != nil {
		c.Language = n.Language.Code
	}
	if n.Project != nil {
		c.ProjectID = int64(n.Project.ID)
	}
	if v := n.Visitor; v != nil {
		c.Visitor = ticket.Visitor{
			ExternalID: v.ExternalUserID, FirstName: v.FirstName, LastName: v.LastName, Email: v.Email, Phone: v.PhoneNumber, Username: v.Username,
		}
	}
	for _, tag := range n.Tags {
		c.Tags = append(c.Tags, tag.Name)
	}
	for _, entry := range n.CustomData {
		c.CustomData[entry.Key] = entry.Value
	}
	if s := n.Survey; s != nil {
		c.Survey = ticket.Satisfaction{Score: number(s.Score), Recommendation: number(s.Recommendation), Comment: s.Comment}
	}
	c.ClosingForm = n.ClosingForm.closingForm()
	return c
}

func number(n *Number) *int {
	if n == nil {
		return nil
	}
	v := int(*n)
	return &v
}

// add appends a page of messages and, from the system messages, to whom the conversation was given.
func (p messagePage) add(c *ticket.Conversation) {
	for _, edge := range p.Edges {
		n := edge.Node
		m := ticket.Message{At: n.CreatedAt.Time, Text: n.Text}
		for _, a := range n.Attachments {
			m.Attachments = append(m.Attachments, ticket.Attachment{URL: a.URL, Name: a.Name})
		}
		switch n.Type {
		case "VisitorMessage":
			m.Speaker = ticket.SpeakerVisitor
		case "UserMessage":
			m.Speaker = ticket.SpeakerAgent
			if n.Author != nil {
				agent := n.Author.agent()
				m.Name = agent.Name
				if !agent.Human {
					m.Speaker = ticket.SpeakerBot
				}
			}
		default:
			if n.Attachment != nil && n.Attachment.ToUser != nil {
				c.Handlers = append(c.Handlers, n.Attachment.ToUser.agent())
			}
			m.Speaker = ticket.SpeakerSystem
		}
		if m.Text != "" || len(m.Attachments) > 0 {
			c.Messages = append(c.Messages, m)
		}
	}
}
