package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

func contractRows() []contractRow {
	rows := append(requiredRows(), conditionRows()...)
	rows = append(rows, valueRows()...)
	rows = append(rows, peopleRows()...)
	return append(rows, lateRows()...)
}

// Required fields: https://support.zendesk.com/hc/en-us/articles/4408894213018
func requiredRows() []contractRow {
	required := func(title string) simzendesk.Field {
		return simzendesk.Field{Type: "text", Title: title, Required: true}
	}
	return []contractRow{
		{fact: "a conversation without any wish", want: created, creates: 1, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if got.AssigneeID != c.agent.ID || got.FormID != c.tickets["form_id"] || got.IsPublic {
				t.Errorf("ticket = %+v", got)
			}
		}},
		{fact: "all missing fields are named at once, before a call", want: missing("Order", "Parcel"), prepare: func(c *contractCase) {
			c.field(required("Order"))
			c.field(required("Parcel"))
		}},
		{fact: "an open ticket may lack what solving requires", want: created, creates: 1, prepare: func(c *contractCase) {
			c.field(required("Order"))
			c.escalate()
		}},
		{fact: "what the portal requires is not required of agents", want: created, creates: 1, prepare: func(c *contractCase) {
			c.field(simzendesk.Field{Type: "text", Title: "Order", RequiredInPortal: true})
		}},
		{fact: "a required field that is not on the form", want: created, creates: 1, prepare: func(c *contractCase) {
			c.account.AddField(simzendesk.Field{Type: "text", Title: "Order", Required: true, OffForm: true})
		}},
		{fact: "a required field that is not active", want: created, creates: 1, prepare: func(c *contractCase) {
			f := required("Order")
			f.Inactive = true
			c.field(f)
		}},
		{fact: "the site's default fills a required field", want: created, creates: 1, prepare: func(c *contractCase) {
			c.setting("defaults", c.field(required("Order")), "none")
		}},
		{fact: "the option marked as default is said explicitly", want: created, creates: 1, prepare: func(c *contractCase) {
			c.field(simzendesk.Field{Type: "tagger", Title: "Topic", Required: true, Options: []simzendesk.Option{{Name: "A", Value: "a"}, {Name: "B", Value: "b", Default: true}}})
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if got.Fields[c.fields[0]] != "b" {
				t.Errorf("fields = %v", got.Fields)
			}
		}},
		{fact: "an option that does not allow solving", want: missing("Topic"), prepare: func(c *contractCase) {
			c.field(simzendesk.Field{Type: "tagger", Title: "Topic", Required: true, Options: []simzendesk.Option{{Name: "A", Value: "a", Default: true, NoSolving: true}}})
		}},
		{fact: "a solved ticket needs an assignee, on any account", want: missing("Assignee"), prepare: func(c *contractCase) {
			c.conversation.Agents, c.conversation.Messages = nil, c.conversation.Messages[1:]
		}},
		{fact: "an unticked checkbox that is required", prepare: func(c *contractCase) {
			c.setting("defaults", c.field(simzendesk.Field{Type: "checkbox", Title: "Agreed", Required: true}), false)
		}, creates: 1, wantIf: func(s simzendesk.Switches) want {
			if s.FalseCheckboxUnset {
				return missing("Agreed")
			}
			return created
		}},
		{fact: "priority and type that solving requires", want: missing("Type", "Priority"), prepare: func(c *contractCase) { c.requireSystemFields() }},
		{fact: "priority and type of the site", want: created, creates: 1, prepare: func(c *contractCase) {
			c.requireSystemFields()
			c.tickets["priority"], c.tickets["type"] = "high", "question"
		}, check: func(t *testing.T, _ *contractCase, got simzendesk.Ticket) {
			if got.Priority != "high" || got.Type != "question" {
				t.Errorf("ticket = %+v", got)
			}
		}},
		{fact: "a field that is required since a moment ago is named by the refusal", want: missing("Order"), creates: 1, prepare: func(c *contractCase) {
			id := c.field(simzendesk.Field{Type: "text", Title: "Order"})
			c.account.Fault(simzendesk.Fault{Kind: simzendesk.Status, Method: "POST", Path: "/api/v2/tickets", Status: 422, Body: fmt.Sprintf(
				`{"error":"RecordInvalid","description":"Erros de validação de registro","details":{"base":[{"description":"Order: é obrigatório","error":null,"ticket_field_id":%d,"ticket_field_type":"FieldText"}]}}`, id)})
		}},
		{fact: "no form with that id", want: rejected(), prepare: func(c *contractCase) { c.tickets["form_id"] = 999 }},
		{fact: "the form is not active", want: rejected(), prepare: func(c *contractCase) { c.form.Inactive = true }},
		{fact: "the account's default form", want: created, creates: 1, prepare: func(c *contractCase) { c.tickets["form_id"] = 0 }},
		{fact: "the account's default form has a required field", want: missing("Order"), prepare: func(c *contractCase) {
			f := required("Order")
			c.tickets["form_id"] = 0
			c.account.AddField(f)
		}},
		{fact: "a custom status of the category solved", want: created, creates: 1, prepare: func(c *contractCase) {
			c.tickets["archive_status_id"] = c.account.AddCustomStatus(simzendesk.CustomStatus{Category: "solved", AgentLabel: "Archived"}).ID
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if got.CustomStatusID != c.tickets["archive_status_id"] {
				t.Errorf("ticket = %+v", got)
			}
		}},
		{fact: "a custom status that would leave an archive ticket open", want: rejected(), prepare: func(c *contractCase) {
			c.tickets["archive_status_id"] = c.account.AddCustomStatus(simzendesk.CustomStatus{Category: "open", AgentLabel: "Waiting"}).ID
		}},
	}
}

