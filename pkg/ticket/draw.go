package ticket

import (
	"fmt"
	"strings"
	"time"
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
// account would refuse the ticket: a required field of the form has neither value nor default, a default is no choice
// of its field, or nobody can be the assignee of a solved ticket.
func Draw(c Conversation, s Site, purpose Purpose, form Form, people People) (Draft, error) {
	labels := LabelsIn(s.Locale)
	d := Draft{
		ExternalID: ExternalID(c.ID), Purpose: purpose, Status: StatusSolved, Subject: labels.Subject + " " + c.ID,
		Requester: requesterOf(c, s, labels), FormID: form.ID, BrandID: s.Tickets.BrandID, GroupID: s.Tickets.GroupID,
		Tags: Tags(s.Tickets.Tags, c.Tags),
	}
	if purpose == PurposeEscalation {
		d.Status, d.Subject = StatusOpen, labels.Escalated+" "+c.ID
	}
	assigned := d.assign(s.Tickets, people)
	values, err := fieldValues(c, s.Tickets, form, d.Status)
	if err != nil {
		return Draft{}, err
	}
	missing := form.Missing(d.Status, values)
	if d.Status == StatusSolved && d.AssigneeID == 0 {
		missing = append(assigneeField(form), missing...)
	}
	if len(missing) > 0 {
		return Draft{}, requiredMissing(missing)
	}
	d.Fields = listed(values)
	d.Comments = comments(c, s, purpose, labels, assigned)
	return d, nil
}

// requesterOf never leaves the name empty, because Zendesk refuses a new requester without one.
func requesterOf(c Conversation, s Site, labels Labels) Requester {
	v := c.Visitor
	name := strings.Join(strings.Fields(v.FirstName+" "+v.LastName), " ")
	if name == "" {
		name = strings.TrimSpace(v.Username)
	}
	email := strings.ToLower(strings.TrimSpace(v.Email))
	if !strings.Contains(email, "@") {
		email = strings.ToLower(s.Tickets.AnonymousEmail)
		if name == "" {
			name = s.Tickets.AnonymousName
		}
	}
	if name == "" {
		name = labels.Speakers.Visitor
	}
	const longName = 255 // Zendesk refuses longer ones
	if runes := []rune(name); len(runes) > longName {
		name = string(runes[:longName])
	}
	return Requester{Name: name, Email: email}
}

// assign tells whether the ticket went to the agent who handled the conversation. An escalated ticket may stay
// unassigned for a colleague to take.
func (d *Draft) assign(s TicketSettings, people People) bool {
	switch {
	case s.AssignToAgent && people.Handler.Assignable(s.GroupID):
		d.AssigneeID = people.Handler.ID
		return true
	case d.Status == StatusSolved && people.Fallback.Assignable(s.GroupID):
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

func requiredMissing(fields []FieldRef) *Failure {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = fmt.Sprintf("%s (%d)", f.Title, f.ID)
	}
	return &Failure{
		Trouble: TroubleJob, Reason: ReasonRequiredFieldMissing,
		Detail: Detail{Message: "required by the ticket form, without value and default: " + strings.Join(names, ", "), Fields: fields},
		Hint: "give each of these fields a value under tickets.defaults of the site (for the assignee: tickets.fallback_assignee), " +
			"or make it optional in Zendesk, then replay",
	}
}

// comments gives the transcript, and the agent's note as a private comment of its own. The first comment of an archive
// ticket is private unless the site says otherwise, because a public one makes triggers mail the customer.
func comments(c Conversation, s Site, purpose Purpose, labels Labels, assigned bool) []Comment {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		zone = time.UTC // the configuration refuses unknown zones; a machine without their table still makes tickets
	}
	var out []Comment
	parts := Transcript(c.Messages, labels.Speakers, zone)
	if len(parts) == 0 {
		parts = []string{"<p>" + Escape(labels.NoMessages) + "</p>"}
	}
	for _, part := range parts {
		out = append(out, Comment{HTML: part, Public: s.Tickets.PublicTranscript})
	}
	if agent, ok := c.HandledBy(); ok && !assigned && agent.Name != "" {
		out = append(out, Comment{HTML: "<p>" + Escape(labels.HandledBy+" "+agent.Name) + "</p>"})
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
