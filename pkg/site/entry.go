package site

import (
	"cmp"
	"fmt"
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
		c.fail(key+".iadvize", "expected the name of an entry under iadvize")
	}
	if _, known := config.Zendesk[e.Zendesk]; !known {
		c.fail(key+".zendesk", "expected the name of an entry under zendesk")
	}
	if e.ProjectID <= 0 {
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
	for name, email := range map[string]string{"fallback_assignee": t.FallbackAssignee, "anonymous_email": t.AnonymousEmail} {
		if email != "" && (!strings.Contains(email, "@") || strings.ContainsAny(email, " \t\"")) {
			c.fail(key+"."+name, "expected an e-mail address")
		}
	}
	for name, id := range map[string]int64{"form_id": t.FormID, "brand_id": t.BrandID, "group_id": t.GroupID} {
		if id < 0 {
			c.fail(key+"."+name, "expected a Zendesk id, or 0")
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
		NoteLabel: t.PrivateNoteLabel, PublicTranscript: t.Transcript == "public", Tags: t.Tags, Fields: fields, Defaults: t.Defaults,
	}
}