func (c *contractCase) requireSystemFields() {
	for _, f := range c.account.Fields() {
		if f.Type == "priority" || f.Type == "tickettype" {
			f.Required = true
			c.account.AddField(f)
			c.fields = append(c.fields, f.ID)
		}
	}
}

// Conditions: https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_forms/
func conditionRows() []contractRow {
	// condition shows a field when a drop-down has its default.
	condition := func(escalated bool, child simzendesk.Child) func(*contractCase) {
		return func(c *contractCase) {
			parent := c.field(simzendesk.Field{Type: "tagger", Title: "Topic", Options: []simzendesk.Option{{Name: "Return", Value: "return", Default: true}}})
			child.ID = c.field(simzendesk.Field{Type: "text", Title: "Parcel"})
			c.form.AgentConditions = []simzendesk.Condition{{ParentFieldID: parent, Value: "return", ChildFields: []simzendesk.Child{child}}}
			if escalated {
				c.escalate()
			}
		}
	}
	on := func(kind string, statuses ...string) *simzendesk.RequiredOn {
		return &simzendesk.RequiredOn{Type: kind, Statuses: statuses}
	}
	enforced := func(s simzendesk.Switches) want {
		if s.ConditionsOnCreate == simzendesk.IgnoreConditions {
			return created
		}
		return missing("Parcel")
	}
	return []contractRow{
		{fact: "a condition of an older form, solving", want: missing("Parcel"), prepare: condition(false, simzendesk.Child{IsRequired: true})},
		{fact: "a condition of an older form, open", want: created, creates: 1, prepare: condition(true, simzendesk.Child{IsRequired: true})},
		{fact: "a condition for all statuses, solving", want: missing("Parcel"), prepare: condition(false, simzendesk.Child{IsRequired: true, RequiredOnStatuses: on(simzendesk.AllStatuses)})},
		{fact: "a condition for all statuses, open", wantIf: enforced, creates: 1, prepare: condition(true, simzendesk.Child{IsRequired: true, RequiredOnStatuses: on(simzendesk.AllStatuses)})},
		{fact: "a condition for no status", want: created, creates: 1, prepare: condition(false, simzendesk.Child{RequiredOnStatuses: on(simzendesk.NoStatuses)})},
		{fact: "a condition for solved", want: missing("Parcel"), prepare: condition(false, simzendesk.Child{IsRequired: true, RequiredOnStatuses: on(simzendesk.SomeStatuses, "solved")})},
		{fact: "a condition for open, solving", want: created, creates: 1, prepare: condition(false, simzendesk.Child{RequiredOnStatuses: on(simzendesk.SomeStatuses, "new", "open")})},
		{fact: "a condition for open, open", wantIf: enforced, creates: 1, prepare: condition(true, simzendesk.Child{RequiredOnStatuses: on(simzendesk.SomeStatuses, "new", "open")})},
		{fact: "a condition that is not met", want: created, creates: 1, prepare: func(c *contractCase) {
			parent := c.field(simzendesk.Field{Type: "checkbox", Title: "Return"})
			child := c.field(simzendesk.Field{Type: "text", Title: "Parcel"})
			c.form.AgentConditions = []simzendesk.Condition{{ParentFieldID: parent, Value: true, ChildFields: []simzendesk.Child{{ID: child, IsRequired: true}}}}
		}},
		{fact: "a condition on a checkbox", want: missing("Parcel"), prepare: func(c *contractCase) {
			parent := c.field(simzendesk.Field{Type: "checkbox", Title: "Return"})
			child := c.field(simzendesk.Field{Type: "text", Title: "Parcel"})
			c.setting("defaults", parent, true)
			c.form.AgentConditions = []simzendesk.Condition{{ParentFieldID: parent, Value: true, ChildFields: []simzendesk.Child{{ID: child, IsRequired: true}}}}
		}},
		{fact: "a condition that a tag of the conversation meets", want: missing("Parcel"), prepare: func(c *contractCase) {
			condition(false, simzendesk.Child{IsRequired: true})(c)
			f := c.account.Fields()[len(c.account.Fields())-2]
			f.Options = []simzendesk.Option{{Name: "Return", Value: "return"}}
			c.account.AddField(f)
			c.conversation.Tags = []simiadvize.Tag{{ID: 1, Name: "Return"}}
		}},
	}
}

