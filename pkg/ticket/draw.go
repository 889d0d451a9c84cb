package ticket

import (
	"fmt"
	"maps"
	"net/mail"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Statuses that a new ticket gets.
const (
	StatusSolved = "solved"
	StatusOpen   = "open"
)

// People are those of the Zendesk account whom a ticket may be assigned to. A zero AgentUser means nobody.
type People struct {
	Handler  AgentUser // the agent who handled the conversation, as the account knows them
	Fallback AgentUser // the site's fallback assignee
}

// Draw draws up the ticket of a conversation. It gives a Failure with TroubleJob, before any call was made, when the
// account would refuse the ticket: a required field of the form has neither value nor default, a value is no choice of
// its field, or nobody can be the assignee of a solved ticket.
func Draw(c Conversation, s Site, purpose Purpose, form Form, people People) (Draft, error) {
	labels := LabelsIn(s.Locale)
	d := Draft{
		ExternalID: ExternalID(c.ID), Purpose: purpose, Status: StatusSolved, StatusID: s.Tickets.ArchiveStatus,
		Priority: s.Tickets.Priority, Type: s.Tickets.Type, Requester: requesterOf(c, s, labels), FormID: form.ID,
		BrandID: s.Tickets.BrandID, GroupID: s.Tickets.GroupID, Tags: Tags(s.Tickets.Tags, c.Tags),
		StartedAt: c.CreatedAt, ClosedAt: c.ClosedAt,
	}
	if purpose == PurposeEscalation {
		d.Status, d.StatusID = StatusOpen, s.Tickets.EscalationStatus
	}
	words := variablesOf(c, s, purpose)
	d.Subject = subjectOf(s.Tickets.Subject, words)
	if err := d.checkStatus(form); err != nil {
		return Draft{}, err
	}
	assigned := d.assign(s.Tickets, people)
	values, err := d.fieldValues(c, s.Tickets, form, words)
	if err != nil {
		return Draft{}, err
	}
	missing, doubtful := form.Missing(d.filling(form, values))
	unassigned := d.Status == StatusSolved && d.AssigneeID == 0
	if unassigned {
		missing = append(assigneeField(form), missing...)
	}
	if len(missing) > 0 {
		f := RequiredMissing(missing)
		if unassigned && s.Tickets.FallbackAssignee != "" {
			f.Hint = "tickets.fallback_assignee of the site names nobody who can be assigned, as passerelle sites check says; otherwise " + f.Hint
		}
		return Draft{}, f
	}
	d.Fields, d.Doubtful = listed(values), doubtful
	d.Comments = comments(c, s, purpose, labels, assigned)
	return d, nil
}

// checkStatus refuses a custom status of another category: an archive ticket that is not solved would mail people and
// wait for somebody.
func (d *Draft) checkStatus(form Form) error {
	if d.StatusID == 0 {
		return nil
	}
	status, known := form.Status(d.StatusID)
	fits := known && status.Active && (status.Category == d.Status || d.Status == StatusOpen && status.Category != StatusSolved)
	if !fits {
		return &Failure{
			Trouble: TroubleJob, Reason: ReasonRejected,
			Detail: Detail{Message: fmt.Sprintf("custom status %d is not an active one that fits a ticket that is %s", d.StatusID, d.Status)},
			Hint:   "set tickets.archive_status_id to a status of the category solved, tickets.escalation_status_id to one of another, then replay",
		}
	}
	d.Status = status.Category
	return nil
}

// filling is what the form's conditions look at: the custom fields, and the system fields that are on the form.
func (d *Draft) filling(form Form, values map[int64]any) Filling {
	all := maps.Clone(values)
	for _, f := range form.Fields {
		switch f.Type { //nolint:exhaustive // the others have no value that a condition could name
		case FieldSubject:
			all[f.ID] = d.Subject
		case FieldStatus:
			all[f.ID] = d.Status
		case FieldPriority:
			all[f.ID] = d.Priority
		case FieldTicketType:
			all[f.ID] = d.Type
		case FieldGroup:
			if d.GroupID != 0 {
				all[f.ID] = strconv.FormatInt(d.GroupID, 10)
			} else if d.AssigneeID != 0 {
				all[f.ID] = d.AssigneeID // Zendesk takes the assignee's group, whichever it is
			}
		}
	}
	return Filling{Status: d.Status, CustomStatusID: d.StatusID, Values: all}
}

// requesterOf never leaves the name empty, because Zendesk refuses a new requester without one.
func requesterOf(c Conversation, s Site, labels Labels) Requester {
	name, email := c.Visitor.name(), address(c.Visitor.Email)
	if email == "" {
		email = address(s.Tickets.AnonymousEmail)
		if name == "" {
			name = s.Tickets.AnonymousName
		}
	}
	if name == "" {
		name = labels.Speakers.Visitor
	}
	const longName = 255 // Zendesk refuses longer ones
	return Requester{Name: shortened(name, longName), Email: email}
}

func (v Visitor) name() string {
	if name := strings.Join(strings.Fields(v.FirstName+" "+v.LastName), " "); name != "" {
		return name
	}
	return strings.Join(strings.Fields(v.Username), " ")
}

// address gives the e-mail address in lower case, as Zendesk keeps it, and nothing for what Zendesk would refuse as no
// address: what visitors type is not always one.
func address(text string) string {
	email := strings.ToLower(strings.TrimSpace(text))
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > longAddress {
		return ""
	}
	at := strings.LastIndexByte(email, '@')
	domain, err := idna.Lookup.ToASCII(email[at+1:])
	if err != nil || !strings.Contains(strings.Trim(domain, "."), ".") {
		return ""
	}
	return email[:at+1] + domain
}

const longAddress = 254 // https://www.rfc-editor.org/errata/eid1690

// assign tells whether the ticket went to the agent who handled the conversation. An escalated ticket may stay
// unassigned for a colleague to take.
func (d *Draft) assign(s TicketSettings, people People) bool {
	switch {
	case s.AssignToAgent && people.Handler.Assignable(s.GroupID):
		d.AssigneeID = people.Handler.ID
		return true
	case d.Purpose == PurposeArchive && people.Fallback.Assignable(s.GroupID):
		d.AssigneeID = people.Fallback.ID
	}
	return false
}

func assigneeField(form Form) []FieldRef {
	for _, f := range form.Fields {
		if f.Type == FieldAssignee {
			return []FieldRef{{ID: f.ID, Title: f.Title}}
		}
	}
	return []FieldRef{{Title: "Assignee"}}
}

// RequiredMissing is the failure of a ticket whose form asks for these fields.
func RequiredMissing(fields []FieldRef) *Failure {
	return &Failure{
		Trouble: TroubleJob, Reason: ReasonRequiredFieldMissing,
		Detail: Detail{Message: "required by the ticket form, without value and default: " + namesOf(fields), Fields: fields},
		Hint: "give each of these fields a value under tickets.defaults of the site (the assignee: tickets.fallback_assignee; " +
			"priority and type: tickets.priority and tickets.type), or make it optional in Zendesk, then replay",
	}
}

func namesOf(fields []FieldRef) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = fmt.Sprintf("%s (%d)", f.Title, f.ID)
	}
	return strings.Join(names, ", ")
}

