package ticket

import (
	"slices"
	"time"
)

// Conversation is all that iAdvize tells of a finished conversation.
type Conversation struct {
	ID          string
	Channel     string
	Language    string    // ISO code, may be empty
	CreatedAt   time.Time // zero when unknown
	ClosedAt    time.Time // zero while iAdvize does not say that it is closed
	ProjectID   int64
	Visitor     Visitor
	Messages    []Message // in the order they were written
	Handlers    []Agent   // to whom the conversation was given, in that order; the last human handled it
	Tags        []string
	Survey      Satisfaction
	ClosingForm ClosingForm
	CustomData  map[string]string
}

// Visitor is the customer. Every field may be empty.
type Visitor struct {
	ExternalID, FirstName, LastName, Email, Phone, Username string
}

// Agent is whoever spoke for the company: a person or a bot.
type Agent struct {
	ID    int64
	Name  string
	Email string // empty for bots and for experts outside the company
	Human bool
}

// Speaker says who wrote a message.
type Speaker int

// The speakers of a conversation.
const (
	SpeakerVisitor Speaker = iota
	SpeakerAgent
	SpeakerBot
	SpeakerSystem
)

// Message is one line of a conversation.
type Message struct {
	At          time.Time
	Speaker     Speaker
	Name        string // of the agent or bot; empty for the visitor
	Text        string
	Attachments []Attachment
}

// Attachment is a file that was sent in a conversation.
type Attachment struct {
	URL, Name string
}

// ClosingForm is what the agent answered when closing.
type ClosingForm struct {
	Known       bool   // false while iAdvize gives no answer at all; true when it gave a list, were it empty
	Escalate    bool   // the agent ticked "create escalation ticket"
	PrivateNote string // for the colleagues, never for the customer
}

// Satisfaction is what the visitor answered in the survey. A nil pointer or an empty comment means no answer.
type Satisfaction struct {
	Score          *int   `json:"score,omitempty"`          // 1 to 5
	Recommendation *int   `json:"recommendation,omitempty"` // 0 to 10
	Comment        string `json:"comment,omitempty"`
}

// kind tells answers apart in keys.
func (s Satisfaction) kind() string {
	switch {
	case s.Score != nil:
		return "-score"
	case s.Recommendation != nil:
		return "-recommendation"
	case s.Comment != "":
		return "-comment"
	default:
		return ""
	}
}

// Empty tells whether there is no answer in it.
func (s Satisfaction) Empty() bool {
	return s.Score == nil && s.Recommendation == nil && s.Comment == ""
}

// HandledBy gives the agent who handled the conversation: the last human it was given to.
func (c Conversation) HandledBy() (Agent, bool) {
	for _, v := range slices.Backward(c.Handlers) {
		if v.Human {
			return v, true
		}
	}
	return Agent{}, false
}