// Values: https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_fields/
func valueRows() []contractRow {
	of := func(kind string, value any) func(*contractCase) {
		return func(c *contractCase) {
			c.setting("defaults", c.field(simzendesk.Field{Type: kind, Title: "Value", Regexp: map[string]string{"regexp": `^A\d+$`}[kind], Options: map[string][]simzendesk.Option{
				"tagger": {{Name: "A", Value: "a"}}, "multiselect": {{Name: "A", Value: "a"}, {Name: "B", Value: "b"}},
			}[kind]}), value)
		}
	}
	rows := []contractRow{}
	for _, good := range []struct {
		kind     string
		value    any
		expected any
	}{
		{"text", "x", "x"}, {"textarea", "x\ny", "x\ny"}, {"checkbox", true, true}, {"date", "2026-11-24", "2026-11-24"}, {"integer", 12, "12"}, {"decimal", 1.5, "1.5"},
		{"regexp", "A7", "A7"}, {"multiselect", []string{"a", "b"}, []string{"a", "b"}}, {"tagger", "a", "a"}, {"lookup", 5, "5"}, {"partialcreditcard", "XXXXXXXXXXXX4242", "XXXXXXXXXXXX4242"},
	} {
		rows = append(rows, contractRow{fact: "a value of type " + good.kind, want: created, creates: 1, prepare: of(good.kind, good.value), check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if !reflect.DeepEqual(got.Fields[c.fields[0]], good.expected) {
				t.Errorf("value = %#v, want %#v", got.Fields[c.fields[0]], good.expected)
			}
		}})
	}
	for kind, value := range map[string]any{"checkbox": "maybe", "date": "24/11/2026", "integer": "1.5", "decimal": "1,5", "regexp": "B7", "multiselect": []string{"a", "c"}, "tagger": "c"} {
		rows = append(rows, contractRow{fact: "a value that is none of type " + kind, want: rejected("Value"), prepare: of(kind, value)})
	}
	return append(rows,
		contractRow{fact: "an unknown choice falls back to the default", want: created, creates: 1, prepare: func(c *contractCase) {
			of("tagger", "a")(c)
			c.setting("values", c.fields[0], "{custom.topic}")
			c.conversation.CustomData = []simiadvize.CustomData{{Key: "topic", Value: "unheard-of"}}
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if got.Fields[c.fields[0]] != "a" {
				t.Errorf("fields = %v", got.Fields)
			}
		}},
		contractRow{fact: "custom data in a field", want: created, creates: 1, prepare: func(c *contractCase) {
			c.setting("values", c.field(simzendesk.Field{Type: "text", Title: "Order"}), "{custom.order}")
			c.conversation.CustomData = []simiadvize.CustomData{{Key: "order", Value: "A-1"}}
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if got.Fields[c.fields[0]] != "A-1" {
				t.Errorf("fields = %v", got.Fields)
			}
		}},
		contractRow{fact: "a text over 64 kB", want: created, creates: 1, prepare: func(c *contractCase) {
			c.setting("values", c.field(simzendesk.Field{Type: "textarea", Title: "Long"}), "{custom.long}")
			c.conversation.CustomData = []simiadvize.CustomData{{Key: "long", Value: strings.Repeat("é", 50_000)}}
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if text, _ := got.Fields[c.fields[0]].(string); len(text) != 60_000 {
				t.Errorf("%d bytes", len(text))
			}
		}},
		contractRow{fact: "a transcript over 64 kB", want: created, creates: 1, prepare: func(c *contractCase) {
			for range 5 {
				c.conversation.Messages = append(c.conversation.Messages, simiadvize.Message{Kind: simiadvize.VisitorSaid, Text: strings.Repeat("é>", 8_000)})
			}
		}, check: func(t *testing.T, _ *contractCase, got simzendesk.Ticket) {
			n := 0
			for _, comment := range got.Comments {
				n += strings.Count(comment.HTMLBody, "é")
			}
			if len(got.Comments) < 3 || n != 40_000 {
				t.Errorf("%d comments with %d words", len(got.Comments), n)
			}
		}},
		contractRow{fact: "no message at all", want: created, creates: 1, prepare: func(c *contractCase) { c.conversation.Messages = c.conversation.Messages[:1] }},
		contractRow{fact: "tags with spaces and capitals", want: created, creates: 1, prepare: func(c *contractCase) {
			c.conversation.Tags = []simiadvize.Tag{{ID: 1, Name: "Late Delivery"}, {ID: 2, Name: "late_delivery"}}
			c.tickets["fields"] = map[string]any{"conversation_tags": c.field(simzendesk.Field{Type: "text", Title: "Tags"})}
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if !reflect.DeepEqual(got.Tags, []string{"iadvize", "late_delivery"}) || got.Fields[c.fields[0]] != "Late Delivery, late_delivery" {
				t.Errorf("tags = %v, fields = %v", got.Tags, got.Fields)
			}
		}},
		contractRow{fact: "no tag at all", want: created, creates: 1, prepare: func(c *contractCase) {
			c.tickets["fields"] = map[string]any{"conversation_tags": c.field(simzendesk.Field{Type: "text", Title: "Tags"})}
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if got.Fields[c.fields[0]] != "-" {
				t.Errorf("fields = %v", got.Fields)
			}
		}},
	)
}

