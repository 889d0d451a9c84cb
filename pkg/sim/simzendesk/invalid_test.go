package simzendesk

import (
	"fmt"
	"strings"
	"testing"
)

func TestRefusedTickets(t *testing.T) {
	b := newBench(t, Config{})
	other := b.acme.AddGroup(Group{Name: "Other"})
	end := b.acme.AddUser(User{Name: "Vera", Email: "vera@example.com"})
	b.acme.AddUser(User{Name: "Max", Email: "max@example.com", Suspended: true})
	ann := b.agent("ann")
	light := b.agent("light", func(u *User) { u.RoleType = new(LightAgent) })
	gone := b.agent("gone", func(u *User) { u.Suspended = true })
	day := b.acme.AddField(Field{Type: "date", Title: "Date Field"})
	invalidAssignee := `{"description":"Assignee: is invalid","error":"InvalidValue"}`
	for name, c := range map[string]struct{ in, details string }{
		"no comment":      {`"subject":"x"`, fmt.Sprintf(`{"base":[{"description":"Description: cannot be blank","error":"BlankValue","ticket_field_id":%d,"ticket_field_type":"FieldDescription"}]}`, b.acme.fieldOfType("description").ID)},
		"only html":       {`"comment":{"html_body":"<p> </p>"}`, fmt.Sprintf(`{"base":[{"description":"Description: cannot be blank","error":"BlankValue","ticket_field_id":%d,"ticket_field_type":"FieldDescription"}]}`, b.acme.fieldOfType("description").ID)},
		"suspended":       {plain + `,"requester":"max@example.com"`, `{"requester":[{"description":"Requester: Max is suspended.","error":"UserSuspended"}]}`},
		"no name":         {plain + `,"requester":{"email":"new@example.com"}`, `{"requester":[{"description":"Requester: Name:  is too short (minimum is 1 character)"}]}`},
		"long name":       {plain + `,"requester":{"email":"new@example.com","name":"` + strings.Repeat("n", 256) + `"}`, `{"requester":[{"description":"Requester: is too long"}]}`},
		"bad email":       {plain + `,"requester":{"email":"a@","name":"N"}`, `{"requester":[{"description":"Email: a@ is not properly formatted","error":"InvalidFormat"}]}`},
		"unknown id":      {plain + `,"requester_id":5`, `{"requester":[{"description":"Requester: is invalid","error":"InvalidValue"}]}`},
		"requester":       {plain + `,"requester":5`, `{"requester":[{"description":"Requester: is invalid","error":"InvalidValue"}]}`},
		"author":          {`"comment":{"body":"x","author_id":5}`, `{"author":[{"description":"Author: is invalid","error":"InvalidValue"}]}`},
		"submitter":       {plain + `,"submitter_id":5`, `{"submitter":[{"description":"Submitter: is invalid","error":"InvalidValue"}]}`},
		"end user":        {plain + fmt.Sprintf(`,"assignee_id":%d`, end.ID), `{"assignee":[` + invalidAssignee + `]}`},
		"light":           {plain + fmt.Sprintf(`,"assignee_id":%d`, light.ID), `{"assignee":[` + invalidAssignee + `]}`},
		"suspended agent": {plain + fmt.Sprintf(`,"assignee_id":%d`, gone.ID), `{"assignee":[` + invalidAssignee + `]}`},
		"both":            {plain + fmt.Sprintf(`,"assignee_id":%d,"group_id":%d`, end.ID, other.ID), `{"assignee":[` + invalidAssignee + `,{"description":"Assignee: is not a member of the group"}]}`},
		"not in group":    {plain + fmt.Sprintf(`,"assignee_id":%d,"group_id":%d`, ann.ID, other.ID), `{"assignee":[{"description":"Assignee: is not a member of the group"}]}`},
		"unknown email":   {plain + `,"assignee_email":"nobody@acme.example"`, `{"assignee":[` + invalidAssignee + `]}`},
		"group":           {plain + `,"group_id":5`, `{"group":[{"description":"Group: is invalid","error":"InvalidValue"}]}`},
		"status":          {plain + `,"status":"done"`, `{"status":[{"description":"Status: is invalid","error":"InvalidValue"}]}`},
		"priority":        {plain + `,"priority":"mild"`, `{"priority":[{"description":"Priority: is invalid","error":"InvalidValue"}]}`},
		"type":            {plain + `,"type":"idea"`, `{"type":[{"description":"Type: is invalid","error":"InvalidValue"}]}`},
		"form":            {plain + `,"ticket_form_id":5`, `{"ticket_form_id":[{"description":"Ticket form: is invalid","error":"InvalidValue"}]}`},
		"brand":           {plain + `,"brand_id":5`, `{"brand_id":[{"description":"Brand: is invalid","error":"InvalidValue"}]}`},
		"custom status":   {plain + `,"custom_status_id":5`, `{"custom_status_id":[{"description":"Custom status: is invalid","error":"InvalidValue"}]}`},
		"date": {plain + fmt.Sprintf(`,"custom_fields":[{"id":%d,"value":"2020-05-11T10:00:00Z"}]`, day.ID),
			fmt.Sprintf(`{"base":[{"description":"Date Field is not valid","error":"InvalidValue","ticket_field_id":%d,"ticket_field_type":"FieldDate"}]}`, day.ID)},
	} {
		t.Run(name, func(t *testing.T) {
			users := len(b.acme.Users())
			a := b.create(c.in).want(t, 422)
			wantJSON(t, a.at("details"), c.details)
			if a.at("error") != "RecordInvalid" || a.at("description") != "Record validation errors" {
				t.Errorf("envelope %s", a.raw)
			}
			if len(b.acme.Tickets()) != 0 || len(b.acme.Users()) != users {
				t.Error("something was created")
			}
		})
	}
}

