package simzendesk

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// at is the call with the time at which a job works on an item. Its request has been answered by then.
func (c *call) at(now time.Time) *call {
	later := *c
	later.now, later.idem = now, nil
	return &later
}

// items reads the tickets of a bulk request.
func (c *call) items() ([]input, *reply) {
	var body struct {
		Tickets []any `json:"tickets"`
	}
	if bad := c.decode(&body); bad != nil {
		return nil, bad
	}
	if len(body.Tickets) > maxPage {
		r := tooManyValues("Parameter  cannot specify more than 100 values")
		return nil, &r
	}
	out := make([]input, len(body.Tickets))
	for i, item := range body.Tickets {
		out[i], _ = item.(map[string]any)
	}
	return out, nil
}

// createItem creates a ticket of a job and returns the item's result.
func (c *call) createItem(kind string, index int, in input, d *draft) object {
	d.create(in)
	if !d.bad.empty() {
		return object{"index": index, "error": kind + "Failed", "details": d.bad.String()}
	}
	d.finish()
	if err := d.save(nil); err != nil {
		c.a.server.fail(err)
		return object{"index": index, "error": kind + "Failed", "details": "the journal of the simulator cannot be written"}
	}
	return object{"index": index, "id": d.ticket.ID, "account_id": c.a.base}
}

func createManyTickets(c *call) reply {
	items, bad := c.items()
	if bad != nil {
		return *bad
	}
	return c.startJob("TicketCreate", "Creating ticket", len(items), func(index int, now time.Time) object {
		return c.createItem("TicketCreate", index, items[index], c.a.newDraft(c.at(now), nil))
	})
}

// updateManyTickets changes many tickets alike (?ids= and "ticket") or each in its own way ("tickets").
func updateManyTickets(c *call) reply {
	var body struct {
		Ticket map[string]any `json:"ticket"`
	}
	if bad := c.decode(&body); bad != nil {
		return *bad
	}
	items, bad := c.items()
	if bad != nil {
		return *bad
	}
	if body.Ticket != nil {
		ids, bad := c.ids("ids")
		if bad != nil {
			return *bad
		}
		items = nil
		for _, id := range ids {
			in := input{}
			maps.Copy(in, body.Ticket)
			in["id"] = id
			items = append(items, in)
		}
	}
	return c.startJob("TicketUpdate", "Updating ticket", len(items), func(index int, now time.Time) object {
		return c.updateItem(index, items[index], now)
	})
}

func (c *call) updateItem(index int, in input, now time.Time) object {
	id := in.number("id")
	failed := func(code, details string) object {
		return object{"index": index, "id": id, "action": "update", "success": false, "error": code, "details": details}
	}
	old := c.a.tickets.get(id)
	if old == nil {
		return failed("TicketNotFound", "Ticket not found")
	}
	// Bulk updates are always safe updates.
	if in.has("updated_stamp") && !sameStamp(in.text("updated_stamp"), old.UpdatedAt) {
		return failed("UpdateConflict", "Ticket was updated since")
	}
	d := c.a.newDraft(c.at(now), old)
	d.bulk = true
	d.update(in)
	if !d.bad.empty() {
		return failed("TicketUpdateFailed", d.bad.String())
	}
	d.finish()
	if err := d.save(nil); err != nil {
		c.a.server.fail(err)
		return failed("TicketUpdateFailed", "the journal of the simulator cannot be written")
	}
	return object{"index": index, "action": "update", "id": id, "status": "Updated", "success": true}
}

// The import API: https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_import/

func (c *call) newImport(in input) *draft {
	d := c.a.newDraft(c, nil)
	d.importing = true
	if c.a.switches().ImportIgnoresRequester {
		delete(in, "requester")
	}
	if c.a.switches().ImportIgnoresForm {
		delete(in, "ticket_form_id")
	}
	d.ticket.Imported = true
	d.ticket.Archived = c.r.URL.Query().Get("archive_immediately") == "true" && in.text("status") == "closed"
	return d
}

func importTicket(c *call) reply {
	in, bad := c.object("ticket")
	if bad != nil {
		return *bad
	}
	d := c.newImport(in)
	d.create(in)
	if !d.bad.empty() {
		return d.bad.reply()
	}
	d.finish()
	if err := d.save(nil); err != nil {
		return c.notStored(err)
	}
	return jsonReply(http.StatusCreated, object{"ticket": c.ticketWire(&d.ticket)})
}

func importManyTickets(c *call) reply {
	items, bad := c.items()
	if bad != nil {
		return *bad
	}
	return c.startJob("TicketImport", "Creating ticket", len(items), func(index int, now time.Time) object {
		return c.createItem("TicketImport", index, items[index], c.at(now).newImport(items[index]))
	})
}

// importComments reads the comments and the times of an imported ticket.
func (d *draft) importComments(in input) {
	t := &d.ticket
	for key, at := range map[string]*time.Time{"created_at": &t.CreatedAt, "updated_at": &t.UpdatedAt, "solved_at": &t.SolvedAt} {
		if text := in.text(key); text != "" {
			*at = d.importTime(key, text)
		}
	}
	if c, found := commentOf(in); found {
		d.addComment(c, true)
	}
	for _, item := range in.list("comments") {
		if c, ok := item.(map[string]any); ok {
			d.addComment(c, len(d.comments) == 0)
		}
	}
	slices.SortStableFunc(d.comments, func(x, y Comment) int { return x.CreatedAt.Compare(y.CreatedAt) })
}

// importTime reads a time of the past. What is before 1970 becomes 1970.
func (d *draft) importTime(key, text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.After(d.call.now) {
		d.bad.add(key, invalidValue, key, "InvalidValue")
		return d.call.now
	}
	if epoch := time.Unix(0, 0).UTC(); t.Before(epoch) {
		return epoch
	}
	return t.UTC()
}