// People: https://developer.zendesk.com/api-reference/ticketing/users/users/
func peopleRows() []contractRow {
	visitor := func(v simiadvize.Visitor) func(*contractCase) {
		return func(c *contractCase) { c.conversation.Visitor = &v }
	}
	requester := func(name, email string) func(*testing.T, *contractCase, simzendesk.Ticket) {
		return func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			u := c.user(got.RequesterID)
			if u.Name != name || u.Email != email {
				t.Errorf("requester = %q %q", u.Name, u.Email)
			}
		}
	}
	// agent changes the account's agent of the conversation, with a fallback beside.
	agent := func(change func(*contractCase, *simzendesk.User)) func(*contractCase) {
		return func(c *contractCase) {
			change(c, &c.agent)
			c.account.AddUser(c.agent)
			c.account.AddUser(simzendesk.User{Name: "Fallback", Email: "fallback@example.com", Role: simzendesk.RoleAgent})
			c.tickets["fallback_assignee"] = "Fallback@example.com"
		}
	}
	fallback := func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
		if email := c.user(got.AssigneeID).Email; email != "fallback@example.com" {
			t.Errorf("assignee = %q", email)
		}
		if !strings.Contains(got.Comments[len(got.Comments)-1].Body, "Chloé Durand") {
			t.Errorf("the ticket does not say who handled it: %+v", got.Comments)
		}
	}
	light := simzendesk.LightAgent
	contributor := simzendesk.Contributor
	return []contractRow{
		{fact: "a requester who is new", want: created, creates: 1, check: requester("Ada", "ada@example.com")},
		{fact: "a requester who is known keeps their name", want: created, creates: 1, prepare: func(c *contractCase) {
			c.account.AddUser(simzendesk.User{Name: "Ada Lovelace", Email: "ada@example.com"})
		}, check: requester("Ada Lovelace", "ada@example.com")},
		{fact: "a suspended requester", want: want{ticket.ResultDead, ticket.ReasonRequesterSuspended, nil}, creates: 1, prepare: func(c *contractCase) {
			c.account.AddUser(simzendesk.User{Name: "Ada", Email: "ada@example.com", Suspended: true})
		}},
		{fact: "a visitor without a name", want: created, creates: 1, prepare: visitor(simiadvize.Visitor{Email: "A@Example.com"}), check: requester("Visitor", "a@example.com")},
		{fact: "a visitor of whom nothing is known", want: created, creates: 1, prepare: visitor(simiadvize.Visitor{}), check: requester("Visitor", "")},
		{fact: "a stand-in for the anonymous", want: created, creates: 1, prepare: func(c *contractCase) {
			c.conversation.Visitor = nil
			c.tickets["anonymous_email"], c.tickets["anonymous_name"] = "nobody@example.com", "Nobody"
		}, check: requester("Nobody", "nobody@example.com")},
		{fact: "an address that is none", want: created, creates: 1, prepare: visitor(simiadvize.Visitor{FirstName: "Ada", Email: "ada at example"}), check: requester("Ada", "")},
		{fact: "a name over 255 characters", want: created, creates: 1, prepare: visitor(simiadvize.Visitor{FirstName: strings.Repeat("é", 300), Email: "e@example.com"}), check: requester(strings.Repeat("é", 255), "e@example.com")},
		{fact: "the agent's address is compared whole and case apart", want: created, creates: 1, prepare: func(c *contractCase) {
			c.account.AddUser(simzendesk.User{Name: "Another", Email: "other-agent@example.com", OtherEmails: []string{"x.agent@example.com"}, Role: simzendesk.RoleAgent})
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if got.AssigneeID != c.agent.ID {
				t.Errorf("assignee = %d, want %d", got.AssigneeID, c.agent.ID)
			}
		}},
		{fact: "the agent is a light agent", want: created, creates: 1, prepare: agent(func(_ *contractCase, u *simzendesk.User) { u.RoleType = &light }), check: fallback},
		{fact: "the agent is a contributor", want: created, creates: 1, prepare: agent(func(_ *contractCase, u *simzendesk.User) { u.RoleType = &contributor }), check: fallback},
		{fact: "the agent is suspended", want: created, creates: 1, prepare: agent(func(_ *contractCase, u *simzendesk.User) { u.Suspended = true }), check: fallback},
		{fact: "the agent was deleted", want: created, creates: 1, prepare: agent(func(_ *contractCase, u *simzendesk.User) { u.Inactive = true }), check: fallback},
		{fact: "the agent is a customer there", want: created, creates: 1, prepare: agent(func(_ *contractCase, u *simzendesk.User) { u.Role = simzendesk.RoleEndUser }), check: fallback},
		{fact: "the agent is in another group, and escalates", want: created, creates: 1, prepare: func(c *contractCase) {
			c.tickets["group_id"] = c.account.AddGroup(simzendesk.Group{Name: "Care"}).ID
			c.escalate()
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if got.AssigneeID != 0 || got.GroupID != c.tickets["group_id"] {
				t.Errorf("ticket = %+v", got)
			}
		}},
		{fact: "the agent is in the group", want: created, creates: 1, prepare: func(c *contractCase) {
			group := c.account.AddGroup(simzendesk.Group{Name: "Care"}).ID
			c.agent.Groups = append(c.agent.Groups, group)
			c.account.AddUser(c.agent)
			c.tickets["group_id"] = group
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if got.AssigneeID != c.agent.ID || got.GroupID != c.tickets["group_id"] {
				t.Errorf("ticket = %+v", got)
			}
		}},
		{fact: "escalated, with nobody to assign", want: created, creates: 1, prepare: func(c *contractCase) {
			c.tickets["assign_to_agent"] = false
			c.escalate()
		}, check: func(t *testing.T, _ *contractCase, got simzendesk.Ticket) {
			if got.AssigneeID != 0 || got.Status != "open" && got.Status != "new" {
				t.Errorf("ticket = %+v", got)
			}
		}},
		{fact: "the last human it was given to handled it", want: created, creates: 1, prepare: func(c *contractCase) {
			at := c.conversation.ClosedAt
			c.conversation.Agents = append([]simiadvize.Agent{{ID: 1, Email: "first@example.com", LastName: "First"}}, c.conversation.Agents...)
			c.conversation.Agents = append(c.conversation.Agents, simiadvize.Agent{ID: 9, Kind: simiadvize.Bot, LastName: "Robot"})
			c.conversation.Messages = append([]simiadvize.Message{{At: at, Kind: simiadvize.Pushed, AgentID: 1}}, c.conversation.Messages...)
			c.conversation.Messages = append(c.conversation.Messages, simiadvize.Message{At: at, Kind: simiadvize.Pushed, AgentID: 9})
			c.account.AddUser(simzendesk.User{Name: "First", Email: "first@example.com", Role: simzendesk.RoleAgent})
		}, check: func(t *testing.T, c *contractCase, got simzendesk.Ticket) {
			if got.AssigneeID != c.agent.ID {
				t.Errorf("assignee = %d, want %d", got.AssigneeID, c.agent.ID)
			}
		}},
	}
}

