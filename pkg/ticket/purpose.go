package ticket

// Purpose says why a conversation gets a ticket.
type Purpose string

// The purposes. PurposeNone means that no ticket is wanted.
const (
	PurposeNone       Purpose = ""
	PurposeArchive    Purpose = "archive"
	PurposeEscalation Purpose = "escalation"
)

// PurposeOf decides what the site wants of a conversation. An escalated conversation gets its open ticket and never
// an archive one besides.
func PurposeOf(c Conversation, s TicketSettings) Purpose {
	switch {
	case s.Escalation && c.ClosingForm.Escalate:
		return PurposeEscalation
	case s.Archive:
		return PurposeArchive
	default:
		return PurposeNone
	}
}
