package simzendesk

import (
	"slices"
	"strings"
	"time"
)

// draft is a ticket that a request creates or changes, before it is stored.
type draft struct {
	a    *AccountState
	call *call
	bad  *invalid

	old       *Ticket // nil: the ticket is new
	ticket    Ticket
	newUser   *User     // the requester, when there is none yet
	comments  []Comment // that this request adds
	metadata  map[string]any
	importing bool
	bulk      bool
	set       map[int64]bool // fields that the request sets
}

func (a *AccountState) newDraft(c *call, old *Ticket) *draft {
	d := &draft{a: a, call: c, bad: a.newInvalid(), old: old, set: map[int64]bool{}}
	if old != nil {
		d.ticket = old.clone()
		return d
	}
	d.ticket = Ticket{ID: a.nextTicket, Status: "new", Fields: map[int64]any{}, Via: Via{Channel: "api"}, CreatedAt: c.now, UpdatedAt: c.now}
	return d
}

// create reads a new ticket: https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#create-ticket
func (d *draft) create(in input) {
	d.ticket.RequesterID, d.ticket.SubmitterID = d.call.user.ID, d.call.user.ID
	d.people(in)
	d.via(in)
	if form := d.a.defaultForm(); form != nil {
		d.ticket.FormID = form.ID
	}
	d.ticket.BrandID = d.a.defaultBrandID()
	d.texts(in)
	d.references(in)
	d.choices(in)
	d.status(in)
	d.assignment(in)
	if d.a.switches().ApplyOptionDefaults {
		d.optionDefaults()
	}
	d.fields(in)
	d.tags(in)
	if d.importing {
		d.importComments(in)
	} else if c, found := commentOf(in); found {
		d.addComment(c, true)
	}
	if len(d.comments) == 0 {
		if f := d.a.fieldOfType("description"); f != nil {
			d.bad.addField(f, blank, "BlankValue")
		} else {
			d.bad.add("base", blank, "Description", "BlankValue")
		}
	}
	d.systemRules()
	if !d.importing || d.a.switches().ImportValidatesRequired {
		d.required()
	}
}

// update reads a change of a ticket.
func (d *draft) update(in input) {
	if d.old.Status == "closed" && !closedAllows(in) {
		d.bad.add("status", closedTicket, "", "")
		return
	}
	d.ticket.UpdatedAt = d.call.now
	d.people(in)
	d.texts(in)
	d.references(in)
	d.choices(in)
	d.status(in)
	d.assignment(in)
	d.fields(in)
	d.tags(in)
	if c, found := commentOf(in); found {
		d.addComment(c, false)
	}
	d.systemRules()
	if in.has("status") || in.has("custom_status_id") {
		d.required()
	}
}

// closedAllows tells whether all that a request changes can be changed in a closed ticket.
func closedAllows(in input) bool {
	for key := range in {
		if !slices.Contains([]string{"id", "tags", "additional_tags", "remove_tags", "subject", "priority", "safe_update", "updated_stamp"}, key) {
			return false
		}
	}
	return true
}

func (d *draft) texts(in input) {
	for key, at := range map[string]*string{"subject": &d.ticket.Subject, "external_id": &d.ticket.ExternalID, "due_at": &d.ticket.DueAt, "recipient": &d.ticket.Recipient} {
		if in.has(key) {
			*at = in.text(key)
		}
	}
	if s := in.text("raw_subject"); s != "" {
		d.ticket.Subject = s
	}
	if in.has("problem_id") {
		d.ticket.ProblemID = in.number("problem_id")
	}
	if m, ok := in["metadata"].(map[string]any); ok {
		d.metadata = m
	}
}