func (c *contractCase) user(id int64) simzendesk.User {
	for _, u := range c.account.Users() {
		if u.ID == id {
			return u
		}
	}
	return simzendesk.User{}
}

// lateRows are about what comes after the ticket, and about answers that hide it.
func lateRows() []contractRow {
	survey := func(c *contractCase) {
		c.tickets["fields"] = map[string]any{
			"conversation_id": c.field(simzendesk.Field{Type: "text", Title: "Conversation"}), "satisfaction_score": c.field(simzendesk.Field{Type: "integer", Title: "Score"}),
			"satisfaction_comment": c.field(simzendesk.Field{Type: "textarea", Title: "Comment"}),
		}
	}
	score := func(t *testing.T, c *contractCase, value int, at time.Time, result ticket.Result) ticket.Outcome {
		e := c.event()
		e.ID, e.Kind, e.OccurredAt, e.Satisfaction = fmt.Sprint(value, at), ticket.KindSatisfaction, at, &ticket.Satisfaction{Score: &value}
		o := c.deliver(e)
		if o.Result != result {
			t.Errorf("score %d: %+v (%v), want %s", value, o, o.Failure, result)
		}
		return o
	}
	stored := func(t *testing.T, c *contractCase, want any) {
		if got := c.account.TicketByExternalID("iadvize:" + c.conversation.ID)[0]; got.Fields[c.fields[1]] != want || got.Status != "solved" {
			t.Errorf("score = %v in a ticket that is %s, want %v", got.Fields[c.fields[1]], got.Status, want)
		}
	}
	once := func(kind simzendesk.FaultKind) func(*contractCase) {
		return func(c *contractCase) {
			c.account.Fault(simzendesk.Fault{Kind: kind, Method: "POST", Path: "/api/v2/tickets", Times: 1})
		}
	}
	rows := []contractRow{
		{fact: "the last click wins, in whatever order, also when solved", want: created, creates: 1, prepare: survey, then: func(t *testing.T, c *contractCase) {
			now := time.Now()
			score(t, c, 4, now, ticket.ResultUpdated)
			score(t, c, 2, now.Add(-time.Minute), ticket.ResultSkipped)
			stored(t, c, "4")
			score(t, c, 1, now.Add(time.Minute), ticket.ResultUpdated)
			stored(t, c, "1")
		}},
		{fact: "an answer that is in the conversation when it is read", want: created, creates: 1, prepare: func(c *contractCase) {
			survey(c)
			five := 5
			c.conversation.Survey = &simiadvize.Survey{CustomerSatisfaction: &five, Comment: "Thanks"}
		}, then: func(t *testing.T, c *contractCase) { stored(t, c, "5") }},
		{fact: "a closed ticket takes no answer", want: created, creates: 1, prepare: survey, then: func(t *testing.T, c *contractCase) {
			c.account.CloseTicket(c.account.TicketByExternalID("iadvize:" + c.conversation.ID)[0].ID)
			if o := score(t, c, 4, time.Now(), ticket.ResultDead); o.Failure != nil && o.Failure.Reason != ticket.ReasonTicketClosed {
				t.Errorf("failure = %+v", o.Failure)
			}
		}},
		{fact: "an answer before the ticket waits", want: created, creates: 1, prepare: survey, then: func(t *testing.T, c *contractCase) {
			other := *c
			other.conversation.ID = "0f0bb3af-5035-4ba3-b3fb-ff4879a3a74d"
			score(t, &other, 4, time.Now(), ticket.ResultRetry)
		}},
		{fact: "the same webhook once more", want: created, creates: 1, then: func(t *testing.T, c *contractCase) {
			if o := c.deliver(c.event()); o.Result != ticket.ResultCreated || o.Ticket.ID == 0 || len(c.account.Tickets()) != 1 {
				t.Errorf("outcome = %+v, %d tickets", o, len(c.account.Tickets()))
			}
		}},
		{fact: "credentials refused", want: want{ticket.ResultHeld, ticket.ReasonCredentialsRefused, nil}, creates: -1, prepare: func(c *contractCase) {
			c.account.Fault(simzendesk.Fault{Kind: simzendesk.Unauthorized})
		}},
		{fact: "permission missing", want: want{ticket.ResultHeld, ticket.ReasonCredentialsRefused, nil}, creates: -1, prepare: func(c *contractCase) {
			c.account.Fault(simzendesk.Fault{Kind: simzendesk.Forbidden, Method: "POST"})
		}},
	}
	for _, kind := range []simzendesk.FaultKind{
		simzendesk.ResetAfter, simzendesk.HTML502After, simzendesk.Conflict409After, simzendesk.TruncatedBody, simzendesk.HugeBody,
		simzendesk.ResetBefore, simzendesk.Conflict409, simzendesk.Empty500, simzendesk.Deadlock, simzendesk.HTML502, simzendesk.NonJSON200,
	} {
		rows = append(rows, contractRow{fact: "an answer that may hide a ticket: " + string(kind), want: created, creates: -1, prepare: once(kind)})
	}
	for variant := range 6 {
		rows = append(rows, contractRow{fact: fmt.Sprintf("a limit, body %d", variant), want: want{ticket.ResultHeld, ticket.ReasonExpired, nil}, creates: 1, prepare: func(c *contractCase) {
			c.account.Fault(simzendesk.Fault{Kind: simzendesk.RateLimited, Variant: variant, Method: "POST", Path: "/api/v2/tickets", RetryAfter: 3})
		}})
	}
	return rows
}