// comments gives the transcript, and the agent's note as a private comment of its own. The first comment of an archive
// ticket is private unless the site says otherwise, because a public one makes triggers mail the customer.
func comments(c Conversation, s Site, purpose Purpose, labels Labels, assigned bool) []Comment {
	zone := s.zone()
	var out []Comment
	parts := Transcript(c.Messages, labels.Speakers, zone)
	if len(parts) == 0 {
		parts = []string{"<p>" + Escape(labels.NoMessages) + "</p>"}
	}
	for _, part := range parts {
		out = append(out, Comment{HTML: part, Public: s.Tickets.PublicTranscript})
	}
	if agent, ok := c.HandledBy(); ok && !assigned && agent.Name != "" {
		line := "<p>" + Escape(labels.HandledBy+" "+agent.Name) + "</p>"
		// A comment of its own costs a call, and keeps the ticket out of bulk jobs.
		if last := &out[len(out)-1]; !last.Public && len(last.HTML)+len(line) <= MaxComment {
			last.HTML += line
		} else {
			out = append(out, Comment{HTML: line})
		}
	}
	if note := strings.TrimSpace(c.ClosingForm.PrivateNote); note != "" && purpose == PurposeEscalation {
		heading := s.Tickets.NoteLabel
		if heading == "" {
			heading = labels.PrivateNote
		}
		for _, part := range Transcript([]Message{{Name: heading, Text: note}}, labels.Speakers, zone) {
			out = append(out, Comment{HTML: part})
		}
	}
	return out
}
