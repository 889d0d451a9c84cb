package simzendesk

import (
	"fmt"
	"strings"
	"testing"
)

func TestStandardTriggersMailTheRequester(t *testing.T) {
	for name, c := range map[string]struct {
		in       string
		switches Switches
		want     string
	}{
		"by an agent":          {`"comment":{"body":"x"}`, Switches{}, "Notify requester of new proactive ticket"},
		"by an agent, solved":  {`"comment":{"body":"x"},"status":"solved","assignee_email":"admin@acme.example"`, Switches{}, "Notify requester of new proactive ticket"},
		"by the end user":      {`"comment":{"body":"x"},"submitter_id":VERA`, Switches{}, "Notify requester and CCs of received request"},
		"caller counts":        {`"comment":{"body":"x"},"submitter_id":VERA`, Switches{CallerIsCurrentUser: true}, "Notify requester of new proactive ticket"},
		"end user, solved":     {`"comment":{"body":"x"},"submitter_id":VERA,"status":"solved","assignee_email":"admin@acme.example"`, Switches{}, ""},
		"private":              {`"comment":{"body":"x","public":false}`, Switches{}, ""},
		"private, by end user": {`"comment":{"body":"x","public":false},"submitter_id":VERA`, Switches{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{Switches: c.switches})
			end := b.acme.AddUser(User{Name: "Vera", Email: "vera@example.com"})
			in := strings.ReplaceAll(c.in, "VERA", idText(end.ID))
			a := b.create(`"subject":"S","external_id":"e","requester_id":`+idText(end.ID)+","+in).want(t, 201)
			got := b.acme.Notifications()
			if c.want == "" {
				if len(got) != 0 {
					t.Errorf("mailed %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Trigger != c.want || got[0].Email != "vera@example.com" || got[0].TicketID != 1 || got[0].ExternalID != "e" || got[0].TriggerID == 0 {
				t.Fatalf("mailed %+v", got)
			}
			events := a.at("audit", "events").([]any)
			last := a.at("audit", "events", len(events)-1)
			if m := last.(map[string]any); m["type"] != "Notification" || js(m["recipients"]) != fmt.Sprintf("[%d]", end.ID) {
				t.Errorf("event %v", last)
			}
		})
	}
	b := newBench(t, Config{})
	b.create(`"comment":{"body":"x"},"requester":{"name":"Anonymous"}`).want(t, 201)
	if n := b.acme.Notifications(); len(n) != 0 {
		t.Errorf("mailed nobody: %+v", n)
	}
	b.create(`"comment":{"body":"x"},"requester":{"name":"Neo","email":"neo@example.com"}`).want(t, 201)
	if n := b.acme.Notifications(); len(n) != 1 || n[0].Email != "neo@example.com" {
		t.Errorf("a new requester: %+v", n)
	}
}

func TestTriggerConditions(t *testing.T) {
	for name, c := range map[string]struct {
		trigger   Trigger
		on, onPut bool
	}{
		"none":            {Trigger{}, true, true},
		"inactive":        {Trigger{Inactive: true}, false, false},
		"create":          {Trigger{All: []TriggerCondition{{"update_type", "is", "Create"}}}, true, false},
		"change":          {Trigger{All: []TriggerCondition{{"update_type", "is", "Change"}}}, false, true},
		"not created":     {Trigger{All: []TriggerCondition{{"update_type", "is_not", "Create"}}}, false, true},
		"status":          {Trigger{All: []TriggerCondition{{"status", "is", "new"}}}, true, true},
		"not solved":      {Trigger{All: []TriggerCondition{{"status", "is_not", "solved"}}}, true, true},
		"less":            {Trigger{All: []TriggerCondition{{"status", "less_than", "solved"}}}, true, true},
		"greater":         {Trigger{All: []TriggerCondition{{"status", "greater_than", "new"}}}, false, false},
		"tags":            {Trigger{All: []TriggerCondition{{"current_tags", "includes", "b x"}}}, true, true},
		"other tags":      {Trigger{All: []TriggerCondition{{"current_tags", "includes", "c"}}}, false, false},
		"without tags":    {Trigger{All: []TriggerCondition{{"current_tags", "not_includes", "c"}}}, true, true},
		"public comment":  {Trigger{All: []TriggerCondition{{"comment_is_public", "is", true}}}, true, false},
		"private comment": {Trigger{All: []TriggerCondition{{"comment_is_public", "is", "false"}}}, false, false},
		"any comment":     {Trigger{All: []TriggerCondition{{"comment_is_public", "is", "not_relevant"}}}, true, false},
		"public ticket":   {Trigger{All: []TriggerCondition{{"ticket_is_public", "is", "public"}}}, true, true},
		"private ticket":  {Trigger{All: []TriggerCondition{{"ticket_is_public", "is", "private"}}}, false, false},
		"channel":         {Trigger{All: []TriggerCondition{{"via_id", "is", 5}, {"current_via_id", "is", "5"}}}, true, true},
		"other channel":   {Trigger{All: []TriggerCondition{{"via_id", "is_not", 5}}}, false, false},
		"agent":           {Trigger{All: []TriggerCondition{{"role", "is", "agent"}}}, true, true},
		"priority":        {Trigger{All: []TriggerCondition{{"priority", "greater_than", "low"}}}, true, true},
		"type":            {Trigger{All: []TriggerCondition{{"type", "is", "question"}}}, false, false},
		"unknown":         {Trigger{All: []TriggerCondition{{"weather", "is_not", "fine"}}}, false, false},
		"all and any":     {Trigger{All: []TriggerCondition{{"status", "is", "new"}}, Any: []TriggerCondition{{"type", "is", "task"}, {"role", "is", "agent"}}}, true, true},
		"none of any":     {Trigger{Any: []TriggerCondition{{"type", "is", "task"}}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{})
			for _, standard := range b.acme.Triggers() {
				standard.Inactive = true
				b.acme.AddTrigger(standard)
			}
			c.trigger.Title, c.trigger.Actions = "T", []Action{{"notification_user", []string{"requester_id", "s {{ticket.id}}", "b"}}}
			b.acme.AddTrigger(c.trigger)
			mails := func() int { return len(b.acme.Notifications()) }
			b.create(plain+`,"tags":["a","b"],"priority":"high"`).want(t, 201)
			if (mails() == 1) != c.on {
				t.Errorf("at creation: %d mails", mails())
			}
			before := mails()
			b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"subject":"other"}}`).want(t, 200)
			if (mails()-before == 1) != c.onPut {
				t.Errorf("at update: %d mails", mails()-before)
			}
		})
	}
}

func TestTriggerActions(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.agent("ann")
	b.acme.AddTrigger(Trigger{Title: "Route", Actions: []Action{
		{"status", "solved"}, {"priority", "urgent"}, {"assignee_id", ann.ID}, {"group_id", fmt.Sprint(ann.DefaultGroupID)},
		{"set_tags", "a b"}, {"current_tags", "c"}, {"remove_tags", "a"}, {"notification_group", "x"}, {"notification_user", "assignee_id"},
	}})
	a := b.create(plain).want(t, 201)
	for key, want := range map[string]string{"status": `"solved"`, "priority": `"urgent"`, "tags": `["b","c"]`, "assignee_id": idText(ann.ID), "group_id": idText(ann.DefaultGroupID)} {
		wantJSON(t, a.at("ticket", key), want)
	}
	events := a.at("audit", "events").([]any)
	wantJSON(t, a.at("audit", "events", len(events)-1, "via", "source", "from", "title"), `"Route"`)
	// A mail to requester and CCs is held back when the comment is private.
	b.acme.AddTrigger(Trigger{Title: "Mail", Actions: []Action{{"notification_user", []any{"requester_and_ccs", "s", "b"}}}})
	before := len(b.acme.Notifications())
	b.create(`"comment":{"body":"x","public":false}`).want(t, 201)
	if n := len(b.acme.Notifications()); n != before {
		t.Errorf("%d mails", n-before)
	}
}

func TestListRules(t *testing.T) {
	b := newBench(t, Config{})
	off := b.acme.AddTrigger(Trigger{Title: "Off", Inactive: true})
	b.acme.AddAutomation(Automation{Title: "Off", Inactive: true})
	for path, want := range map[string]int64{
		"/api/v2/triggers": 3, "/api/v2/triggers/active": 2, "/api/v2/triggers?active=true": 2, "/api/v2/triggers?active=false": 1,
		"/api/v2/automations": 2, "/api/v2/automations/active.json": 1,
	} {
		if a := b.do("GET", path, "").want(t, 200); a.id("count") != want {
			t.Errorf("%s: %d, want %d", path, a.id("count"), want)
		}
	}
	a := b.do("GET", "/api/v2/triggers", "")
	wantJSON(t, a.at("triggers", 1, "conditions"), `{"all":[{"field":"update_type","operator":"is","value":"Create"},{"field":"ticket_is_public","operator":"is","value":"public"},{"field":"role","operator":"is","value":"agent"}],"any":[]}`)
	wantJSON(t, a.at("triggers", 1, "actions", 0, "field"), `"notification_user"`)
	if off.Position != 3 {
		t.Errorf("position %d", off.Position)
	}
}