func TestUnknownIsIgnored(t *testing.T) {
	b := newBench(t, Config{Switches: Switches{UnknownAssigneeEmail: IgnoreUnknown, UnknownReference: IgnoreUnknown}})
	a := b.create(plain+`,"assignee_email":"nobody@acme.example","ticket_form_id":5,"brand_id":5,"custom_status_id":5`).want(t, 201)
	if a.at("ticket", "assignee_id") != nil || a.id("ticket", "ticket_form_id") == 5 {
		t.Errorf("%.300s", a.raw)
	}
}

func TestDescriptionsAreInTheAccountsLanguage(t *testing.T) {
	for locale, want := range map[string]string{
		"": "Description: cannot be blank", "xx": "Description: cannot be blank",
		"pt": "Descrição: não pode ficar em branco", "fr": "Description : ne peut pas être vide",
	} {
		b := newBench(t, Config{}, func(a *Account) { a.Locale = locale })
		a := b.create(`"subject":"x"`).want(t, 422)
		if got := a.at("details", "base", 0, "description"); got != want {
			t.Errorf("%q: %v", locale, got)
		}
		wantJSON(t, a.at("details", "base", 0, "error"), `"BlankValue"`)
	}
	for locale := range messages {
		if len(messages[locale]) != len(messages["en"]) {
			t.Errorf("%s: %d messages", locale, len(messages[locale]))
		}
	}
}

// requiredBench has a tagger with conditions on it.
func requiredBench(t *testing.T, switches Switches, required ...*RequiredOn) (b *bench, parent, child Field, agent User) {
	b = newBench(t, Config{Switches: switches})
	parent = b.acme.AddField(Field{Type: "tagger", Title: "Reason", Options: []Option{{Name: "A", Value: "a"}, {Name: "B", Value: "b"}}})
	child = b.acme.AddField(Field{Type: "integer", Title: "Order"})
	var on *RequiredOn
	if len(required) > 0 {
		on = required[0]
	}
	form := b.acme.Forms()[0]
	form.AgentConditions = []Condition{{ParentFieldID: parent.ID, Value: "a", ChildFields: []Child{{ID: child.ID, IsRequired: on == nil || on.Type != NoStatuses, RequiredOnStatuses: on}}}}
	b.acme.AddForm(form)
	return b, parent, child, b.agent("ann")
}

