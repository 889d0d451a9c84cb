package simzendesk

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Trigger is a business rule that runs inside every creation and update. All of All and one of Any must be met; empty
// lists are met. See https://developer.zendesk.com/documentation/ticketing/reference-guides/conditions-reference/
type Trigger struct {
	ID        int64 // 0 = the next one
	Title     string
	Inactive  bool
	Default   bool // one of the standard triggers
	Position  int  // order of execution; 0 = last
	All, Any  []TriggerCondition
	Actions   []Action
	CreatedAt time.Time // zero = now
}

// Automation is a business rule that runs by the hour in a real account. Here it is only listed.
type Automation struct {
	ID        int64 // 0 = the next one
	Title     string
	Inactive  bool
	Default   bool
	All, Any  []TriggerCondition
	Actions   []Action
	CreatedAt time.Time // zero = now
}

// TriggerCondition compares something of the ticket. Known fields: update_type (Create, Change), status, priority, type,
// current_tags (includes, not_includes), comment_is_public (true, false, not_relevant), ticket_is_public (public,
// private), role (end_user, agent: the current user), via_id and current_via_id, brand_id, group_id, assignee_id,
// ticket_form_id. A condition on anything else is not met.
type TriggerCondition struct {
	Field    string `json:"field"`
	Operator string `json:"operator"` // is, is_not, less_than, greater_than, includes, not_includes
	Value    any    `json:"value"`
}

// Action is what a rule does. Known fields of triggers: notification_user (value: requester_id or requester_and_ccs,
// subject, body), status, priority, group_id, assignee_id, set_tags, current_tags, remove_tags. Others do nothing.
type Action struct {
	Field string `json:"field"`
	Value any    `json:"value"`
}

// viaIDs are the numbers of channels: https://developer.zendesk.com/documentation/ticketing/reference-guides/via-types/
var viaIDs = map[string]string{"web": "0", "email": "4", "api": "5", "chat": "29", "native_messaging": "75"}

// standardTriggers mail the requester of a new ticket:
// https://support.zendesk.com/hc/en-us/articles/4408828984346-About-the-standard-ticket-triggers
func standardTriggers() []Trigger {
	return []Trigger{
		{Title: "Notify requester and CCs of received request", Default: true, All: []TriggerCondition{
			{"update_type", "is", "Create"}, {"status", "is_not", "solved"}, {"ticket_is_public", "is", "public"},
			{"comment_is_public", "is", "true"}, {"role", "is", "end_user"},
		}, Actions: []Action{{"notification_user", []any{"requester_and_ccs", "[Request received] {{ticket.title}}",
			"Your request ({{ticket.id}}) has been received and is being reviewed by our support staff."}}}},
		{Title: "Notify requester of new proactive ticket", Default: true, All: []TriggerCondition{
			{"update_type", "is", "Create"}, {"ticket_is_public", "is", "public"}, {"role", "is", "agent"},
		}, Actions: []Action{{"notification_user", []any{"requester_and_ccs", "{{ticket.title}}",
			"This ticket was created on your behalf."}}}},
	}
}

func standardAutomation() Automation {
	return Automation{Title: "Close ticket 4 days after status is set to solved", Default: true,
		All:     []TriggerCondition{{"status", "is", "solved"}, {"SOLVED", "greater_than", "96"}},
		Actions: []Action{{"status", "closed"}}}
}

// AddTrigger adds a trigger, or replaces the one with its id, and returns it as stored.
func (a *AccountState) AddTrigger(t Trigger) Trigger {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.ID == 0 {
		t.ID = a.nextSetupID()
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt = a.now()
	}
	if t.Position == 0 {
		for _, other := range a.triggers.all() {
			t.Position = max(t.Position, other.Position)
		}
		t.Position++
	}
	a.triggers.put(t.ID, &t)
	return t
}

// AddAutomation adds an automation, or replaces the one with its id, and returns it as stored.
func (a *AccountState) AddAutomation(t Automation) Automation {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.ID == 0 {
		t.ID = a.nextSetupID()
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt = a.now()
	}
	a.automations.put(t.ID, &t)
	return t
}

// Triggers returns all triggers in order of execution.
func (a *AccountState) Triggers() []Trigger {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Trigger
	for _, t := range a.triggersByPosition() {
		out = append(out, *t)
	}
	return out
}

func (a *AccountState) triggersByPosition() []*Trigger {
	all := a.triggers.all()
	slices.SortStableFunc(all, func(x, y *Trigger) int { return cmp.Compare(x.Position, y.Position) })
	return all
}

