package simzendesk

import (
	"slices"
	"strings"
)

// finish gives the ticket its ids, writes the audit, and runs the triggers. Nothing is stored yet.
func (d *draft) finish() {
	t := &d.ticket
	if d.old == nil {
		d.a.nextTicket++
	}
	audit := Audit{ID: d.a.nextRunID(), AuthorID: d.author(), Metadata: d.metadata, CreatedAt: d.call.now,
		Client: d.call.r.UserAgent(), Address: d.call.address(), Via: Via{Channel: "api"}}
	for i := range d.comments {
		c := &d.comments[i]
		c.ID, c.AuditID = d.a.nextRunID(), audit.ID
		audit.Events = append(audit.Events, Event{ID: c.ID, Type: CommentEvent, CommentID: c.ID})
	}
	t.Comments = append(t.Comments, d.comments...)
	audit.Events = append(audit.Events, d.changes()...)
	if !d.importing {
		d.runTriggers(&audit)
	}
	t.Audits = append(t.Audits, audit)
}

// author is the one to whom the audit and the triggers' "current user" belong.
func (d *draft) author() int64 {
	switch {
	case d.a.switches().CallerIsCurrentUser:
		return d.call.user.ID
	case len(d.comments) > 0:
		return d.comments[0].AuthorID
	case d.old == nil:
		return d.ticket.SubmitterID
	}
	return d.call.user.ID
}

// changes are the events of the fields: Create for a new ticket, Change for what is different from before.
func (d *draft) changes() []Event {
	now := d.snapshot(&d.ticket)
	var before []named
	if d.old != nil {
		before = d.snapshot(d.old)
	}
	var events []Event
	for i, n := range now {
		e := Event{Type: CreateEvent, FieldName: n.name, Value: null(n.value)}
		if d.old != nil {
			if before[i].value == n.value {
				continue
			}
			e.Type, e.PreviousValue = ChangeEvent, null(before[i].value)
		} else if n.value == "" && n.optional {
			continue
		}
		e.ID = d.a.nextRunID()
		events = append(events, e)
	}
	return events
}

type named struct {
	name, value string
	optional    bool // an empty one has no event in a new ticket
}

func (d *draft) snapshot(t *Ticket) []named {
	id := func(n int64) string { return textOf(null(n)) }
	out := []named{
		{"subject", t.Subject, true}, {"external_id", t.ExternalID, true}, {"requester_id", id(t.RequesterID), false},
		{"status", t.Status, false}, {"custom_status_id", id(t.CustomStatusID), true}, {"type", t.Type, false},
		{"priority", t.Priority, false}, {"group_id", id(t.GroupID), false}, {"assignee_id", id(t.AssigneeID), true},
		{"ticket_form_id", id(t.FormID), true}, {"brand_id", id(t.BrandID), false}, {"tags", strings.Join(t.Tags, " "), true},
	}
	for _, f := range d.a.customFields {
		out = append(out, named{idText(f.ID), valueText(t.Fields[f.ID]), true})
	}
	return out
}

// save stores the ticket and what belongs to it.
func (d *draft) save(idem *idemRecord) error {
	if err := d.a.store(entry{Ticket: &d.ticket, User: d.newUser, Idem: idem}); err != nil {
		return err
	}
	if d.old != nil || d.ticket.Via.Rel != "follow_up" {
		return nil
	}
	id, _ := d.ticket.Via.From["ticket_id"].(int64)
	source := d.a.tickets.get(id)
	if source == nil {
		return nil
	}
	changed := source.clone()
	changed.FollowupIDs = append(slices.Clone(changed.FollowupIDs), d.ticket.ID)
	return d.a.store(entry{Ticket: &changed})
}