func TestAllMissingFieldsComeAtOnce(t *testing.T) {
	b := newBench(t, Config{})
	number := b.acme.AddField(Field{Type: "integer", Title: "Order", Required: true})
	choice := b.acme.AddField(Field{Type: "tagger", Title: "Reason", Required: true, Options: []Option{{Name: "A", Value: "a"}}})
	b.acme.AddField(Field{Type: "text", Title: "Elsewhere", Required: true, OffForm: true})
	b.acme.AddField(Field{Type: "text", Title: "Old", Required: true, Inactive: true})
	b.acme.AddField(Field{Type: "text", Title: "Portal", RequiredInPortal: true})
	want := fmt.Sprintf(`{"base":[{"description":"Assignee: is required when solving a ticket","error":null,"ticket_field_id":%d,"ticket_field_type":"FieldAssignee"},`+
		`{"description":"Order: is required when solving a ticket","error":null,"ticket_field_id":%d,"ticket_field_type":"FieldInteger"},`+
		`{"description":"Reason: is required when solving a ticket","error":null,"ticket_field_id":%d,"ticket_field_type":"FieldTagger"}]}`,
		b.acme.fieldOfType("assignee").ID, number.ID, choice.ID)
	wantJSON(t, b.create(plain+`,"status":"solved"`).want(t, 422).at("details"), want)
	b.create(plain+`,"status":"pending"`).want(t, 201)
	wantJSON(t, b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"status":"solved"}}`).want(t, 422).at("details"), want)
	wantJSON(t, b.do("GET", "/api/v2/tickets/1", "").at("ticket", "status"), `"pending"`)
	b.do("PUT", "/api/v2/tickets/1", fmt.Sprintf(`{"ticket":{"status":"solved","assignee_email":"admin@acme.example","custom_fields":[{"id":%d,"value":7},{"id":%d,"value":"a"}]}}`, number.ID, choice.ID)).want(t, 200)
}

func TestConditions(t *testing.T) {
	some := func(statuses ...string) *RequiredOn { return &RequiredOn{SomeStatuses, statuses} }
	for name, c := range map[string]struct {
		on             *RequiredOn
		switches       Switches
		parent, status string
		refused        bool
	}{
		"old form, solving":       {nil, Switches{}, "a", "solved", true},
		"old form, open":          {nil, Switches{}, "a", "open", false},
		"other value":             {nil, Switches{}, "b", "solved", false},
		"all, solving":            {&RequiredOn{Type: AllStatuses}, Switches{}, "a", "solved", true},
		"all, open":               {&RequiredOn{Type: AllStatuses}, Switches{}, "a", "open", true},
		"all, open, not enforced": {&RequiredOn{Type: AllStatuses}, Switches{ConditionsOnCreate: IgnoreConditions}, "a", "open", false},
		"none":                    {&RequiredOn{Type: NoStatuses}, Switches{}, "a", "solved", false},
		"some with solved":        {some("solved"), Switches{}, "a", "solved", true},
		"some with solved, open":  {some("solved"), Switches{}, "a", "open", false},
		"some without solved":     {some("open", "new"), Switches{}, "a", "solved", false},
		"some with open":          {some("open"), Switches{}, "a", "open", true},
	} {
		t.Run(name, func(t *testing.T) {
			b, parent, child, agent := requiredBench(t, c.switches, c.on)
			in := plain + fmt.Sprintf(`,"assignee_id":%d,"status":%q,"custom_fields":[{"id":%d,"value":%q}`, agent.ID, c.status, parent.ID, c.parent)
			if !c.refused {
				b.create(in+`]`).want(t, 201)
				return
			}
			if a := b.create(in+`]`).want(t, 422); a.id("details", "base", 0, "ticket_field_id") != child.ID {
				t.Errorf("%s", a.raw)
			}
			b.create(in+fmt.Sprintf(`,{"id":%d,"value":"1"}]`, child.ID)).want(t, 201)
		})
	}
}

func TestConditionOnSystemFieldAndCheckbox(t *testing.T) {
	b := newBench(t, Config{})
	box := b.acme.AddField(Field{Type: "checkbox", Title: "Box", Tag: "boxed"})
	child := b.acme.AddField(Field{Type: "text", Title: "Why"})
	kind := b.acme.fieldOfType("tickettype")
	form := b.acme.Forms()[0]
	children := []Child{{ID: child.ID, IsRequired: true}}
	form.AgentConditions = []Condition{{ParentFieldID: box.ID, Value: true, ChildFields: children}, {ParentFieldID: kind.ID, Value: "incident", ChildFields: children}}
	b.acme.AddForm(form)
	solved := plain + `,"status":"solved","assignee_email":"admin@acme.example"`
	b.create(solved).want(t, 201)
	b.create(solved+`,"type":"incident"`).want(t, 422)
	b.create(solved+`,"type":"question"`).want(t, 201)
	b.create(solved+fmt.Sprintf(`,"custom_fields":[{"id":%d,"value":true}]`, box.ID)).want(t, 422)
	b.create(solved+fmt.Sprintf(`,"custom_fields":[{"id":%d,"value":false}]`, box.ID)).want(t, 201)
}

func TestWhatCountsAsUnset(t *testing.T) {
	for _, unticked := range []bool{false, true} {
		b := newBench(t, Config{Switches: Switches{FalseCheckboxUnset: unticked}})
		box := b.acme.AddField(Field{Type: "checkbox", Title: "Box", Required: true})
		many := b.acme.AddField(Field{Type: "multiselect", Title: "Many", Options: []Option{{Name: "A", Value: "a"}}})
		choice := b.acme.AddField(Field{Type: "tagger", Title: "Choice", Required: true, Options: []Option{{Value: "yes"}, {Value: "open_only", NoSolving: true}}})
		in := func(tick, option string) string {
			return plain + fmt.Sprintf(`,"status":"solved","assignee_email":"admin@acme.example","custom_fields":[{"id":%d,"value":%s},{"id":%d,"value":%q},{"id":%d,"value":[]}]`, box.ID, tick, choice.ID, option, many.ID)
		}
		b.create(in("true", "yes")).want(t, 201)
		b.create(in("true", "open_only")).want(t, 422)
		want := 201
		if unticked {
			want = 422
		}
		b.create(in("false", "yes")).want(t, want)
		b.create(in("null", "yes")).want(t, 422)
	}
}

func TestAutoAssignOnSolve(t *testing.T) {
	b := newBench(t, Config{}, func(a *Account) { a.AutoAssignOnSolve = true })
	a := b.create(plain+`,"status":"solved"`).want(t, 201)
	if a.id("ticket", "assignee_id") != b.acme.Users()[0].ID {
		t.Errorf("%.300s", a.raw)
	}
}

func TestFormStatuses(t *testing.T) {
	b := newBench(t, Config{})
	form := b.acme.Forms()[0]
	waiting := b.acme.AddCustomStatus(CustomStatus{Category: "open", AgentLabel: "Waiting"})
	calling := b.acme.AddCustomStatus(CustomStatus{Category: "open", AgentLabel: "Calling"})
	b.acme.AddFormStatus(form.ID, waiting.ID)
	b.create(plain+fmt.Sprintf(`,"custom_status_id":%d`, waiting.ID)).want(t, 201)
	b.create(plain+fmt.Sprintf(`,"custom_status_id":%d`, calling.ID)).want(t, 422)
	a := b.do("GET", "/api/v2/ticket_form_statuses", "").want(t, 200)
	if a.id("ticket_form_statuses", 0, "custom_status_id") != waiting.ID {
		t.Errorf("%s", a.raw)
	}
	newBench(t, Config{}, func(a *Account) { a.NoFormStatuses = true }).do("GET", "/api/v2/ticket_form_statuses", "").want(t, 403)
}