func (d *draft) via(in input) {
	if v, ok := in["via"].(map[string]any); ok {
		if channel := textOf(v["channel"]); channel != "" {
			d.ticket.Via.Channel = channel
		}
	}
	source := in.number("via_followup_source_id")
	if source == 0 {
		return
	}
	closed := d.a.tickets.get(source)
	if closed == nil || closed.Status != "closed" {
		d.bad.add("via_followup_source_id", notClosed, "Ticket", "InvalidValue")
		return
	}
	d.ticket.Via = Via{Channel: d.ticket.Via.Channel, Rel: "follow_up",
		From: object{"ticket_id": closed.ID, "subject": closed.Subject, "channel": closed.Via.Channel}}
}

// references are the form and the brand.
func (d *draft) references(in input) {
	if id := in.number("ticket_form_id"); id != 0 {
		if f := d.a.forms.get(id); f != nil && !f.Inactive {
			d.ticket.FormID = id
		} else {
			d.unknown("ticket_form_id", "Ticket form")
		}
	}
	if id := in.number("brand_id"); id != 0 {
		if b := d.a.brands.get(id); b != nil && !b.Inactive {
			d.ticket.BrandID = id
		} else {
			d.unknown("brand_id", "Brand")
		}
	}
}

func (d *draft) unknown(key, title string) {
	if d.a.switches().UnknownReference == RefuseUnknown {
		d.bad.add(key, invalidValue, title, "InvalidValue")
	}
}

// choices are the system fields with fixed values.
func (d *draft) choices(in input) {
	for _, choice := range []struct {
		key, kind, title string
		at               *string
	}{{"type", "tickettype", "Type", &d.ticket.Type}, {"priority", "priority", "Priority", &d.ticket.Priority}} {
		if !in.has(choice.key) {
			continue
		}
		value := strings.ToLower(in.text(choice.key))
		known := slices.ContainsFunc(systemOptions[choice.kind], func(o [2]string) bool { return o[1] == value })
		switch {
		case value == "" && choice.key == "priority" && d.old != nil && d.old.Priority != "":
			d.bad.add("priority", cannotReset, "Priority", "")
		case value == "" || known:
			*choice.at = value
		default:
			d.bad.add(choice.key, invalidValue, choice.title, "InvalidValue")
		}
	}
}

var statusValues = []string{"new", "open", "pending", "hold", "solved", "closed"}

func (d *draft) status(in input) {
	if value := strings.ToLower(in.text("status")); value != "" {
		if !slices.Contains(statusValues, value) {
			d.bad.add("status", invalidValue, "Status", "InvalidValue")
			return
		}
		if value != d.ticket.Status {
			d.ticket.CustomStatusID = 0
		}
		d.ticket.Status = value
	}
	id := in.number("custom_status_id")
	if id == 0 {
		return
	}
	s := d.a.statuses.get(id)
	if s == nil || s.Inactive || !d.a.formAllows(d.ticket.FormID, id) {
		d.unknown("custom_status_id", "Custom status")
		return
	}
	d.ticket.Status, d.ticket.CustomStatusID = s.Category, id
}

// systemRules are what Zendesk changes by itself: https://support.zendesk.com/hc/en-us/articles/4408894213018
func (d *draft) systemRules() {
	t := &d.ticket
	solving := t.Status == "solved" || t.Status == "closed"
	if solving && t.AssigneeID == 0 && d.a.account.AutoAssignOnSolve && d.call.user.assignable() {
		t.AssigneeID, t.GroupID = d.call.user.ID, d.call.user.DefaultGroupID
	}
	wasNew := d.old == nil || d.old.Status == "new"
	if t.Status == "new" && (t.AssigneeID != 0 || !wasNew) {
		t.Status, t.CustomStatusID = "open", 0
	}
	if s := d.a.statuses.get(t.CustomStatusID); s == nil || t.Status != "closed" && s.Category != t.Status {
		t.CustomStatusID = d.a.defaultStatus(t.Status)
	}
	if solving && t.SolvedAt.IsZero() {
		t.SolvedAt = d.call.now
	}
	if !solving {
		t.SolvedAt = time.Time{}
	}
}