// runTriggers runs each trigger once, in order. What one changes the next one sees. Required fields are not asked for.
func (d *draft) runTriggers(audit *Audit) {
	for _, t := range d.a.triggersByPosition() {
		if t.Inactive || !d.met(t, audit) {
			continue
		}
		before := d.snapshot(&d.ticket)
		for _, action := range t.Actions {
			if e, mailed := d.act(action); mailed {
				e.ID, e.Trigger = d.a.nextRunID(), &Rule{t.ID, t.Title}
				audit.Events = append(audit.Events, e)
			}
		}
		for i, n := range d.snapshot(&d.ticket) {
			if n.value != before[i].value {
				audit.Events = append(audit.Events, Event{ID: d.a.nextRunID(), Type: ChangeEvent, FieldName: n.name,
					Value: null(n.value), PreviousValue: null(before[i].value), Trigger: &Rule{t.ID, t.Title}})
			}
		}
	}
}

func (d *draft) met(t *Trigger, audit *Audit) bool {
	for _, c := range t.All {
		if !d.holds(c, audit) {
			return false
		}
	}
	return len(t.Any) == 0 || slices.ContainsFunc(t.Any, func(c TriggerCondition) bool { return d.holds(c, audit) })
}

func (d *draft) holds(c TriggerCondition, audit *Audit) bool {
	t, want := &d.ticket, textOf(c.Value)
	switch c.Field {
	case "update_type":
		created := d.old == nil
		return created == strings.EqualFold(want, "Create") == (c.Operator != "is_not")
	case "status":
		return compare(c.Operator, slices.Index(statusValues, t.Status), slices.Index(statusValues, want))
	case "priority":
		order := []string{"", "low", "normal", "high", "urgent"}
		return compare(c.Operator, slices.Index(order, t.Priority), slices.Index(order, want))
	case "current_tags":
		carries := slices.ContainsFunc(normalTags(c.Value), func(s string) bool { return slices.Contains(t.Tags, s) })
		return carries == (c.Operator != "not_includes" && c.Operator != "is_not")
	case "comment_is_public":
		if len(d.comments) == 0 {
			return false
		}
		return want == "not_relevant" || (d.comments[len(d.comments)-1].Public == (want == "true" || want == "requester_can_see_comment")) == (c.Operator != "is_not")
	case "ticket_is_public":
		return (t.IsPublic == (want == "public")) == (c.Operator != "is_not")
	case "role":
		return (d.role(audit.AuthorID) == want) == (c.Operator != "is_not")
	}
	got, known := map[string]string{
		"type": t.Type, "brand_id": idText(t.BrandID), "group_id": idText(t.GroupID), "assignee_id": idText(t.AssigneeID),
		"ticket_form_id": idText(t.FormID), "via_id": viaIDs[t.Via.Channel], "current_via_id": viaIDs[audit.Via.Channel],
	}[c.Field]
	return known && (got == want) == (c.Operator != "is_not")
}

func compare(operator string, got, want int) bool {
	switch operator {
	case "is_not":
		return got != want
	case "less_than":
		return got < want
	case "greater_than":
		return got > want
	}
	return got == want
}

func (d *draft) role(id int64) string {
	if u := d.user(id); u != nil && u.agent() {
		return "agent"
	}
	return "end_user"
}

// user finds a user who may only come with this ticket.
func (d *draft) user(id int64) *User {
	if d.newUser != nil && d.newUser.ID == id {
		return d.newUser
	}
	return d.a.users.get(id)
}

// act does what an action says. mailed tells that it was a mail to the requester, which e describes.
func (d *draft) act(action Action) (e Event, mailed bool) {
	t, value := &d.ticket, textOf(action.Value)
	switch action.Field {
	case "notification_user":
		return d.mail(action.Value)
	case "status":
		t.Status, t.CustomStatusID = value, d.a.defaultStatus(value)
	case "priority":
		t.Priority = value
	case "group_id":
		t.GroupID = input{"id": action.Value}.number("id")
	case "assignee_id":
		t.AssigneeID = input{"id": action.Value}.number("id")
	case "set_tags":
		t.Tags = normalTags(action.Value)
	case "current_tags":
		t.Tags = unique(append(slices.Clone(t.Tags), normalTags(action.Value)...))
	case "remove_tags":
		gone := normalTags(action.Value)
		t.Tags = slices.DeleteFunc(slices.Clone(t.Tags), func(s string) bool { return slices.Contains(gone, s) })
	}
	return Event{}, false
}

// mail writes to the requester. Someone without an address gets nothing, and a mail to "requester and CCs" is held back
// when the comment is private.
func (d *draft) mail(v any) (Event, bool) {
	var words []string
	switch v := v.(type) {
	case []any:
		for _, w := range v {
			words = append(words, textOf(w))
		}
	case []string:
		words = v
	default:
		words = []string{textOf(v)}
	}
	words = append(words, "", "", "")
	u := d.user(d.ticket.RequesterID)
	if words[0] != "requester_id" && words[0] != "requester_and_ccs" || u == nil || u.Email == "" {
		return Event{}, false
	}
	if words[0] == "requester_and_ccs" && len(d.comments) > 0 && !d.comments[len(d.comments)-1].Public {
		return Event{}, false
	}
	return Event{Type: NotificationEvent, Subject: d.placeholders(words[1]), Body: d.placeholders(words[2]), Recipients: []int64{u.ID}}, true
}
