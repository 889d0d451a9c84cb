package check

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"passerelle/pkg/ticket"
)

// samples are conversations of which the least and the most is known.
func samples() []ticket.Conversation {
	score, recommendation := 5, 10
	at := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
	full := ticket.Conversation{
		ID: "0f0bb3af-5035-4ba3-b3fb-ff4879a3a74d", Channel: "CHAT", Language: "fr", CreatedAt: at, ClosedAt: at.Add(time.Minute),
		Visitor:     ticket.Visitor{FirstName: "Visitor", Email: "visitor@example.com"},
		Messages:    []ticket.Message{{At: at, Speaker: ticket.SpeakerVisitor, Text: "?"}, {At: at, Speaker: ticket.SpeakerAgent, Text: "!"}},
		Handlers:    []ticket.Agent{{ID: 1, Name: "Agent", Email: "agent@example.com", Human: true}},
		Tags:        []string{"tag"},
		Survey:      ticket.Satisfaction{Score: &score, Recommendation: &recommendation, Comment: "thanks"},
		ClosingForm: ticket.ClosingForm{Known: true, PrivateNote: "note"},
	}
	return []ticket.Conversation{{ID: full.ID}, full}
}

// purposes are those of which the site wants tickets.
func (v *visit) purposes() []ticket.Purpose {
	var purposes []ticket.Purpose
	if v.settings.Archive {
		purposes = append(purposes, ticket.PurposeArchive)
	}
	if v.settings.Escalation {
		purposes = append(purposes, ticket.PurposeEscalation)
	}
	return purposes
}

// draw draws up a sample's ticket. Somebody can always be assigned: who that is, is looked at apart.
func (v *visit) draw(c ticket.Conversation, s ticket.Site, purpose ticket.Purpose) (ticket.Draft, error) {
	somebody := ticket.AgentUser{ID: 1, Email: "agent@example.com", Active: true, GroupIDs: []int64{s.Tickets.GroupID}}
	return ticket.Draw(c, s, purpose, v.form, ticket.People{Handler: somebody, Fallback: somebody})
}

// requiredFields draws up the tickets of sample conversations, as the workers would, and reports what stops them.
func (v *visit) requiredFields() {
	if !v.formKnown {
		return
	}
	reported := map[int64]bool{}
	for _, purpose := range v.purposes() {
		for _, sample := range samples() {
			v.stopped(sample, purpose, reported)
		}
	}
	v.unusedDefaults(reported)
	if !v.has(RequiredField) {
		v.ok(RequiredField, "no required field of the form is without value and default")
	}
	if !v.has(DefaultValue) {
		v.ok(DefaultValue, "what stands under tickets.defaults fits the fields")
	}
	if !v.has(CustomStatus) {
		v.ok(CustomStatus, "the tickets' statuses are possible")
	}
}

// stopped draws a sample's ticket until nothing but what was reported stops it: one failure may hide another.
func (v *visit) stopped(sample ticket.Conversation, purpose ticket.Purpose, reported map[int64]bool) {
	s := v.site
	s.Tickets.Defaults = maps.Clone(s.Tickets.Defaults)
	for {
		draft, err := v.draw(sample, s, purpose)
		for _, d := range draft.Doubtful {
			v.withoutValue(Warning, d.Field, purpose, reported)
		}
		var failure *ticket.Failure
		if err == nil || !errors.As(err, &failure) {
			return
		}
		switch {
		case len(failure.Detail.Fields) == 0:
			v.impossibleStatus(&s, purpose, failure)
			continue
		case failure.Reason == ticket.ReasonRejected:
			for _, field := range failure.Detail.Fields {
				v.impossible(&s, field, reported)
			}
			continue
		}
		for _, field := range failure.Detail.Fields {
			v.withoutValue(Error, field, purpose, reported)
		}
		return
	}
}

