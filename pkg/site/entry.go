package site

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"passerelle/pkg/ticket"
)

// site checks one entry and adds it to the configuration.
func (c *checker) site(config *Config, name string, e Entry) {
	key := "sites." + name
	c.name(key, name)
	conn, known := config.IAdvize[e.IAdvize]
	if !known {
		c.entry(key+".iadvize", e.IAdvize, "iadvize", slices.Sorted(maps.Keys(config.IAdvize)))
	}
	if _, known := config.Zendesk[e.Zendesk]; !known {
		c.entry(key+".zendesk", e.Zendesk, "zendesk", slices.Sorted(maps.Keys(config.Zendesk)))
	}
	if e.ProjectID == 0 {
		c.fail(key+".project_id", "expected iAdvize's id of the project, a positive number")
	}
	e.Locale, e.TimeZone = cmp.Or(e.Locale, "en"), cmp.Or(e.TimeZone, "UTC")
	c.oneOf(key+".locale", e.Locale, ticket.Locales()...)
	if _, err := time.LoadLocation(e.TimeZone); err != nil {
		c.fail(key+".time_zone", "expected a time zone such as Europe/Paris")
	}
	settings := c.tickets(key+".tickets", e.Tickets)
	place := project{conn.Platform, e.ProjectID}
	if other, taken := config.byProject[place]; taken {
		c.fail(key+".project_id", fmt.Sprintf("expected a project of its own: site %s has %d too", other, e.ProjectID))
	}
	config.byProject[place] = name
	config.Sites[name] = ticket.Site{
		Name: name, IAdvize: e.IAdvize, Platform: conn.Platform, ProjectID: e.ProjectID, Account: e.Zendesk,
		Locale: e.Locale, TimeZone: e.TimeZone, Tickets: settings,
	}
}

func (c *checker) tickets(key string, t Tickets) ticket.TicketSettings {
	t.Transcript = cmp.Or(t.Transcript, "private")
	c.oneOf(key+".transcript", t.Transcript, "private", "public")
	c.oneOf(key+".priority", cmp.Or(t.Priority, "low"), "low", "normal", "high", "urgent")
	c.oneOf(key+".type", cmp.Or(t.Type, "question"), "question", "incident", "problem", "task")
	for name, email := range map[string]string{"fallback_assignee": t.FallbackAssignee, "anonymous_email": t.AnonymousEmail} {
		if email != "" && (!strings.Contains(email, "@") || strings.ContainsAny(email, " \t\"")) {
			c.fail(key+"."+name, "expected an e-mail address")
		}
	}
	f := t.Fields
	fields := ticket.FieldIDs{
		ConversationID: f.ConversationID, ConversationTags: f.ConversationTags, SatisfactionScore: f.SatisfactionScore,
		RecommendationScore: f.RecommendationScore, SatisfactionComment: f.SatisfactionComment,
	}
	if fields.AnySatisfaction() && fields.ConversationID == 0 {
		c.fail(key+".fields.conversation_id", "expected a field id: the satisfaction fields need it")
	}
	c.templates(key, t)
	for id, value := range t.Defaults {
		switch value.(type) {
		case string, bool, int, int64, uint64, float64, []any:
		default:
			c.fail(fmt.Sprintf("%s.defaults.%d", key, id), "expected a text, a number, true or false, or a list of texts")
		}
	}
	return ticket.TicketSettings{
		Archive: t.Archive, Escalation: t.Escalation, AssignToAgent: t.AssignToAgent, FallbackAssignee: t.FallbackAssignee,
		AnonymousEmail: t.AnonymousEmail, AnonymousName: t.AnonymousName, FormID: t.FormID, BrandID: t.BrandID, GroupID: t.GroupID,
		Priority: t.Priority, Type: t.Type, ArchiveStatus: t.ArchiveStatusID, EscalationStatus: t.EscalationStatusID,
		Subject: ticket.Template(t.Subject), Values: templatesOf(t.Values), NoteLabel: t.PrivateNoteLabel, PublicTranscript: t.Transcript == "public", Tags: t.Tags, Fields: fields, Defaults: t.Defaults,
	}
}

// templates checks that every {variable} is one, so that a misspelt one does not show in tickets.
func (c *checker) templates(key string, t Tickets) {
	check := func(key, text string) {
		if unknown := ticket.Template(text).Unknown(); len(unknown) > 0 {
			c.fail(key, fmt.Sprintf("expected variables among %s and custom.KEY, not %s", strings.Join(ticket.Variables(), ", "), strings.Join(unknown, ", ")))
		}
	}
	check(key+".subject", t.Subject)
	for _, id := range slices.Sorted(maps.Keys(t.Values)) {
		check(fmt.Sprintf("%s.values.%d", key, id), t.Values[id])
	}
}

func templatesOf(values map[int64]string) map[int64]ticket.Template {
	if len(values) == 0 {
		return nil
	}
	out := make(map[int64]ticket.Template, len(values))
	for id, text := range values {
		out[id] = ticket.Template(text)
	}
	return out
}
