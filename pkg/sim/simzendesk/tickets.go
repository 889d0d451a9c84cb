package simzendesk

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

func createTicket(c *call) reply {
	in, bad := c.object("ticket")
	if bad != nil {
		return *bad
	}
	d := c.a.newDraft(c, nil)
	d.create(in)
	if !d.bad.empty() {
		return d.bad.reply()
	}
	d.finish()
	r := jsonReply(http.StatusCreated, object{
		"ticket": c.ticketWire(&d.ticket), "audit": auditOf(&d.ticket, &d.ticket.Audits[len(d.ticket.Audits)-1]),
	})
	r.set("Location", c.url("/api/v2/tickets/"+idText(d.ticket.ID)))
	c.warn(&r, in)
	if err := d.save(c.idem.record(c.now, r)); err != nil {
		return c.notStored(err)
	}
	return r
}

// notStored is the answer when the journal cannot be written.
func (c *call) notStored(err error) reply {
	c.a.server.fail(err)
	return errorReply(http.StatusInternalServerError, "InternalError", "the journal of the simulator cannot be written")
}

func updateTicket(c *call) reply {
	in, bad := c.object("ticket")
	if bad != nil {
		return *bad
	}
	old := c.ticket()
	if old == nil {
		return notFound()
	}
	if in.flag("safe_update") && !sameStamp(in.text("updated_stamp"), old.UpdatedAt) {
		return errorReply(http.StatusConflict, "UpdateConflict", "Safe Update prevented the update due to outdated ticket data. Please fetch the latest ticket data and try again.")
	}
	d := c.a.newDraft(c, old)
	d.update(in)
	if !d.bad.empty() {
		return d.bad.reply()
	}
	d.finish()
	if err := d.save(nil); err != nil {
		return c.notStored(err)
	}
	r := jsonReply(http.StatusOK, object{
		"ticket": c.ticketWire(&d.ticket), "audit": auditOf(&d.ticket, &d.ticket.Audits[len(d.ticket.Audits)-1]),
	})
	c.warn(&r, in)
	return r
}

func sameStamp(text string, at time.Time) bool {
	t, err := time.Parse(time.RFC3339, text)
	return err == nil && t.Truncate(time.Second).Equal(at.Truncate(time.Second))
}

// writable are the keys of a ticket that Zendesk knows; others are ignored.
var writable = strings.Fields(`id subject raw_subject comment description requester requester_id submitter_id assignee_id
	assignee_email group_id organization_id status custom_status_id ticket_form_id brand_id custom_fields fields tags external_id
	priority type due_at problem_id followers email_ccs collaborators additional_collaborators via via_id metadata safe_update
	updated_stamp via_followup_source_id macro_id macro_ids recipient attribute_value_ids sharing_agreement_ids voice_comment
	additional_tags remove_tags`)

func (c *call) warn(r *reply, in input) {
	if !c.a.switches().APIWarnHeader {
		return
	}
	var unknown []string
	for key := range in {
		if !slices.Contains(writable, key) {
			unknown = append(unknown, `"ticket.`+key+`"`)
		}
	}
	if len(unknown) == 0 {
		return
	}
	slices.Sort(unknown)
	action := "create"
	if c.route.method == http.MethodPut {
		action = "update"
	}
	r.set("x-zendesk-api-warn", `{:allowed_parameters=>{:controller=>"tickets", :action=>"`+action+`", :unpermitted_keys=>[`+strings.Join(unknown, ", ")+`], :invalid_values=>[]}}`)
}

// ticket is the one that the path names; nil = none.
func (c *call) ticket() *Ticket {
	return c.a.tickets.get(input{"id": c.id}.number("id"))
}

func showTicket(c *call) reply {
	t := c.ticket()
	if t == nil {
		return notFound()
	}
	return jsonReply(http.StatusOK, object{"ticket": c.ticketWire(t)})
}

// listTickets lists tickets by id, or those with an external id. The archive is not listed.
func listTickets(c *call) reply {
	query := c.r.URL.Query()
	ids := c.a.tickets.ids
	if query.Has("external_id") {
		ids = c.a.ticketsByExt[query.Get("external_id")]
	}
	var list []*Ticket
	for _, id := range ids {
		if t := c.a.tickets.get(id); !t.Archived {
			list = append(list, t)
		}
	}
	return page(c, "tickets", list, func(t *Ticket) any { return c.ticketWire(t) })
}

func showManyTickets(c *call) reply {
	ids, bad := c.ids("ids")
	if bad != nil {
		return *bad
	}
	list := []any{}
	for _, id := range ids {
		if t := c.a.tickets.get(input{"id": id}.number("id")); t != nil {
			list = append(list, c.ticketWire(t))
		}
	}
	return jsonReply(http.StatusOK, object{"tickets": list, "count": len(list), "next_page": nil, "previous_page": nil})
}

func listComments(c *call) reply {
	t := c.ticket()
	if t == nil {
		return notFound()
	}
	list := make([]*Comment, len(t.Comments))
	for i := range t.Comments {
		list[i] = &t.Comments[i]
	}
	query := c.r.URL.Query()
	if query.Get("sort_order") == "desc" || query.Get("sort") == "-created_at" {
		slices.Reverse(list)
	}
	return page(c, "comments", list, func(cm *Comment) any { return commentOfTicket(cm, t.Via) })
}

func listAudits(c *call) reply {
	t := c.ticket()
	if t == nil {
		return notFound()
	}
	list := make([]*Audit, len(t.Audits))
	for i := range t.Audits {
		list[i] = &t.Audits[i]
	}
	return page(c, "audits", list, func(audit *Audit) any { return auditOf(t, audit) })
}