// impossibleStatus reports a custom status that a ticket cannot have, and takes it away for the next try.
func (v *visit) impossibleStatus(s *ticket.Site, purpose ticket.Purpose, failure *ticket.Failure) {
	id, key := &s.Tickets.ArchiveStatus, "tickets.archive_status_id"
	if purpose == ticket.PurposeEscalation {
		id, key = &s.Tickets.EscalationStatus, "tickets.escalation_status_id"
	}
	about := &Subject{Kind: "custom_status", ID: *id}
	*id = 0
	if slices.ContainsFunc(v.findings, func(f Finding) bool { return f.Check == CustomStatus && *f.About == *about }) {
		return
	}
	v.add(Error, CustomStatus, about, failure.Error(), "every "+string(purpose)+" ticket of the site becomes a dead letter (rejected_by_zendesk)",
		"set "+key+" of the site to an active status of the category solved for archive tickets, of another one for escalated tickets, or to 0")
}

// impossible reports a field for which there are values of which none fits, and takes these away for the next try. A
// field that is configured for what is known of a conversation was looked at before.
func (v *visit) impossible(s *ticket.Site, field ticket.FieldRef, reported map[int64]bool) {
	for _, w := range wantedFields {
		if id := w.id(&s.Tickets.Fields); *id == field.ID {
			*id = 0
		}
	}
	value, isDefault := s.Tickets.Defaults[field.ID]
	delete(s.Tickets.Defaults, field.ID)
	if s.Tickets.Values[field.ID] != "" {
		s.Tickets.Values = maps.Clone(s.Tickets.Values)
		delete(s.Tickets.Values, field.ID)
	}
	if isDefault && !reported[field.ID] {
		reported[field.ID] = true
		v.unfit(Error, field, value, noTicket)
	}
}

// unusedDefaults reports the defaults that do not fit but stop no sample, because the form has one of its own.
func (v *visit) unusedDefaults(reported map[int64]bool) {
	for _, id := range slices.Sorted(maps.Keys(v.settings.Defaults)) {
		field, ok := v.account.field(id)
		if !ok || reported[id] || field.Type == ticket.FieldPriority || field.Type == ticket.FieldTicketType {
			continue
		}
		if _, fits := field.Fit(v.settings.Defaults[id]); !fits {
			v.unfit(Warning, ticket.FieldRef{ID: id, Title: field.Title}, v.settings.Defaults[id], "the form's own default is written instead, where there is one")
		}
	}
}

func (v *visit) unfit(level Level, field ticket.FieldRef, value any, effect string) {
	v.add(level, DefaultValue, &Subject{Kind: "ticket_field", ID: field.ID, Name: field.Title},
		fmt.Sprintf("the value %q under tickets.defaults does not fit the ticket field %s", fmt.Sprint(value), named(field.Title, field.ID)), effect,
		fmt.Sprintf("set tickets.defaults.%d of the site to a value of the field's type; for a choice it is the option's tag, not its name", field.ID))
}

// withoutValue reports a field that the form requires; a warning when it may do so.
func (v *visit) withoutValue(level Level, field ticket.FieldRef, purpose ticket.Purpose, reported map[int64]bool) {
	if reported[field.ID] || v.required(field.ID) { // the latter was said with the field's flags
		return
	}
	reported[field.ID] = true
	requires, effect := "requires", "every "+string(purpose)+" ticket of the site becomes a dead letter (required_field_missing)"
	if level == Warning {
		requires, effect = "may require", "if Zendesk asks for it, "+effect
	}
	fix := fmt.Sprintf("give it a value under tickets.defaults.%d of the site, or make it optional in Zendesk", field.ID)
	if known, ok := v.account.field(field.ID); ok && known.Type == ticket.FieldGroup {
		fix = "set tickets.group_id of the site, or make the field optional in Zendesk"
	}
	v.add(level, RequiredField, &Subject{Kind: "ticket_field", ID: field.ID, Name: field.Title},
		fmt.Sprintf("the form %s the ticket field %s, which has no value and no default", requires, named(field.Title, field.ID)), effect, fix)
}

// required tells whether it was reported already that the field is required and must not be.
func (v *visit) required(id int64) bool {
	return slices.ContainsFunc(v.findings, func(f Finding) bool {
		return f.Check == FieldFlag && f.About != nil && f.About.ID == id && f.About.Flag == "required"
	})
}
